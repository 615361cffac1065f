//! A pool in the place of a root.

use std::panic::{AssertUnwindSafe, catch_unwind};

use perennial::testing::Harness;
use perennial::{Outcome, Pool, Supervisor};

use crate::serve::serve;

#[test]
fn a_pool_may_be_the_root() {
    // R13. It takes children from the start on, and stops with them.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = Supervisor::new(pool.clone()).start();
        let child = pool.start(serve).expect("it is declared");
        child.healthy().await.expect("it serves");
        assert_eq!(child.path().to_string(), "root.1");
        let report = h.wait(tree.stop()).await.expect("a stop is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        pool.start(serve).expect_err("it has stopped");
    });
}

#[tokio::test]
async fn a_pool_is_the_root_of_one_tree() {
    // R13. It is declared once: who starts a second tree with it is told at once.
    let pool = Pool::new();
    let tree = Supervisor::new(pool.clone()).start();
    let again = catch_unwind(AssertUnwindSafe(|| Supervisor::new(pool.clone()).start()));
    assert!(again.is_err());
    tree.settled().await;
    pool.start(serve).expect("it is the root of the first");
}
