//! The adapters: work that is done again and again, and a listener on real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use perennial::{
    Backoff, Clock, Context, Pool, RunError, Runnable, State, Supervisor, Tree, What, accept_tcp,
    periodic, serve_tcp,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

fn start(child: impl Runnable) -> Tree {
    let child = Mutex::new(Some(child));
    let root = move |ctx: Context| {
        let child = child.lock().take().expect("the root starts once");
        let run = ctx.run("child", child);
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Supervisor::new(root).start()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it hangs")
}

#[tokio::test(start_paused = true)]
async fn periodic_work_is_done_at_once_and_then_in_each_period() {
    // R4, R8. The adapter signals by itself.
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let work = move |_: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {}
    };
    let tree = start(periodic(Duration::from_secs(60), work));
    tree.settled().await;
    assert!(tree.snapshot().await.is_ready);
    tokio::time::advance(Duration::from_millis(1)).await;
    tree.settled().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let _ = timeout(Duration::from_secs(599), tree.ended()).await;
    assert_eq!(runs.load(Ordering::SeqCst), 10);
    let report = tree.stop().await.expect("stopping is no failure");
    assert!(report.stops.is_empty(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_periodic_work_is_the_runnables() {
    // R5, R8. It starts again with backoff, and works at once.
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let work = move |ctx: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            anyhow::ensure!(ctx.attempt() > 2, "not yet");
            Ok(())
        }
    };
    let tree = start(periodic(Duration::from_hours(1), work));
    let _ = timeout(Duration::from_mins(1), tree.ended()).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let snapshot = tree.snapshot().await;
    let node = snapshot.find("root.child").expect("it stands");
    assert_eq!((node.state, node.restarts), (State::Healthy, 2));
}

#[tokio::test(start_paused = true)]
async fn time_stands_still_on_a_manual_clock_until_its_hand_moves_it() {
    // L7, L8, R8. Tokio's time is not the tree's then.
    let (clock, hand) = Clock::manual();
    let starts = Arc::new(AtomicUsize::new(0));
    let counted = starts.clone();
    let root = move |ctx: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            ctx.healthy();
            if ctx.attempt() < 2 {
                return Err("again");
            }
            ctx.cancelled().await;
            Ok(())
        }
    };
    let backoff = Backoff::constant(Duration::from_secs(10));
    let root = perennial::runnable(root).backoff(backoff);
    let tree = Supervisor::new(root).clock(clock).start();
    let _ = timeout(Duration::from_hours(1), tree.ended()).await;
    assert_eq!(starts.load(Ordering::SeqCst), 1);
    hand.advance(Duration::from_millis(9999));
    let _ = timeout(Duration::from_hours(1), tree.ended()).await;
    assert_eq!(starts.load(Ordering::SeqCst), 1);
    hand.advance(Duration::from_millis(1));
    tree.settled().await;
    assert_eq!(starts.load(Ordering::SeqCst), 2);
    assert_eq!(tree.snapshot().await.at, Duration::from_secs(10));
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// Says back each byte; panics at `p`, fails at `e`.
async fn echo(ctx: Context, mut stream: TcpStream) -> anyhow::Result<()> {
    ctx.healthy();
    while let Some(byte) = ctx.until_cancelled(stream.read_u8()).await {
        let byte = byte?;
        assert_ne!(byte, b'p', "a bad request");
        anyhow::ensure!(byte != b'e', "a bad request");
        stream.write_u8(byte).await?;
    }
    Ok(())
}

async fn say(stream: &mut TcpStream, byte: u8) -> Option<u8> {
    within(stream.write_u8(byte)).await.expect("it is sent");
    within(stream.read_u8()).await.ok()
}

#[tokio::test]
async fn each_connection_is_served_by_a_child_of_its_own() {
    // R13. Named by number, below the pool of the listener.
    let (listener, address) = listen().await;
    let tree = start(serve_tcp(listener, echo));
    let mut first = within(TcpStream::connect(address))
        .await
        .expect("it listens");
    let mut second = within(TcpStream::connect(address))
        .await
        .expect("it listens");
    assert_eq!(say(&mut first, b'a').await, Some(b'a'));
    assert_eq!(say(&mut second, b'b').await, Some(b'b'));
    let snapshot = tree.snapshot().await;
    assert!(
        snapshot.find("root.child.connections.1").is_some(),
        "{snapshot}"
    );
    assert!(
        snapshot.find("root.child.connections.2").is_some(),
        "{snapshot}"
    );
    let report = within(tree.stop()).await.expect("stopping is no failure");
    assert!(report.stops.is_empty(), "{report}");
    assert_eq!(within(first.read_u8()).await.ok(), None, "it was closed");
}

