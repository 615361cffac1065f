//! The state of a vertex while anybody refers to it.

use std::future::ready;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};

use super::cell::{Cell, Keep, text_of_panic};
use super::error::{BoxError, BuildError, Failure, FailureCause, OperationError};
use super::execution::{self, Execution};
use super::key::{self, Key};
use super::output::{Output, Outputs};
use super::shared::Shared;
use super::store::ResultStore;
use super::vertex::Vertex;
use crate::store::Digest;

/// A vertex that some job, or what is made of it, or a run refers to.
///
/// Invariant: it owns the states of its inputs, and nothing that is above it.
pub(super) struct State<V> {
    pub(super) vertex: Vertex<V>,
    shared: Arc<Shared<V>>,
    inputs: Vec<Arc<Self>>,
    /// Where results may be, besides the solver's own store.
    stores: Vec<Arc<dyn ResultStore<V>>>,
    known_key: OnceLock<Key>,
    key: Cell<Key, BuildError>,
    execution: OnceLock<Arc<Execution<V>>>,
    /// Its place in the journal.
    entry: usize,
}

impl<V: Send + Sync + 'static> State<V> {
    pub(super) fn new(
        shared: &Arc<Shared<V>>,
        vertex: Vertex<V>,
        inputs: Vec<Arc<Self>>,
        stores: Vec<Arc<dyn ResultStore<V>>>,
    ) -> Self {
        let digests: Arc<[_]> = inputs.iter().map(|input| input.digest()).collect();
        let name = vertex.shared_name().clone();
        let entry = shared
            .journal
            .lock()
            .add_vertex(vertex.digest(), name, digests);
        let state = Self {
            key: Cell::new(Keep::ValuesAndErrors).grace(shared.options.grace),
            shared: shared.clone(),
            vertex,
            inputs,
            stores,
            known_key: OnceLock::new(),
            execution: OnceLock::new(),
            entry,
        };
        if let Some(key) = key::known(&state) {
            // Nobody else has it yet.
            let _ = state.known_key.set(key);
        }
        state
    }

    pub(super) fn digest(&self) -> Digest {
        self.vertex.digest()
    }

    pub(super) const fn shared(&self) -> &Arc<Shared<V>> {
        &self.shared
    }

    pub(super) const fn entry(&self) -> usize {
        self.entry
    }

    pub(super) fn inputs(&self) -> &[Arc<Self>] {
        &self.inputs
    }

    pub(super) fn execution(&self) -> Option<&Arc<Execution<V>>> {
        self.execution.get()
    }

    /// All that it waits for, or may have to: its inputs, and what is below its execution.
    pub(super) fn waits_for(&self) -> Vec<Arc<Self>> {
        let mut all = self.inputs.clone();
        if let Some(execution) = self.execution.get() {
            all.extend(execution.below());
            let driver = execution.driver();
            all.extend(driver.iter().flat_map(|driver| &driver.inputs).cloned());
        }
        all
    }

    pub(super) fn known_key(&self) -> Option<Key> {
        self.known_key.get().copied()
    }

    /// The key, which is worked out once.
    pub(super) fn key(self: &Arc<Self>) -> BoxFuture<'_, Result<Key, BuildError>> {
        if let Some(key) = self.known_key() {
            return ready(Ok(key)).boxed();
        }
        async move {
            let pool = self.shared.pool()?;
            let state = self.clone();
            let key = self.key.get(&pool, |context| key::resolve(state, context));
            let key = key.await.map_err(|error| {
                BuildError::from_run(error, self.vertex.shared_name(), self.digest())
            })?;
            // Another one may have been faster, with the same.
            let _ = self.known_key.set(key);
            Ok(key)
        }
        .boxed()
    }

    /// All outputs, which are made once for all that have the key. This one of them is wanted.
    pub(super) fn outputs(
        self: &Arc<Self>,
        wanted: usize,
    ) -> BoxFuture<'_, Result<Outputs<V>, BuildError>> {
        async move {
            let key = self.key().await?;
            let execution = self.join(key);
            let (state, joined) = (self.clone(), execution.clone());
            let pool = self.shared.pool()?;
            // In a box: it is moved some times before it runs.
            let run = move |context| execution::drive(state, joined, wanted, context).boxed();
            let made = execution.cell.get(&pool, run).await;
            made.map_err(|error| {
                BuildError::from_run(error, self.vertex.shared_name(), self.digest())
            })
        }
        .boxed()
    }

    pub(super) async fn output(self: &Arc<Self>, index: usize) -> Result<Output<V>, BuildError> {
        self.pick(&self.outputs(index).await?, index)
    }

    /// One of the outputs that were made.
    pub(super) fn pick(&self, made: &Outputs<V>, index: usize) -> Result<Output<V>, BuildError> {
        let output = made.get(index).cloned();
        output.ok_or_else(|| BuildError::NoOutput {
            vertex: self.vertex.shared_name().clone(),
            index,
            outputs: made.len(),
        })
    }

    /// All that the inputs are of: at the first that fails, the others are left.
    pub(super) async fn inputs_made(&self) -> Result<Vec<Outputs<V>>, BuildError> {
        let edges = self.vertex.edges().iter().zip(&self.inputs);
        try_join_all(edges.map(|(input, below)| below.outputs(input.index()))).await
    }

    /// What the operation is done with.
    pub(super) fn pick_inputs(&self, made: &[Outputs<V>]) -> Result<Vec<Output<V>>, BuildError> {
        let edges = self.vertex.edges().iter().zip(&self.inputs).zip(made);
        let picked = edges.map(|((input, below), made)| below.pick(made, input.index()));
        picked.collect()
    }

    /// The execution that it shares, or joins now.
    fn join(self: &Arc<Self>, key: Key) -> Arc<Execution<V>> {
        let joined = self.execution.get().cloned();
        joined.unwrap_or_else(|| self.shared.join(self, key))
    }

    /// Shares an execution from now on, unless another thread was faster: gives what it shares.
    pub(super) fn share(&self, execution: &Arc<Execution<V>>) -> Arc<Execution<V>> {
        let mut journal = self.shared.journal.lock();
        if self.execution.set(execution.clone()).is_ok() {
            journal.join(self.entry, execution.entry());
        }
        drop(journal);
        self.execution.get().unwrap_or(execution).clone()
    }

    /// Where a result may be: the solver's own store first.
    pub(super) fn stores(&self) -> impl Iterator<Item = &Arc<dyn ResultStore<V>>> {
        std::iter::once(&self.shared.options.store).chain(&self.stores)
    }

    pub(super) fn other_stores(&self) -> &[Arc<dyn ResultStore<V>>] {
        &self.stores
    }

    pub(super) async fn is_stored(&self, key: Digest) -> bool {
        for store in self.stores() {
            match ask(|| store.find(key)).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => self.warn(&**store, "cannot find a result", &error),
            }
        }
        false
    }

    pub(super) async fn alias(&self, of: Digest) -> Option<Digest> {
        for store in self.stores() {
            match ask(|| store.alias(of)).await {
                Ok(Some(to)) => return Some(to),
                Ok(None) => {}
                Err(error) => self.warn(&**store, "cannot find an alias", &error),
            }
        }
        None
    }

    pub(super) async fn set_alias(&self, of: Digest, to: Digest) {
        let store = &self.shared.options.store;
        if let Err(error) = ask(|| store.set_alias(of, to)).await {
            self.warn(&**store, "cannot keep an alias", &error);
        }
    }

    /// What a store fails in is made up for, and told.
    pub(super) fn warn(&self, store: &dyn ResultStore<V>, what: &str, error: &BoxError) {
        let text = format!("{} {what}: {}", store.name(), text_of(&**error));
        self.shared.journal.lock().warn(self.entry, text.into());
    }

    pub(super) fn failure(
        &self,
        error: OperationError,
        what: impl FnOnce(BoxError) -> FailureCause,
    ) -> BuildError {
        let name = self.vertex.shared_name();
        Failure::of_operation(name, self.digest(), error, what).into()
    }

    /// How many wait for its key, or for the run that it shares.
    pub(super) fn waiters(&self) -> usize {
        let of_run = self.execution.get().map(|execution| &execution.cell);
        self.key.waiters() + of_run.map_or(0, Cell::waiters)
    }

    /// Tells that its key has failed: there is no execution to tell it.
    pub(super) fn tell_failed(&self, error: &BuildError) {
        let text = text_of(error).into();
        self.shared.journal.lock().tell_failed(self.entry, text);
    }

    pub(super) fn is_unwinding(&self) -> bool {
        let execution = self.execution.get();
        self.key.is_unwinding() || execution.is_some_and(|one| one.cell.is_unwinding())
    }

    /// Waits until nothing of it unwinds.
    pub(super) async fn quiet(&self) {
        self.key.quiet().await;
        if let Some(execution) = self.execution.get() {
            execution.cell.quiet().await;
        }
    }
}

