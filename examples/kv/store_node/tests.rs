//! The queue, over the ends of those who serve it.

use std::sync::atomic::{AtomicU32, Ordering};

use perennial::{Exit, Run, Supervisor, Tree, method};
use tokio::join;

use super::*;
use crate::resp::Reply;

fn store() -> Arc<StoreNode> {
    Arc::new(StoreNode::new(Arc::default()))
}

fn serve(store: &Arc<StoreNode>) -> Tree {
    Supervisor::new(method(store, StoreNode::run)).start()
}

fn incr() -> vec::IntoIter<Command> {
    vec![Command::Incr("count".into())].into_iter()
}

#[tokio::test]
async fn a_batch_waits_in_the_queue_for_whoever_serves_it() {
    let store = store();
    let (answer, tree) = join!(store.ask(incr()), async { serve(&store) });
    assert_eq!(answer.unwrap().replies, [Reply::Integer(1)]);
    tree.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_in_the_queue_at_a_stop_waits_for_the_next() {
    let store = store();
    serve(&store).stop().await.unwrap();
    let (answer, tree) = join!(store.ask(incr()), async { serve(&store) });
    assert_eq!(answer.unwrap().replies, [Reply::Integer(1)]);
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_without_work_beats() {
    let store = store();
    let beating = method(&store, StoreNode::run).beat_timeout(SILENCE_MAX);
    let tree = Supervisor::new(beating).start();
    tree.settled().await;
    for _ in 0..80 {
        tokio::time::advance(SILENCE_MAX / 8).await;
        tree.settled().await;
    }
    assert_eq!(tree.snapshot().await.nodes[0].restarts, 0);
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_replaced() {
    let (store, runs) = (store(), AtomicU32::new(0));
    let beating = method(&store, StoreNode::run).beat_timeout(SILENCE_MAX);
    // The first is not polled again once it is asked something.
    let hangs = move |ctx: Context, run: Run| {
        let is_first = runs.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if is_first {
                ctx.healthy();
                ctx.cancelled().await;
                drop(run);
                return Exit::Aborted;
            }
            run.await
        }
    };
    let tree = Supervisor::new(beating).interpose(hangs).start();
    tree.settled().await;
    let answer = store.ask(incr()).await;
    assert_eq!(answer.unwrap().replies, [Reply::Integer(1)]);
    let snapshot = tree.snapshot().await;
    assert_eq!(snapshot.nodes[0].restarts, 1);
    tree.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_asked_hears_of_a_batch_that_was_lost() {
    let store = store();
    let (answer, ()) = join!(store.ask(incr()), async {
        drop(store.queue.lock().try_recv());
    });
    assert_eq!(answer.unwrap_err(), AskError);
}
