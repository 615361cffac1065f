//! An execution: the result for a key, however many vertices have the key.

use std::mem;
use std::sync::{Arc, Weak};
use std::thread;

use futures::FutureExt;
use parking_lot::Mutex;

use super::cell::{Cell, Fault, Keep};
use super::context::{Run, RunContext};
use super::error::{BuildError, FailureCause, OnPanic, OperationError, PANICKED};
use super::event::JobEventKind;
use super::key::{Key, Uses};
use super::output::{Output, Outputs};
use super::registry::ExecutionKey;
use super::shared::Shared;
use super::state::{State, ask, text_of};
use crate::Context;

/// The result for a key, while there is a vertex that has the key.
///
/// Invariant: what drives it has its height, and it waits only for what is lower, but for
/// sub-builds.
pub(super) struct Execution<V> {
    pub(super) key: Key,
    id: ExecutionKey,
    pub(super) cell: Cell<Outputs<V>, BuildError>,
    shared: Arc<Shared<V>>,
    /// Whose operation it is.
    driver: Mutex<Weak<State<V>>>,
    /// What its sub-builds built.
    below: Mutex<Vec<Arc<State<V>>>>,
    /// Its place in the journal.
    entry: usize,
}

impl<V: Send + Sync + 'static> Execution<V> {
    pub(super) fn new(shared: &Arc<Shared<V>>, driver: &Arc<State<V>>, key: Key) -> Self {
        Self {
            key,
            id: (key.digest, driver.vertex.height()),
            cell: Cell::new(Keep::ValuesAndErrors).grace(shared.options.grace),
            shared: shared.clone(),
            driver: Mutex::new(Arc::downgrade(driver)),
            below: Mutex::default(),
            entry: shared.journal.lock().add_execution(),
        }
    }

    pub(super) const fn entry(&self) -> usize {
        self.entry
    }

    pub(super) fn driver(&self) -> Option<Arc<State<V>>> {
        self.driver.lock().upgrade()
    }

    pub(super) fn set_driver(&self, driver: &Arc<State<V>>) {
        *self.driver.lock() = Arc::downgrade(driver);
    }

    pub(super) fn below(&self) -> Vec<Arc<State<V>>> {
        self.below.lock().clone()
    }

    /// Keeps what a sub-build builds as long as the result.
    pub(super) fn adopt(&self, state: &Arc<State<V>>) {
        let mut below = self.below.lock();
        if !below.iter().any(|one| Arc::ptr_eq(one, state)) {
            below.push(state.clone());
        }
    }

    /// Tells that it has failed, and gives the reason again.
    fn tell_failed(&self, error: BuildError) -> BuildError {
        let text = text_of(&error).into();
        self.tell(JobEventKind::Failed { error: text });
        error
    }

    pub(super) fn tell(&self, kind: JobEventKind) {
        self.shared.journal.lock().tell(self.entry, kind);
    }
}

impl<V> Execution<V> {
    /// What its sub-builds built, which outlives it.
    pub(super) fn into_below(mut self) -> Vec<Arc<State<V>>> {
        mem::take(self.below.get_mut())
    }
}

impl<V> Drop for Execution<V> {
    fn drop(&mut self) {
        self.shared
            .registry
            .lock()
            .executions
            .remove(&self.id, self);
        self.shared.journal.lock().remove_execution(self.entry);
    }
}

/// That an execution has begun; if it is not told how it has ended, it was cancelled.
struct Begun<'a, V: Send + Sync + 'static> {
    execution: &'a Execution<V>,
    is_over: bool,
}

impl<V: Send + Sync + 'static> Drop for Begun<'_, V> {
    fn drop(&mut self) {
        if !self.is_over && !thread::panicking() {
            self.execution.tell(JobEventKind::Cancelled);
        }
    }
}

/// A run of an execution: gives what a store has, or has the operation done.
pub(super) async fn drive<V: Send + Sync + 'static>(
    state: Arc<State<V>>,
    execution: Arc<Execution<V>>,
    wanted: usize,
    context: Context,
) -> Result<Outputs<V>, Fault<BuildError>> {
    let _told = OnPanic(|| {
        let error = PANICKED.into();
        execution.tell(JobEventKind::Failed { error });
    });
    let driven = async {
        state.shared().journal.lock().begin(execution.entry);
        let leads = state.shared().lead(&state, &execution);
        leads.map_err(|error| execution.tell_failed(error))?;
        let found = context.until_cancelled(load(&state, &execution, wanted));
        match found.await {
            Some(Some(outputs)) => Ok(outputs),
            Some(None) => make(&state, &execution, &context).await,
            None => Err(BuildError::Cancelled),
        }
    };
    driven.await.map_err(BuildError::into_fault)
}

