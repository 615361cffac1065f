//! A tree that has much to hear: who was in time is not late because the tree was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use perennial::{Clock, Context, Hand, Pool, Supervisor};

use crate::pool::root_above;
use crate::serve::serve;

/// More than the tree hears at once.
const CHILDREN: usize = 2_000;

/// Moves the clock by an hour when the last of all has been asked to stop.
struct Slow {
    hand: Hand,
    left: AtomicUsize,
}

impl Slow {
    fn pass(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.hand.advance(Duration::from_secs(3600));
        }
    }
}

#[tokio::test]
async fn who_has_returned_in_time_is_not_aborted_however_late_the_tree_hears_it() {
    // L9, R10. All of them have returned before the tree looks at the clock again.
    let (clock, hand) = Clock::manual();
    let slow = Arc::new(Slow {
        hand,
        left: AtomicUsize::new(CHILDREN),
    });
    let pool = Pool::new();
    let tree = Supervisor::new(root_above(&pool)).clock(clock).start();
    tree.settled().await;
    for _ in 0..CHILDREN {
        let slow = slow.clone();
        let child = |ctx: Context| async move {
            serve(ctx).await;
            slow.pass();
        };
        pool.start(child).expect("it is open");
    }
    tree.settled().await;
    let report = tree.stop().await.expect("a stop is no failure");
    let late = report.stops.first();
    assert!(
        late.is_none(),
        "{} of them, such as {late:?}",
        report.stops.len()
    );
}
