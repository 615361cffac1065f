//! A tree with a releaser, and what a test needs beside it.

use perennial::resource::Releaser;
use perennial::testing::Harness;
use perennial::{Context, RunError, Runnable, State};

use crate::probe::Diary;
pub(crate) use crate::serve::serve;

/// Where the nodes of releases stand.
pub(crate) const RELEASES: &str = "root.releaser.releases";

/// A test's tree, which runs; its releaser; and what its values note.
pub(crate) struct Scene {
    pub(crate) h: Harness,
    pub(crate) releaser: Releaser,
    pub(crate) diary: Diary,
}

/// A root that declares a releaser, then these, and is done.
pub(crate) fn root<F>(releaser: &Releaser, declare: F) -> impl Runnable + use<F>
where
    F: Fn(&Context) -> Result<(), RunError> + Send + Sync + 'static,
{
    let node = releaser.node();
    move |ctx: Context| {
        let declared = ctx.run("releaser", node.clone());
        let declared = declared.and_then(|_| declare(&ctx));
        async move {
            declared?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    }
}

/// Plays a test in a tree with a releaser alone, and sees that nothing is left.
pub(crate) fn play<Fut: Future<Output = ()>>(test: impl FnOnce(Scene) -> Fut) {
    play_with(Releaser::new(), |_| Ok(()), test);
}

/// The same with this releaser, and nodes after it.
pub(crate) fn play_with<Fut: Future<Output = ()>>(
    releaser: Releaser,
    declare: impl Fn(&Context) -> Result<(), RunError> + Send + Sync + 'static,
    test: impl FnOnce(Scene) -> Fut,
) {
    Harness::run(None, |h| async move {
        h.start(root(&releaser, declare));
        h.until("root.releaser", State::Healthy).await;
        let (diary, left) = (Diary::default(), releaser.clone());
        test(Scene {
            h: h.clone(),
            releaser,
            diary,
        })
        .await;
        h.settled().await;
        left.all_released().expect("a leak");
    });
}

/// Takes a second.
pub(crate) async fn second() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}