/// What a store has. A store that fails, or has less than is wanted, is made up for by the next,
/// and by a run.
async fn load<V: Send + Sync + 'static>(
    state: &State<V>,
    execution: &Execution<V>,
    wanted: usize,
) -> Option<Outputs<V>> {
    if execution.key.uses != Uses::Both {
        return None;
    }
    let key = execution.key.digest;
    for (at, store) in state.stores().enumerate() {
        match ask(|| store.load(key)).await {
            Ok(Some(outputs)) if outputs.get(wanted).is_none() => {
                let error = format!("it has no output {wanted}").into();
                state.warn(&**store, "cannot use a result", &error);
            }
            Ok(Some(outputs)) => {
                if at > 0 {
                    save(state, execution, &outputs).await;
                }
                execution.tell(JobEventKind::Cached {
                    store: store.name().into(),
                });
                return Some(outputs.into());
            }
            Ok(None) => {}
            Err(error) => state.warn(&**store, "cannot load a result", &error),
        }
    }
    None
}

async fn save<V: Send + Sync + 'static>(
    state: &State<V>,
    execution: &Execution<V>,
    outputs: &[Output<V>],
) {
    if execution.key.uses == Uses::Nothing {
        return;
    }
    let store = &state.shared().options.store;
    if let Err(error) = ask(|| store.save(execution.key.digest, outputs)).await {
        state.warn(&**store, "cannot keep a result", &error);
    }
}

/// Has the operation done, once its inputs and permits are there.
async fn make<V: Send + Sync + 'static>(
    state: &Arc<State<V>>,
    execution: &Arc<Execution<V>>,
    context: &Context,
) -> Result<Outputs<V>, BuildError> {
    let shared = state.shared();
    let needs = state.vertex.operation().needs();
    let permits = shared
        .options
        .limits
        .permits(state.vertex.shared_name(), needs)
        .map_err(|error| execution.tell_failed(error))?;
    let ready = context.until_cancelled(async {
        // What fails of these is told by whom it is of.
        let made = state.inputs_made().await?;
        let inputs = state.pick_inputs(&made);
        let inputs = inputs.map_err(|error| execution.tell_failed(error))?;
        permits.take().await;
        Ok::<_, BuildError>(inputs)
    });
    let inputs = ready.await.unwrap_or(Err(BuildError::Cancelled))?;
    let run = execution.cell.runs();
    execution.tell(JobEventKind::Started { run });
    let mut begun = Begun {
        execution,
        is_over: false,
    };
    let of_run = Arc::new(Run {
        shared: shared.clone(),
        state: state.clone(),
        execution: execution.clone(),
        permits,
    });
    let made = attempt(&of_run, context, &inputs).await;
    // With its permits.
    drop(of_run);
    match made {
        Ok(outputs) => {
            save(state, execution, &outputs).await;
            begun.is_over = true;
            execution.tell(JobEventKind::Completed { run });
            Ok(outputs.into())
        }
        Err(_) if context.is_cancelled() => Err(BuildError::Cancelled),
        Err(error) => {
            begun.is_over = true;
            Err(execution.tell_failed(state.failure(error, FailureCause::Operation)))
        }
    }
}

/// Does it, and again after a failure in passing, as often as the solver is told to. What has
/// failed in a sub-build was tried again there.
async fn attempt<V: Send + Sync + 'static>(
    run: &Arc<Run<V>>,
    context: &Context,
    inputs: &[Output<V>],
) -> Result<Vec<Output<V>>, OperationError> {
    let (state, retry) = (&run.state, run.shared.options.retry);
    let of_operation = RunContext::new(context.clone(), run);
    let mut failures = 0;
    loop {
        failures += 1;
        let operation = state.vertex.operation();
        let made = operation.run(of_operation.clone(), inputs.to_vec());
        match made.await {
            Err(Fault::Transient(error))
                if failures <= retry.times && !error.is::<BuildError>() =>
            {
                let delay = retry.delay(failures, state.digest());
                let text = text_of(&*error);
                of_operation.warn(format!(
                    "attempt {failures} failed, and the next is in {delay:?}: {text}"
                ));
                // In a box, since each run has a place for it and few need it.
                let wait = context.until_cancelled(run.pause(delay)).boxed();
                if wait.await.is_none() {
                    return Err(Fault::Transient(error));
                }
            }
            made => return made,
        }
    }
}
