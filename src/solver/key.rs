//! Keys: under which a result is found again, and how that is worked out.

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};

use std::sync::Arc;

use super::cell::Fault;
use super::context::OperationContext;
use super::error::{BuildError, Failure, FailureCause, OnPanic, OperationError, PANICKED};
use super::identity::Identity;
use super::operation::{CacheKey, Keying};
use super::state::State;
use super::vertex::{ContentFn, Freshness, Input};
use crate::Context;
use crate::store::Digest;

/// The key of a vertex: one for all its outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) digest: Digest,
    pub(super) uses: Uses,
}

/// What a stored result is to a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Uses {
    /// It is used, and kept.
    Both,
    /// It is kept: the vertex is made anew.
    Keeps,
    /// There is none: what it is made of cannot be named.
    Nothing,
}

/// How an input counts in the key of a vertex.
struct Counted {
    digest: Digest,
    index: usize,
    part: Vec<u8>,
    uses: Uses,
}

impl Key {
    /// In which slot an execution with the key is.
    pub(super) const fn freshness(&self) -> Freshness {
        match self.uses {
            Uses::Both => Freshness::Any,
            Uses::Keeps | Uses::Nothing => Freshness::Fresh,
        }
    }
}

/// The key of a vertex that has to ask nobody, if it is such a one.
pub(super) fn known<V: Send + Sync + 'static>(state: &State<V>) -> Option<Key> {
    let vertex = &state.vertex;
    if vertex.operation().keying() != Keying::Identity {
        return None;
    }
    let mut counted = Vec::with_capacity(vertex.edges().len());
    for (input, below) in vertex.edges().iter().zip(state.inputs()) {
        if input.by_content().is_some() {
            return None;
        }
        counted.push(by_definition(input, below.known_key()?));
    }
    Some(combine(state, vertex.identity(), &counted))
}

/// Works out the key of a vertex, in a run of its own.
pub(super) async fn resolve<V: Send + Sync + 'static>(
    state: Arc<State<V>>,
    context: Context,
) -> Result<Key, Fault<BuildError>> {
    let operation = OperationContext::new(context.clone(), &state);
    let _told = OnPanic(|| {
        let journal = &state.shared().journal;
        journal.lock().tell_failed(state.entry(), PANICKED.into());
    });
    let resolved = async {
        let first = ask(&state, operation.clone(), 0).await?;
        let Some(own) = named(first) else {
            return Ok(unnamed(&state));
        };
        let inputs = count_inputs(&state, own);
        let Some(inputs) = context.until_cancelled(inputs).await else {
            return Err(BuildError::Cancelled);
        };
        let inputs = inputs?;
        settle(&state, &operation, first, &inputs).await
    };
    resolved.await.map_err(|error| {
        // What it says of itself when it was told to stop is no failure.
        if error.is_of(state.digest()) && !context.is_cancelled() {
            state.tell_failed(&error);
        }
        error.into_fault()
    })
}

async fn ask<V: Send + Sync + 'static>(
    state: &State<V>,
    context: OperationContext,
    step: usize,
) -> Result<CacheKey, BuildError> {
    let vertex = &state.vertex;
    match vertex.operation().keying() {
        Keying::Identity => Ok(CacheKey::Last(vertex.identity())),
        Keying::Never => Ok(CacheKey::Never),
        Keying::Asked => {
            let key = vertex.operation().key(context, step).await;
            key.map_err(|error| state.failure(error, FailureCause::Key))
        }
    }
}

const fn named(key: CacheKey) -> Option<Digest> {
    match key {
        CacheKey::Last(digest) | CacheKey::More(digest) => Some(digest),
        CacheKey::Never => None,
    }
}

/// Of several names of an operation, finds one that is known: it stands for all.
async fn settle<V: Send + Sync + 'static>(
    state: &Arc<State<V>>,
    operation: &OperationContext,
    first: CacheKey,
    inputs: &[Counted],
) -> Result<Key, BuildError> {
    let (mut answer, mut asked, mut chosen) = (first, Vec::new(), None);
    while let Some(own) = named(answer) {
        let key = combine(state, own, inputs);
        let digest = state.alias(key.digest).await.unwrap_or(key.digest);
        let key_of_all = Key { digest, ..key };
        asked.push(key.digest);
        chosen = chosen.or(Some(key_of_all));
        let is_last = matches!(answer, CacheKey::Last(_));
        if is_last && asked.len() == 1 {
            break;
        }
        if key.uses != Uses::Nothing && state.is_stored(digest).await {
            chosen = Some(key_of_all);
            break;
        }
        if is_last {
            break;
        }
        answer = ask(state, operation.clone(), asked.len()).await?;
    }
    let chosen = chosen.unwrap_or_else(|| unnamed(state));
    for digest in asked {
        if digest != chosen.digest {
            state.set_alias(digest, chosen.digest).await;
        }
    }
    Ok(chosen)
}

