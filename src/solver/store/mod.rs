//! Where results are kept beyond the jobs that wanted them.

mod disk;
mod layered;
mod memory;

use futures::future::BoxFuture;

pub use self::disk::{Codec, DiskStore};
pub use self::layered::LayeredStore;
pub use self::memory::MemoryStore;
use super::error::BoxError;
use super::output::Output;
use crate::store::Digest;

/// Where results are kept, and found by their keys.
///
/// It is a cache: what it loses or cannot give is made again. An error is a warning to the jobs
/// that share the vertex, and fails none; so is a panic.
pub trait ResultStore<V>: Send + Sync {
    /// What it is called where it is told of.
    fn name(&self) -> &str;

    /// Whether there is a result for the key, without giving it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being seen.
    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>>;

    /// Gives all outputs that are kept for the key; `None` if there are none.
    ///
    /// # Errors
    ///
    /// Whatever keeps them from being given.
    fn load(&self, key: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<V>>>, BoxError>>;

    /// Keeps these for the key, in place of what was there.
    ///
    /// # Errors
    ///
    /// Whatever keeps them from being kept.
    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<V>],
    ) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Which digest another one was said to stand for.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being known.
    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>>;

    /// Says that one digest stands for another.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being kept.
    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>>;
}
