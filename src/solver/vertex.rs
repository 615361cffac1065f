//! Vertices: what is to be made of what.

use std::fmt;
use std::mem;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::error::OperationError;
use super::identity::Identity;
use super::operation::{AnyOperation, Operation};
use super::output::Output;
use super::store::ResultStore;
use crate::store::Digest;

/// A vertex of a graph: an operation and the outputs of others that it is done with.
///
/// It is immutable, so a graph has no cycles, and cheap to clone. Vertices of equal
/// [digest](Self::digest) are one to a solver, whoever made them: the name is for people.
///
/// # Examples
///
/// ```
/// # use perennial::solver::{Identity, Operation, OperationError, Output, RunContext};
/// use perennial::solver::Vertex;
///
/// # struct Number(u64);
/// # struct Sum;
/// # impl Operation for Number {
/// #     type Value = u64;
/// #     fn identity(&self) -> Identity { Identity::new("number") }
/// #     async fn run(&self, _: RunContext<u64>, _: Vec<Output<u64>>)
/// #         -> Result<Vec<Output<u64>>, OperationError> { Ok(vec![self.0.into()]) }
/// # }
/// # impl Operation for Sum {
/// #     type Value = u64;
/// #     fn identity(&self) -> Identity { Identity::new("sum") }
/// #     async fn run(&self, _: RunContext<u64>, inputs: Vec<Output<u64>>)
/// #         -> Result<Vec<Output<u64>>, OperationError> {
/// #         Ok(vec![inputs.iter().map(|input| **input).sum::<u64>().into()])
/// #     }
/// # }
/// let one = Vertex::builder("one", Number(1)).build();
/// let sum = Vertex::builder("sum", Sum).input(one.output(0)).input(one.output(0)).build();
/// let like_it = Vertex::builder("two", Sum).input(one.output(0)).input(one.output(0)).build();
/// assert_eq!(sum.digest(), like_it.digest());
/// ```
pub struct Vertex<V>(Arc<Parts<V>>);

/// An output of a vertex.
pub struct Edge<V> {
    pub(super) vertex: Vertex<V>,
    pub(super) index: usize,
}

/// An input of a vertex: an output of another, and how the vertex depends on it.
///
/// By itself an input counts by its definition: what would make it. With a
/// [selector](Self::selector), only the part of it that this names is used. With a
/// [content](Self::content), the input counts by what it has become: if it has become the same, the
/// vertex is the same, whatever it was made of.
pub struct Input<V> {
    edge: Edge<V>,
    selector: Option<Box<[u8]>>,
    content: Option<Arc<dyn ContentFn<V>>>,
}

/// Builds a [`Vertex`].
pub struct VertexBuilder<V> {
    name: Arc<str>,
    operation: Box<dyn AnyOperation<V>>,
    inputs: Vec<Input<V>>,
    stores: Vec<Arc<dyn ResultStore<V>>>,
    freshness: Freshness,
}

/// Whether what is stored may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Freshness {
    Any,
    Fresh,
}

/// A function from what an input has become to its digest.
pub(super) trait ContentFn<V>: Send + Sync {
    fn digest(&self, output: Output<V>) -> BoxFuture<'static, Result<Digest, OperationError>>;
}

struct Parts<V> {
    name: Arc<str>,
    operation: Box<dyn AnyOperation<V>>,
    inputs: Vec<Input<V>>,
    stores: Vec<Arc<dyn ResultStore<V>>>,
    own_freshness: Freshness,
    /// That of the vertex, or of one below it.
    freshness: Freshness,
    digest: Digest,
    identity: Digest,
    /// More than that of each input: what waits for another waits for a lower one.
    height: u32,
}

impl<V: Send + Sync + 'static> Vertex<V> {
    /// Begins a vertex.
    pub fn builder(
        name: impl Into<Arc<str>>,
        operation: impl Operation<Value = V>,
    ) -> VertexBuilder<V> {
        VertexBuilder {
            name: name.into(),
            operation: Box::new(operation),
            inputs: Vec::new(),
            stores: Vec::new(),
            freshness: Freshness::Any,
        }
    }
}

impl<V> Vertex<V> {
    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is: the SHA-256 of what its operation is and of the digests of its inputs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The vertices that its inputs are of.
    pub fn inputs(&self) -> impl Iterator<Item = &Self> {
        self.0.inputs.iter().map(Input::vertex)
    }

    /// An output, counted from 0.
    #[must_use]
    pub fn output(&self, index: usize) -> Edge<V> {
        Edge {
            vertex: self.clone(),
            index,
        }
    }

    pub(super) fn shared_name(&self) -> &Arc<str> {
        &self.0.name
    }

    pub(super) fn operation(&self) -> &dyn AnyOperation<V> {
        &*self.0.operation
    }

    pub(super) fn edges(&self) -> &[Input<V>] {
        &self.0.inputs
    }

    pub(super) fn stores(&self) -> &[Arc<dyn ResultStore<V>>] {
        &self.0.stores
    }