async fn count_inputs<V: Send + Sync + 'static>(
    state: &Arc<State<V>>,
    own: Digest,
) -> Result<Vec<Counted>, BuildError> {
    let inputs = state.vertex.edges().iter().zip(state.inputs());
    let counted = inputs.enumerate().map(|(at, (input, below))| {
        async move {
            match input.by_content() {
                None => Ok(by_definition(input, below.key().await?)),
                Some(content) => by_content(state, own, at, input, content).await,
            }
        }
        .boxed()
    });
    try_join_all(counted).await
}

fn by_definition<V>(input: &Input<V>, key: Key) -> Counted {
    Counted {
        digest: key.digest,
        index: input.index(),
        part: input.part().to_vec(),
        uses: key.uses,
    }
}

/// The digest of what an input has become: remembered, or looked at.
async fn by_content<V: Send + Sync + 'static>(
    state: &Arc<State<V>>,
    own: Digest,
    at: usize,
    input: &Input<V>,
    content: &dyn ContentFn<V>,
) -> Result<Counted, BuildError> {
    let below = &state.inputs()[at];
    let key = below.key().await?;
    let mut name = Identity::new("content");
    name.add(key.digest.as_bytes())
        .add(input.index().to_le_bytes());
    name.add(own.as_bytes())
        .add(at.to_le_bytes())
        .add(input.part());
    let name = name.digest();
    let remembered = match key.uses {
        Uses::Both => state.alias(name).await,
        Uses::Keeps | Uses::Nothing => None,
    };
    let digest = match remembered {
        Some(digest) => digest,
        None => {
            let digest = look_at(state, below, input, content).await?;
            if key.uses != Uses::Nothing {
                state.set_alias(name, digest).await;
            }
            digest
        }
    };
    // Neither the place nor the part counts: they are in the digest.
    Ok(Counted {
        digest,
        index: usize::MAX,
        part: Vec::new(),
        uses: Uses::Both,
    })
}

fn look_at<'a, V: Send + Sync + 'static>(
    state: &'a Arc<State<V>>,
    below: &'a Arc<State<V>>,
    input: &'a Input<V>,
    content: &'a dyn ContentFn<V>,
) -> BoxFuture<'a, Result<Digest, BuildError>> {
    async move {
        let made = below.outputs(input.index()).await?;
        let what = |source| {
            let input = below.vertex.shared_name().clone();
            FailureCause::Content { input, source }
        };
        let picked = below.pick(&made, input.index());
        let output =
            picked.map_err(|error| state.failure(OperationError::permanent(error), what))?;
        let digest = content.digest(output.clone()).await;
        digest.map_err(|error| {
            let name = state.vertex.shared_name();
            let failure = Failure::of_operation(name, state.digest(), error, what);
            failure.holding(output).into()
        })
    }
    .boxed()
}

/// The key of an operation with these inputs.
fn combine<V: Send + Sync + 'static>(state: &State<V>, own: Digest, inputs: &[Counted]) -> Key {
    let uses = inputs.iter().map(|input| input.uses).max();
    let uses = uses
        .unwrap_or(Uses::Both)
        .max(match state.vertex.own_freshness() {
            Freshness::Any => Uses::Both,
            Freshness::Fresh => Uses::Keeps,
        });
    if uses == Uses::Nothing {
        return unnamed(state);
    }
    let mut whole = Identity::new("key");
    whole.add(own.as_bytes());
    for input in inputs {
        whole.add(input.digest.as_bytes());
        whole.add(input.index.to_le_bytes()).add(&input.part);
    }
    Key {
        digest: whole.digest(),
        uses,
    }
}

/// What stands for the key of a vertex that has none.
fn unnamed<V: Send + Sync + 'static>(state: &State<V>) -> Key {
    let mut whole = Identity::new("unnamed");
    whole.add(state.digest().as_bytes());
    Key {
        digest: whole.digest(),
        uses: Uses::Nothing,
    }
}
