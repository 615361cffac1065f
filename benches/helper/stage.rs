//! A helper in a tree.

use perennial::helper::{Builder, Helper};
use perennial::{Backoff, Context, RunError, Supervisor, Tree};

use crate::program;
use crate::words::Words;

pub(crate) struct Stage {
    pub(crate) helper: Helper<Words>,
    pub(crate) tree: Tree,
}

/// Starts the program that does this.
pub(crate) async fn stage(
    what: &str,
    backoff: Backoff,
    choose: impl FnOnce(Builder<Words>) -> Builder<Words>,
) -> Stage {
    let helper = choose(Helper::builder(program::command(what), Words)).build();
    let declared = helper.clone();
    let root = move |ctx: Context| {
        let node = declared.clone().runnable().backoff(backoff);
        async move {
            ctx.run("helper", node)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    let up = helper.capabilities().await;
    up.expect("it says hello");
    Stage { helper, tree }
}

impl Stage {
    pub(crate) async fn ask(&self, text: &str) -> String {
        let answer = self.helper.call(text.to_owned()).await;
        answer.expect("it answers")
    }

    pub(crate) async fn end(self) {
        let report = self.helper.close().await.expect("it runs");
        assert!(report.is_clean(), "{report}");
        self.tree.ended().await.expect("nothing has failed");
    }
}
