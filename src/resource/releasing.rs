//! The release of one value.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::resource::door::Job;
use crate::resource::held::{Ties, Whole};
use crate::resource::hooks::Hooks;
use crate::resource::release::Release;
use crate::{Grace, Panic, Pool, once};

/// Has a value released that nobody shares any more.
pub(super) fn begin<T: Release>(whole: Whole<T>) {
    let Whole {
        value,
        within,
        hooks,
        mut ties,
    } = whole;
    let (door, node_name) = (ties.door.clone(), ties.record.node_name());
    let teller = ties.outlet.get_mut().and_then(|outlet| outlet.take_child());
    let releasing = Releasing {
        value: Some(value),
        hooks,
        ties,
    };
    let job: Job = Box::new(move |pool: &Pool| {
        let release = once(|_context| releasing.run());
        let release = release
            .run_timeout(within)
            .grace(Grace::from(Duration::ZERO));
        // What is refused is dropped, and hence released now.
        if let (Ok(child), Some(teller)) = (pool.start_named(node_name, release), teller) {
            // Nobody may await it any more.
            drop(teller.send(child));
        }
    });
    door.give(job);
}

/// A value on its way out. If it is dropped before it has set out, it is released at once.
///
/// Its fields are dropped in this order: what it was tied to goes when the value is gone.
struct Releasing<T: Release> {
    /// Present until its release runs.
    value: Option<T>,
    hooks: Arc<Hooks<T>>,
    ties: Ties,
}

impl<T: Release> Releasing<T> {
    async fn run(mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Some(value) = self.value.take() else {
            return Ok(());
        };
        let hooked = self.hooks.run(&self.ties.record.name, &value);
        let released = value.release().await.map_err(Into::into);
        match hooked {
            Ok(()) => released,
            Err(mut error) => {
                error.source = released.err();
                Err(error.into())
            }
        }
    }
}

impl<T: Release> Drop for Releasing<T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else {
            return;
        };
        let name = &*self.ties.record.name;
        // Nobody is there to be told but the log.
        drop(self.hooks.run(name, &value));
        match Panic::catch(|| value.release_now()) {
            Ok(()) => tracing::warn!(target: "perennial", name, "released without a releaser"),
            Err(panic) => tracing::warn!(
                target: "perennial",
                name,
                %panic,
                "the release without a releaser panicked"
            ),
        }
    }
}
