//! An execution: the result for a key, however many vertices have the key.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::cell::{Cell, Fault, Keep};
use super::context::{OperationContext, Run, RunContext};
use super::error::{BuildError, FailureCause, OperationError};
use super::event::JobEventKind;
use super::key::{Key, Uses};
use super::output::{Output, Outputs};
use super::registry::ExecutionKey;
use super::shared::Shared;
use super::state::{State, text_of};
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

    fn tell(&self, kind: JobEventKind) {
        self.shared.journal.lock().tell(self.entry, kind);
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

/// That an execution has begun, and not been told to have ended: then it was cancelled.
struct Begun<'a, V: Send + Sync + 'static> {
    execution: &'a Execution<V>,
    is_over: bool,
}

impl<V: Send + Sync + 'static> Begun<'_, V> {
    fn end(mut self, kind: JobEventKind) {
        self.is_over = true;
        self.execution.tell(kind);
    }
}

impl<V: Send + Sync + 'static> Drop for Begun<'_, V> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.execution.tell(if std::thread::panicking() {
            let error = "it has panicked".into();
            JobEventKind::Failed { error }
        } else {
            JobEventKind::Cancelled
        });
    }
}

/// A run of an execution: gives what a store has, or has the operation done.
pub(super) async fn drive<V: Send + Sync + 'static>(
    state: Arc<State<V>>,
    execution: Arc<Execution<V>>,
    context: Context,
) -> Result<Outputs<V>, Fault<BuildError>> {
    let driven = async {
        state.shared().lead(&state, &execution)?;
        let found = context.until_cancelled(load(&state, &execution));
        match found.await {
            Some(Some(outputs)) => Ok(outputs),
            Some(None) => make(&state, &execution, &context).await,
            None => Err(BuildError::Cancelled),
        }
    };
    driven.await.map_err(BuildError::into_fault)
}

/// What a store has. A store that fails is made up for by the next, and by a run.
async fn load<V: Send + Sync + 'static>(
    state: &State<V>,
    execution: &Execution<V>,
) -> Option<Outputs<V>> {
    if execution.key.uses != Uses::Both {
        return None;
    }
    let key = execution.key.digest;
    for (at, store) in state.stores().enumerate() {
        match store.load(key).await {
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
    if let Err(error) = store.save(execution.key.digest, outputs).await {
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
        .permits(state.vertex.shared_name(), needs)?;
    let ready = context.until_cancelled(async {
        let inputs = state.input_outputs().await?;
        permits.take().await;
        Ok::<_, BuildError>(inputs)
    });
    let inputs = ready.await.unwrap_or(Err(BuildError::Cancelled))?;
    let run = execution.cell.runs();
    execution.tell(JobEventKind::Started { run });
    let begun = Begun {
        execution,
        is_over: false,
    };
    let base = OperationContext::new(context.clone(), shared.journal.clone(), state.entry());
    let of_run = Arc::new(Run {
        shared: shared.clone(),
        state: state.clone(),
        execution: execution.clone(),
        permits,
    });
    let made = attempt(state, context, RunContext::new(base, of_run), &inputs).await;
    match made {
        Ok(outputs) => {
            save(state, execution, &outputs).await;
            begun.end(JobEventKind::Completed { run });
            Ok(outputs.into())
        }
        Err(_) if context.is_cancelled() => Err(BuildError::Cancelled),
        Err(error) => {
            let error = state.failure(error, FailureCause::Operation);
            let text = text_of(&error).into();
            begun.end(JobEventKind::Failed { error: text });
            Err(error)
        }
    }
}

/// Does it, and again after a failure in passing, as often as the solver is told to. What has
/// failed in a sub-build was tried again there.
async fn attempt<V: Send + Sync + 'static>(
    state: &State<V>,
    context: &Context,
    run: RunContext<V>,
    inputs: &[Output<V>],
) -> Result<Vec<Output<V>>, OperationError> {
    let retry = state.shared().options.retry;
    let mut delays = StdRng::from_seed(*state.digest().as_bytes());
    let mut failures = 0;
    loop {
        failures += 1;
        let made = state.vertex.operation().run(run.clone(), inputs.to_vec());
        match made.await {
            Err(Fault::Transient(error))
                if failures <= retry.times && !error.is::<BuildError>() =>
            {
                let delay = retry.backoff.draw(failures, &mut delays);
                let text = text_of(&*error);
                run.warn(format!(
                    "attempt {failures} failed, and the next is in {delay:?}: {text}"
                ));
                let wait = context.until_cancelled(run.pause(delay));
                if wait.await.is_none() {
                    return Err(Fault::Transient(error));
                }
            }
            made => return made,
        }
    }
}
