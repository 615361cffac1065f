//! Where results are kept: on disk, as long as their files are there.

use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::solver::{BoxError, DiskStore, Output, ResultStore};
use perennial::store::{Digest, Store};

use crate::artifacts::{Artifacts, ArtifactsCodec};

/// The results of targets.
///
/// One whose files are in the store no more is none.
#[derive(Debug)]
pub(crate) struct Results {
    disk: DiskStore<ArtifactsCodec>,
    store: Store,
}

/// What is found of a result.
type Found = Result<Option<Vec<Output<Artifacts>>>, BoxError>;

impl Results {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            disk: DiskStore::new(store.clone(), ArtifactsCodec),
            store,
        }
    }

    async fn whole(&self, key: Digest) -> Found {
        let loaded: Found = self.disk.load(key).await;
        let Some(outputs) = loaded? else {
            return Ok(None);
        };
        for artifact in outputs.iter().flat_map(|output| &output.0) {
            if self.store.get(artifact.blob()?).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(outputs))
    }

    const fn below(&self) -> &dyn ResultStore<Artifacts> {
        &self.disk
    }
}

impl ResultStore<Artifacts> for Results {
    fn name(&self) -> &str {
        self.below().name()
    }

    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        async move { Ok(self.whole(key).await?.is_some()) }.boxed()
    }

    fn load(&self, key: Digest) -> BoxFuture<'_, Found> {
        self.whole(key).boxed()
    }

    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<Artifacts>],
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.disk.save(key, outputs)
    }

    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        self.below().alias(of)
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        self.below().set_alias(of, to)
    }
}