/// Asks a store: that it panics is an error like others.
pub(super) async fn ask<'a, T>(
    asked: impl FnOnce() -> BoxFuture<'a, Result<T, BoxError>>,
) -> Result<T, BoxError> {
    let answer = AssertUnwindSafe(async { asked().await });
    answer.catch_unwind().await.unwrap_or_else(|payload| {
        let text = text_of_panic(&*payload);
        Err(format!("it has panicked: {text}").into())
    })
}

/// An error with all its causes.
pub(super) fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl<V> State<V> {
    /// Lets go of its execution, and gives what it has kept: its inputs, and what the execution had
    /// below it if that has gone.
    fn let_go(&mut self) -> Vec<Arc<Self>> {
        let mut kept = mem::take(&mut self.inputs);
        let execution = self.execution.take().and_then(Arc::into_inner);
        kept.extend(execution.into_iter().flat_map(Execution::into_below));
        kept
    }
}

impl<V> Drop for State<V> {
    /// One after the other: a long chain, of inputs or of sub-builds, would not fit on the stack.
    fn drop(&mut self) {
        let digest = self.vertex.digest();
        self.shared.registry.lock().states.remove(&digest, self);
        self.shared.journal.lock().remove_vertex(self.entry);
        let mut doomed = self.let_go();
        while let Some(state) = doomed.pop() {
            if let Some(mut state) = Arc::into_inner(state) {
                doomed.append(&mut state.let_go());
            }
        }
    }
}
