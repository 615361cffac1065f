//! Whether a pool takes children.

use perennial::{Child, Pool, StartError};

use crate::serve::serve;

/// Sees that a pool takes a child, which comes up.
pub(crate) async fn assert_open(pool: &Pool) -> Child {
    let child = pool.start(serve).expect("it is open");
    child.healthy().await.expect("it serves");
    child
}

/// Sees that a pool takes none, because it has stopped or was told to.
#[track_caller]
pub(crate) fn assert_stopped(pool: &Pool) {
    let refused = pool.start(serve).expect_err("it has stopped");
    assert!(matches!(refused, StartError::Stopped { .. }), "{refused}");
    let path = pool.path().expect("it was declared");
    let text = format!("{path} cannot start a child: it has stopped");
    assert_eq!(refused.to_string(), text);
}
