//! Where results are kept: on disk, as long as their files are there; and aliases in the memory.

use std::future::ready;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::solver::{BoxError, DiskStore, Output, ResultStore};
use perennial::store::Digest;

use crate::artifacts::{Artifacts, ArtifactsCodec};
use crate::workplace::Workplace;

/// The results of targets.
///
/// One whose files are in the store no more is none.
#[derive(Debug)]
pub(crate) struct Results {
    disk: DiskStore<ArtifactsCodec>,
    workplace: Arc<Workplace>,
}

/// What is found of a result.
type Found = Result<Option<Vec<Output<Artifacts>>>, BoxError>;

impl Results {
    pub(crate) fn new(workplace: &Arc<Workplace>) -> Self {
        Self {
            disk: DiskStore::new(workplace.store.clone(), ArtifactsCodec),
            workplace: workplace.clone(),
        }
    }

    async fn whole(&self, key: Digest) -> Found {
        let loaded: Found = self.disk.load(key).await;
        let Some(outputs) = loaded? else {
            return Ok(None);
        };
        for artifact in outputs.iter().flat_map(|output| &output.0) {
            let stored = self.workplace.store.get(artifact.blob()?).await?;
            if stored.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(outputs))
    }
}

impl ResultStore<Artifacts> for Results {
    fn name(&self) -> &str {
        "store"
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
        ready(Ok(self.workplace.memory.alias(of))).boxed()
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        let set = self.workplace.memory.set_alias(of, to);
        ready(set.map_err(Into::into)).boxed()
    }
}