#[tokio::test]
async fn a_connection_that_fails_or_panics_ends_alone() {
    // R13, R18. The listener and its other connections serve on.
    let (listener, address) = listen().await;
    let tree = start(serve_tcp(listener, echo));
    let mut sound = within(TcpStream::connect(address))
        .await
        .expect("it listens");
    assert_eq!(say(&mut sound, b'a').await, Some(b'a'));
    for bad in [b'p', b'e'] {
        let mut broken = within(TcpStream::connect(address))
            .await
            .expect("it listens");
        assert_eq!(say(&mut broken, bad).await, None);
    }
    assert_eq!(say(&mut sound, b'b').await, Some(b'b'));
    let snapshot = tree.snapshot().await;
    let listener = snapshot.find("root.child").expect("it stands");
    assert_eq!((listener.state, listener.restarts), (State::Healthy, 0));
}

#[tokio::test]
async fn a_client_waits_in_the_backlog_while_the_listener_starts_again() {
    // R8, L1. The socket is shared by all incarnations.
    let (listener, address) = listen().await;
    let fails = Arc::new(AtomicUsize::new(0));
    let counted = fails.clone();
    let listener = serve_tcp(listener, echo).backoff(Backoff::constant(Duration::from_millis(20)));
    let supervised = Mutex::new(Some(listener));
    let root = move |ctx: Context| {
        let listener = supervised.lock().take().expect("the root starts once");
        let run = ctx.run("child", listener);
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    let supervisor = Supervisor::new(root).interpose(move |ctx, run| {
        let is_listener = *ctx.path() == "root.child";
        let fails = is_listener && counted.fetch_add(1, Ordering::SeqCst) < 3;
        async move {
            if fails {
                return perennial::Exit::Aborted;
            }
            run.await
        }
    });
    let tree = supervisor.start();
    let mut client = within(TcpStream::connect(address))
        .await
        .expect("it is bound");
    assert_eq!(say(&mut client, b'a').await, Some(b'a'));
    assert_eq!(fails.load(Ordering::SeqCst), 4);
    within(tree.stop()).await.expect("stopping is no failure");
}

/// A tree with a pool of at most two connections, and the listener after it.
async fn pooled() -> (Tree, SocketAddr) {
    let (listener, address) = listen().await;
    let connections = Pool::builder().max_children(2).provides().build();
    let listener = accept_tcp(
        listener,
        connections.template(|stream| move |ctx: Context| echo(ctx, stream)),
    );
    let parts = Mutex::new(Some((connections, listener)));
    let root = move |ctx: Context| {
        let parts = parts.lock().take();
        let (connections, listener) = parts.expect("the root starts once");
        let run = ctx.run("connections", connections);
        let run = run.and_then(|_| ctx.run("listener", listener));
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    (Supervisor::new(root).start(), address)
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = within(TcpStream::connect(address)).await;
    stream.expect("it listens")
}

#[tokio::test]
async fn connections_of_a_pool_outlive_their_listener() {
    // R6, R13. They are the pool's, and the listener stands beside it.
    let (tree, address) = pooled().await;
    let mut client = connect(address).await;
    assert_eq!(say(&mut client, b'a').await, Some(b'a'));
    let restarted = within(tree.node("root.listener").restart()).await;
    restarted.expect("it runs");
    assert_eq!(say(&mut client, b'b').await, Some(b'b'));
    let mut next = connect(address).await;
    assert_eq!(say(&mut next, b'c').await, Some(b'c'));
}

#[tokio::test]
async fn a_connection_that_a_full_pool_refuses_is_closed() {
    // R13. And taken again when there is room.
    let (tree, address) = pooled().await;
    let (mut first, mut second) = (connect(address).await, connect(address).await);
    assert_eq!(say(&mut first, b'a').await, Some(b'a'));
    assert_eq!(say(&mut second, b'b').await, Some(b'b'));
    let mut third = connect(address).await;
    assert_eq!(within(third.read_u8()).await.ok(), None, "there is no room");
    assert_eq!(say(&mut first, b'e').await, None);
    within(tree.settled()).await;
    let mut fourth = connect(address).await;
    assert_eq!(say(&mut fourth, b'd').await, Some(b'd'));
}

#[tokio::test]
async fn a_listener_stops_before_the_connections_of_its_pool() {
    // R10. The pool provides: it is asked when nobody accepts for it any more.
    let (tree, address) = pooled().await;
    let mut client = connect(address).await;
    assert_eq!(say(&mut client, b'a').await, Some(b'a'));
    let mut events = tree.events();
    within(tree.stop()).await.expect("stopping is no failure");
    let mut ends = Vec::new();
    while let Some(event) = events.next().await {
        let event = event.expect("so few events");
        if matches!(event.what, What::Stopping { .. } | What::Exited { .. }) {
            ends.push(event.path.to_string());
        }
    }
    let [listener, connection] = ["root.listener", "root.connections.1"];
    assert_eq!(ends, [listener, listener, connection, connection]);
}
