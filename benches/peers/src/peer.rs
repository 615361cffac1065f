//! What a peer has to do.

use crate::stage::Stage;

/// A supervisor of a peer, with its children.
///
/// A child enters the stage when it runs, and leaves it when it has ended. One that fails is
/// started again at once, as often as it fails. `Err` says what a peer cannot do.
pub(crate) trait Peer: Sized + Send + 'static {
    /// Starts children with these names, which fail alone.
    fn flat(stage: Stage, names: Vec<String>) -> impl Future<Output = Result<Self, String>> + Send;

    /// Starts children with these names; when one fails, all are stopped and started again.
    fn group(stage: Stage, names: Vec<String>)
    -> impl Future<Output = Result<Self, String>> + Send;

    /// Starts nodes with these names, each below the one before; when the first fails, all are
    /// stopped and started again.
    fn chain(stage: Stage, names: Vec<String>)
    -> impl Future<Output = Result<Self, String>> + Send;

    /// How many of so many nodes of a chain enter the stage: not those that run no code of ours.
    fn entering(nodes: usize) -> usize {
        nodes
    }

    /// Tells those to fail that the stage says fail; an error if one has ended by itself.
    fn fail(&self) -> Result<(), Gone>;

    /// Stops the supervisor with all its children.
    fn stop(self) -> impl Future<Output = ()> + Send;
}

/// A child that had started was not there any more.
#[derive(Debug)]
pub(crate) struct Gone;

impl From<Gone> for String {
    fn from(_: Gone) -> Self {
        "what has started has ended again by itself".to_owned()
    }
}
