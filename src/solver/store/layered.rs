//! Stores one behind the other.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::ResultStore;
use crate::solver::error::BoxError;
use crate::solver::output::Output;
use crate::store::Digest;

/// Asks one store after the other; what a later one has is copied to the first, where all is kept.
///
/// A store that fails is passed over while another one has what is asked for.
pub struct LayeredStore<V> {
    name: String,
    first: Arc<dyn ResultStore<V>>,
    others: Vec<Arc<dyn ResultStore<V>>>,
}

impl<V: Send + Sync + 'static> LayeredStore<V> {
    /// A store with one layer, to which all is written.
    pub fn new(first: impl ResultStore<V> + 'static) -> Self {
        Self {
            name: first.name().to_owned(),
            first: Arc::new(first),
            others: Vec::new(),
        }
    }

    /// Adds a layer behind the others, which is only read.
    #[must_use]
    pub fn over(mut self, store: impl ResultStore<V> + 'static) -> Self {
        self.name = format!("{} over {}", self.name, store.name());
        self.others.push(Arc::new(store));
        self
    }

    fn layers(&self) -> impl Iterator<Item = &Arc<dyn ResultStore<V>>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// The first that was found, or else what went wrong.
async fn first_of<T, F>(answers: impl Iterator<Item = F>) -> Result<Option<(usize, T)>, BoxError>
where
    F: Future<Output = Result<Option<T>, BoxError>>,
{
    let mut failed = None;
    for (layer, answer) in answers.enumerate() {
        match answer.await {
            Ok(Some(found)) => return Ok(Some((layer, found))),
            Ok(None) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(None), Err)
}

impl<V: Send + Sync + 'static> ResultStore<V> for LayeredStore<V> {
    fn name(&self) -> &str {
        &self.name
    }

    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        let finds = self.layers().map(move |layer| async move {
            let found = layer.find(key).await?;
            Ok(found.then_some(()))
        });
        async move { Ok(first_of(finds).await?.is_some()) }.boxed()
    }

    fn load(&self, key: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<V>>>, BoxError>> {
        let loads = self.layers().map(move |layer| layer.load(key));
        async move {
            let Some((layer, outputs)) = first_of(loads).await? else {
                return Ok(None);
            };
            if layer > 0 {
                // What cannot be copied is found where it was the next time, too.
                let _ = self.first.save(key, &outputs).await;
            }
            Ok(Some(outputs))
        }
        .boxed()
    }

    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<V>],
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.first.save(key, outputs)
    }

    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        let aliases = self.layers().map(move |layer| layer.alias(of));
        async move {
            let Some((layer, to)) = first_of(aliases).await? else {
                return Ok(None);
            };
            if layer > 0 {
                let _ = self.first.set_alias(of, to).await;
            }
            Ok(Some(to))
        }
        .boxed()
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        self.first.set_alias(of, to)
    }
}

impl<V> fmt::Debug for LayeredStore<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LayeredStore").field(&self.name).finish()
    }
}