    pub(super) fn own_freshness(&self) -> Freshness {
        self.0.own_freshness
    }

    pub(super) fn freshness(&self) -> Freshness {
        self.0.freshness
    }

    pub(super) fn identity(&self) -> Digest {
        self.0.identity
    }

    pub(super) fn height(&self) -> u32 {
        self.0.height
    }
}

impl<V> VertexBuilder<V> {
    /// Adds an input: an [`Edge`], or an [`Input`] made of one.
    #[must_use]
    pub fn input(mut self, input: impl Into<Input<V>>) -> Self {
        self.inputs.push(input.into());
        self
    }

    /// Adds inputs.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = impl Into<Input<V>>>) -> Self {
        self.inputs.extend(inputs.into_iter().map(Into::into));
        self
    }

    /// Has it made anew, whatever is stored, and all that is made of it by definition. What comes
    /// of that is stored as ever.
    #[must_use]
    pub const fn fresh(mut self) -> Self {
        self.freshness = Freshness::Fresh;
        self
    }

    /// Adds a store where its result may be found if the solver's own does not have it.
    #[must_use]
    pub fn store(mut self, store: impl ResultStore<V> + 'static) -> Self {
        self.stores.push(Arc::new(store));
        self
    }

    /// Makes the vertex.
    #[must_use]
    pub fn build(self) -> Vertex<V> {
        let identity = self.operation.identity().digest();
        // By its digest: no part of it can be taken for one of an input.
        let mut whole = Identity::new("vertex");
        whole.add(identity.as_bytes());
        for input in &self.inputs {
            whole.add(input.vertex().digest().as_bytes());
            whole.add(input.index().to_le_bytes());
            whole.add(input.part());
            whole.add([u8::from(input.content.is_some())]);
        }
        let below = || self.inputs.iter().map(Input::vertex);
        let freshness = below().map(Vertex::freshness).chain([self.freshness]).max();
        let height = below().map(Vertex::height).max();
        Vertex(Arc::new(Parts {
            digest: whole.digest(),
            identity,
            freshness: freshness.unwrap_or(self.freshness),
            own_freshness: self.freshness,
            height: height.map_or(0, |height| height + 1),
            name: self.name,
            operation: self.operation,
            inputs: self.inputs,
            stores: self.stores,
        }))
    }
}

impl<V> Input<V> {
    /// Only the part of the output that this names is used, such as a path in it.
    #[must_use]
    pub fn selector(mut self, selector: impl Into<Vec<u8>>) -> Self {
        self.selector = Some(selector.into().into_boxed_slice());
        self
    }

    /// The input counts by what it has become, of which the function gives a digest: of the part
    /// that is used, if there is a selector.
    ///
    /// The digest is remembered by the definition of the input, so that an input that has not
    /// changed is not made in order to look at it.
    #[must_use]
    pub fn content<F, Fut>(mut self, digest: F) -> Self
    where
        F: Fn(Output<V>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Digest, OperationError>> + Send + 'static,
    {
        self.content = Some(Arc::new(digest));
        self
    }

    pub(super) const fn vertex(&self) -> &Vertex<V> {
        &self.edge.vertex
    }

    pub(super) const fn index(&self) -> usize {
        self.edge.index
    }

    pub(super) fn by_content(&self) -> Option<&dyn ContentFn<V>> {
        self.content.as_deref()
    }

    pub(super) fn part(&self) -> &[u8] {
        self.selector.as_deref().unwrap_or_default()
    }
}

impl<V> From<Edge<V>> for Input<V> {
    fn from(edge: Edge<V>) -> Self {
        Self {
            edge,
            selector: None,
            content: None,
        }
    }
}

impl<V, F, Fut> ContentFn<V> for F
where
    F: Fn(Output<V>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Digest, OperationError>> + Send + 'static,
{
    fn digest(&self, output: Output<V>) -> BoxFuture<'static, Result<Digest, OperationError>> {
        self(output).boxed()
    }
}

impl<V> Drop for Parts<V> {
    /// One after the other: a long chain would not fit on the stack.
    fn drop(&mut self) {
        let mut doomed = mem::take(&mut self.inputs);
        while let Some(input) = doomed.pop() {
            if let Some(mut parts) = Arc::into_inner(input.edge.vertex.0) {
                doomed.append(&mut parts.inputs);
            }
        }
    }
}

impl<V> Clone for Vertex<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Clone for Edge<V> {
    fn clone(&self) -> Self {
        Self {
            vertex: self.vertex.clone(),
            index: self.index,
        }
    }
}

impl<V> fmt::Debug for Vertex<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vertex")
            .field("name", &self.0.name)
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for Edge<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edge({:?}, {})", self.vertex.name(), self.index)
    }
}

impl<V> fmt::Debug for Input<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("edge", &self.edge)
            .field("by_content", &self.content.is_some())
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for VertexBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VertexBuilder")
            .field("name", &self.name)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}
