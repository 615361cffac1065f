//! Operations: what vertices do.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::context::{OperationContext, RunContext};
use super::error::OperationError;
use super::identity::Identity;
use super::output::Output;
use crate::store::Digest;

/// What a vertex does: from the outputs of its inputs it makes outputs of its own.
///
/// # Examples
///
/// ```
/// use perennial::solver::{Identity, Operation, OperationError, Output, RunContext};
///
/// struct Concat(&'static str);
///
/// impl Operation for Concat {
///     type Value = String;
///
///     fn identity(&self) -> Identity {
///         let mut identity = Identity::new("concat");
///         identity.add(self.0);
///         identity
///     }
///
///     async fn run(
///         &self,
///         _ctx: RunContext<String>,
///         inputs: Vec<Output<String>>,
///     ) -> Result<Vec<Output<String>>, OperationError> {
///         let inputs: Vec<&str> = inputs.iter().map(|input| input.as_str()).collect();
///         Ok(vec![inputs.join(self.0).into()])
///     }
/// }
/// ```
pub trait Operation: Send + Sync + 'static {
    /// What its outputs are, and its inputs'.
    type Value: Send + Sync + 'static;

    /// What it is. Vertices with equal operations and equal inputs are one, whichever job has them.
    fn identity(&self) -> Identity;

    /// How its results are found again: by its identity, unless it says otherwise.
    fn keying(&self) -> Keying {
        Keying::Identity
    }

    /// What it does, as it is now: such as the digest of a file that it reads. Asked once for each
    /// vertex and step, and only if it is [`Keying::Asked`].
    ///
    /// Once means as long as a job has the vertex: a job that comes after the file has changed
    /// joins the work of before. Where that is not wanted, what changes belongs into the
    /// [identity](Self::identity), which each job gives anew.
    ///
    /// # Errors
    ///
    /// [`OperationError`] if that cannot be said: the vertex has failed.
    fn key(
        &self,
        ctx: OperationContext,
        step: usize,
    ) -> impl Future<Output = Result<CacheKey, OperationError>> + Send {
        let (_, _) = (ctx, step);
        let key = CacheKey::Last(self.identity().digest());
        std::future::ready(Ok(key))
    }

    /// Does it, and gives all its outputs. When nobody wants them any more the context's token
    /// fires, and the future is dropped after the solver's grace.
    ///
    /// # Errors
    ///
    /// [`OperationError`] if it fails. A panic is a failure for good, and an event of the tree.
    fn run(
        &self,
        ctx: RunContext<Self::Value>,
        inputs: Vec<Output<Self::Value>>,
    ) -> impl Future<Output = Result<Vec<Output<Self::Value>>, OperationError>> + Send;

    /// What it needs to run of the solver's [limits](super::SolverBuilder::limit): names and
    /// permits.
    fn needs(&self) -> Vec<(String, u32)> {
        Vec::new()
    }
}

/// How the results of an operation are found again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keying {
    /// By its identity and its inputs.
    #[default]
    Identity,
    /// By what [`Operation::key`] says, and its inputs.
    Asked,
    /// Not at all, and neither are those that are made of it, unless they look at its content.
    Never,
}

/// What an operation does, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheKey {
    /// This, and it has no other name.
    Last(Digest),
    /// This; it has another name, to be asked for with the next step if this one is not known.
    More(Digest),
    /// It cannot be said. As [`Keying::Never`].
    Never,
}

/// Operations without their types.
pub(super) trait AnyOperation<V>: Send + Sync {
    fn identity(&self) -> Identity;
    fn keying(&self) -> Keying;
    fn key(
        &self,
        ctx: OperationContext,
        step: usize,
    ) -> BoxFuture<'_, Result<CacheKey, OperationError>>;
    fn run(
        &self,
        ctx: RunContext<V>,
        inputs: Vec<Output<V>>,
    ) -> BoxFuture<'_, Result<Vec<Output<V>>, OperationError>>;
    fn needs(&self) -> Vec<(String, u32)>;
}

impl<O: Operation> AnyOperation<O::Value> for O {
    fn identity(&self) -> Identity {
        Operation::identity(self)
    }

    fn keying(&self) -> Keying {
        Operation::keying(self)
    }

    fn key(
        &self,
        ctx: OperationContext,
        step: usize,
    ) -> BoxFuture<'_, Result<CacheKey, OperationError>> {
        Operation::key(self, ctx, step).boxed()
    }

    fn run(
        &self,
        ctx: RunContext<O::Value>,
        inputs: Vec<Output<O::Value>>,
    ) -> BoxFuture<'_, Result<Vec<Output<O::Value>>, OperationError>> {
        Operation::run(self, ctx, inputs).boxed()
    }

    fn needs(&self) -> Vec<(String, u32)> {
        Operation::needs(self)
    }
}
