//! A store that may be at fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use perennial::solver::{BoxError, MemoryStore, Output, ResultStore};
use perennial::store::Digest;

/// A store in memory that counts what is given, and has a fault if it is told to. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestStore(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    inner: MemoryStore<u64>,
    loads: AtomicUsize,
    fault: Option<Fault>,
}

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails whatever it is asked.
    Fails,
    /// It fails to keep results.
    FailsToSave,
    /// It says that it has a result, and has none when it is to give it.
    Vanishes,
    /// All digests stand for one.
    KnowsOneKey,
    /// It panics whatever it is asked.
    Panics,
    /// It has a result for each key, which is none.
    GivesNothing,
}

impl TestStore {
    pub(crate) fn with(fault: Fault) -> Self {
        let fault = Some(fault);
        Self(Arc::new(Parts {
            fault,
            ..Parts::default()
        }))
    }

    /// How many results it has given.
    pub(crate) fn loads(&self) -> usize {
        self.0.loads.load(Ordering::Relaxed)
    }

    /// How many results it has.
    pub(crate) fn len(&self) -> usize {
        self.0.inner.len()
    }

    fn has(&self, fault: Fault) -> bool {
        assert_ne!(self.0.fault, Some(Fault::Panics), "the store is broken");
        self.0.fault == Some(fault)
    }
}

fn broken<T: Send + 'static>() -> BoxFuture<'static, Result<T, BoxError>> {
    ready(Err("the store is broken".into())).boxed()
}

impl ResultStore<u64> for TestStore {
    fn name(&self) -> &str {
        "test"
    }

    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        if self.has(Fault::Fails) {
            return broken();
        }
        if self.has(Fault::Vanishes) {
            return ready(Ok(true)).boxed();
        }
        self.0.inner.find(key)
    }

    fn load(&self, key: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<u64>>>, BoxError>> {
        if self.has(Fault::Fails) {
            return broken();
        }
        if self.has(Fault::Vanishes) {
            return ready(Ok(None)).boxed();
        }
        if self.has(Fault::GivesNothing) {
            return ready(Ok(Some(Vec::new()))).boxed();
        }
        async move {
            let found = self.0.inner.load(key).await?;
            let given = usize::from(found.is_some());
            self.0.loads.fetch_add(given, Ordering::Relaxed);
            Ok(found)
        }
        .boxed()
    }

    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<u64>],
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        if self.has(Fault::Fails) || self.has(Fault::FailsToSave) {
            return broken();
        }
        self.0.inner.save(key, outputs)
    }

    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        if self.has(Fault::Fails) {
            return broken();
        }
        if self.has(Fault::KnowsOneKey) {
            return ready(Ok(Some(Digest::of(b"the one key")))).boxed();
        }
        self.0.inner.alias(of)
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        if self.has(Fault::Fails) {
            return broken();
        }
        self.0.inner.set_alias(of, to)
    }
}
