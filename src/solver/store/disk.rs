//! A store on disk.

use std::fmt;

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;

use super::ResultStore;
use crate::solver::error::BoxError;
use crate::solver::output::Output;
use crate::store::{Blob, Digest, Store};

/// How a value is written down and read.
pub trait Codec<V>: Send + Sync {
    /// Writes it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written: the result is not stored.
    fn encode(&self, value: &V) -> Result<Vec<u8>, BoxError>;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the bytes: the result is made again.
    fn decode(&self, bytes: &[u8]) -> Result<V, BoxError>;
}

/// Keeps results in a content-addressed [`Store`], which others may use at the same time, also for
/// other things.
///
/// All outputs of a result are one blob, and are in memory while they are written or read.
pub struct DiskStore<C> {
    store: Store,
    codec: C,
}

/// What is wrong with a result on disk.
#[derive(Debug, Error)]
#[error("what is stored for {key} is no result")]
struct NoResult {
    key: Digest,
}

impl<C> DiskStore<C> {
    /// Keeps results in `store`, written as `codec` does.
    pub const fn new(store: Store, codec: C) -> Self {
        Self { store, codec }
    }
}

/// Which action of the store a result is.
fn result_key(key: Digest) -> Vec<u8> {
    [b"perennial result ", key.as_bytes().as_slice()].concat()
}

/// Which action of the store an alias is.
fn alias_key(of: Digest) -> Vec<u8> {
    [b"perennial alias ", of.as_bytes().as_slice()].concat()
}

/// Writes values one after the other, each after its length.
fn join(values: impl Iterator<Item = Result<Vec<u8>, BoxError>>) -> Result<Vec<u8>, BoxError> {
    let mut bytes = Vec::new();
    for value in values {
        let value = value?;
        bytes.extend((value.len() as u64).to_le_bytes());
        bytes.extend(value);
    }
    Ok(bytes)
}

/// Reads what [`join`] wrote; `None` if it did not write that.
fn split(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        values.push(value);
        bytes = rest;
    }
    Some(values)
}

impl<V, C> ResultStore<V> for DiskStore<C>
where
    V: Send + Sync,
    C: Codec<V>,
{
    fn name(&self) -> &str {
        "disk"
    }

    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        async move {
            let action = self.store.get_action(&result_key(key)).await?;
            Ok(action.is_some())
        }
        .boxed()
    }

    fn load(&self, key: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<V>>>, BoxError>> {
        async move {
            let Some(action) = self.store.get_action(&result_key(key)).await? else {
                return Ok(None);
            };
            let bytes = tokio::fs::read(action.path).await?;
            let values = split(&bytes).ok_or(NoResult { key })?;
            let values = values.into_iter().map(|value| self.codec.decode(value));
            let outputs: Result<_, _> = values.map(|value| value.map(Output::new)).collect();
            outputs.map(Some)
        }
        .boxed()
    }

    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<V>],
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        async move {
            let bytes = join(outputs.iter().map(|output| self.codec.encode(output)))?;
            let stored = self.store.put(bytes.len() as u64, &bytes[..]).await?;
            let action = result_key(key);
            Ok(self.store.put_action(&action, stored.blob, b"").await?)
        }
        .boxed()
    }

    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        async move {
            let action = self.store.get_action(&alias_key(of)).await?;
            let to = action.and_then(|action| action.metadata.try_into().ok());
            Ok(to.map(|bytes: [u8; Digest::LENGTH]| bytes.into()))
        }
        .boxed()
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        async move {
            // An action has a blob: the empty one stands for all aliases.
            let empty = Blob::of(b"");
            if self.store.get(empty).await?.is_none() {
                self.store.put(0, &b""[..]).await?;
            }
            let action = alias_key(of);
            let put = self.store.put_action(&action, empty, to.as_bytes());
            Ok(put.await?)
        }
        .boxed()
    }
}

impl<C> fmt::Debug for DiskStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
