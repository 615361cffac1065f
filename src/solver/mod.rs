//! A graph of work that is shared by many jobs.
//!
//! A [`Vertex`] is a piece of work: an [`Operation`], and the outputs of other vertices that it is
//! done with. A [`Solver`] builds vertices for [`Job`]s. Whatever is equal in the graphs of its
//! jobs is done once for all that want it; is cancelled when the last of them leaves; and is found
//! again in a [store](ResultStore) when it was done before.
//!
//! The rules:
//!
//! 1. *Equal is one.* Vertices of equal [digest](Vertex::digest) are one to a solver. Different
//!    ones of which it turns out that they have one key share a run and its result.
//! 2. *Nobody owns a run* but the solver's node, below which it is a child of the pool `runs`: who
//!    waits for it may leave at any time. When the last one has left, its token fires, and what
//!    does not end within the solver's grace is aborted. A newcomer meanwhile waits for its end,
//!    and has a run of its own: there are never two of one piece of work ([`Cell`]).
//! 3. *Success is kept* as long as a job has the vertex, also if it comes after a cancellation. So
//!    is a failure for good, and a panic. A failure in passing is tried again if the solver is
//!    [told to](SolverBuilder::retry), is told to those who wait, and is not kept. What was
//!    cancelled is never kept.
//! 4. *Keys.* A result is found by the key of its operation and by its inputs. An
//!    [input](Input) counts by its definition, a selected part of it, or by its content: then a
//!    vertex whose inputs have become what they were is not made again.
//! 5. *Laziness.* What a store has is not made, and neither is what it was made of.
//! 6. *Freshness.* A [fresh](VertexBuilder::fresh) vertex is made anew, and so is what is made of
//!    it by definition. A job that does not ask for fresh work joins fresh work that runs; one that
//!    asks for it never joins other work.
//! 7. *Stores* fail no build. What one cannot load is made, and what it cannot keep is a warning.
//! 8. *Sub-builds.* An operation may [build](RunContext::build) on its way. That is the only way
//!    to a cycle, which is told at once. Its permits of the solver's
//!    [limits](SolverBuilder::limit) are handed back meanwhile, and between two attempts.
//! 9. *Each job has the whole story* of its vertices, whoever does the work: [`JobWatch`].
//! 10. *The end.* When the node stops, builds are told so, runs are asked to stop and aborted after
//!     their grace, and resources are released; the tree's report says what took force.
//!
//! `docs/guide/solver.md` shows how it is used.
//!
//! # Examples
//!
//! ```
//! use perennial::Context;
//! use perennial::solver::{
//!     Identity, Operation, OperationError, Output, RunContext, Solver, Vertex,
//! };
//!
//! /// Counts the words of its inputs, or of a text.
//! struct Count(&'static str);
//!
//! impl Operation for Count {
//!     type Value = usize;
//!
//!     fn identity(&self) -> Identity {
//!         let mut identity = Identity::new("count");
//!         identity.add(self.0);
//!         identity
//!     }
//!
//!     async fn run(
//!         &self,
//!         _ctx: RunContext<usize>,
//!         inputs: Vec<Output<usize>>,
//!     ) -> Result<Vec<Output<usize>>, OperationError> {
//!         let below: usize = inputs.iter().map(|count| **count).sum();
//!         Ok(vec![Output::new(below + self.0.split_whitespace().count())])
//!     }
//! }
//!
//! async fn root(ctx: Context) -> anyhow::Result<()> {
//!     let solver = Solver::new();
//!     let node = ctx.run("solver", solver.node())?;
//!     node.healthy().await?;
//!     let one = Vertex::builder("one", Count("to be or not to be")).build();
//!     let two = Vertex::builder("two", Count("that is the question")).build();
//!     let all = Vertex::builder("all", Count("")).inputs([one.output(0), two.output(0)]).build();
//!     let job = solver.job("count")?;
//!     assert_eq!(*job.build(&all.output(0)).await?, 10);
//!     let summary = job.finish().await;
//!     assert_eq!(summary.completed, 3);
//!     ctx.done();
//!     Ok(())
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), perennial::Failure> {
//! #     let tree = perennial::Supervisor::new(root).start();
//! #     tree.settled().await;
//! #     tree.stop().await.map(drop)
//! # }
//! ```

mod cell;
mod context;
mod error;
mod event;
mod execution;
mod feed;
mod flights;
mod handle;
mod identity;
mod job;
mod jobs;
mod journal;
mod key;
mod limits;
mod operation;
mod output;
mod registry;
mod shared;
mod state;
mod store;
mod sync;
mod vertex;
mod watch;

pub use self::cell::{Cell, CellError, Fault, Keep};
pub use self::context::{OperationContext, RunContext};
pub use self::error::{
    BoxError, BuildError, DuplicateJob, Failure, FailureCause, NoSuchJob, OperationError,
};
pub use self::event::{JobEvent, JobEventKind, Status, VertexState};
pub use self::feed::{JobSnapshot, VertexSnapshot, Watched};
pub use self::flights::SingleFlight;
pub use self::handle::{LiveVertex, Solver, SolverBuilder, SolverSnapshot};
pub use self::identity::Identity;
pub use self::job::{Job, JobSummary};
pub use self::operation::{CacheKey, Keying, Operation};
pub use self::output::Output;
pub use self::store::{Codec, DiskStore, LayeredStore, MemoryStore, ResultStore};
pub use self::vertex::{Edge, Input, Vertex, VertexBuilder};
pub use self::watch::JobWatch;
