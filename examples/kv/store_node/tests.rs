//! The queue, over the ends of those who serve it.

use perennial::{Supervisor, Tree, method};
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
async fn what_is_in_the_queue_is_answered_before_the_stop_and_nothing_after() {
    let store = store();
    let (answer, ()) = join!(store.ask(incr()), async {
        let tree = serve(&store);
        tree.settled().await;
        tree.stop().await.unwrap();
    });
    assert_eq!(answer.unwrap().replies, [Reply::Integer(1)]);
    assert_eq!(store.ask(incr()).await.unwrap_err(), AskError::Stopping);
    let tree = serve(&store);
    tree.settled().await;
    let answer = store.ask(incr()).await;
    assert_eq!(answer.unwrap().replies, [Reply::Integer(2)]);
    tree.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_asked_hears_of_a_batch_that_was_lost() {
    let store = store();
    let (answer, ()) = join!(store.ask(incr()), async {
        drop(store.queue.lock().try_recv());
    });
    assert_eq!(answer.unwrap_err(), AskError::Restarted);
}
