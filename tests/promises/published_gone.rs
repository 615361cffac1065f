//! Published values: when there will be none, and who may not publish.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Polling, Wake, Waker};
use std::time::Duration;

use crate::puppet::Puppet;
use crate::scene::{SERVER, context, finish, kept, publish, root, serve, server};
use futures::FutureExt;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Context, Exit, GoneError, PublishError, Published, Restart, RunError, Runnable, State,
    Strategy, Supervisor, runnable,
};
use tokio::runtime::Builder;

/// A server that publishes without being told, and goes on for a while when it is asked to stop.
fn slow(value: &Published<u32>) -> impl Runnable + Clone + use<> {
    let own = value.clone();
    let server = move |ctx: Context| {
        let published = own.publish(&ctx, 1);
        async move {
            published?;
            serve(ctx).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, PublishError>(())
        }
    };
    runnable(server).publishes(value)
}

#[test]
fn a_publisher_that_is_down_says_so_until_it_is_started_again() {
    // R2, R16. Whoever waits is told, and whoever comes later finds it good again.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let server = runnable(obey).restart(Restart::Temporary).publishes(&value);
    let (root, child) = kept(server);
    Harness::run(None, |h| async move {
        h.start(root);
        let mut values = value.watch();
        let waits = tokio::spawn({
            let value = value.clone();
            async move { value.get().await }
        });
        h.idle().await;
        puppet.tell(|_| Some(Exit::Returned)).await;
        let gone = waits.await.expect("it is not aborted");
        assert!(matches!(gone, Err(GoneError::Gone { path }) if path == SERVER));
        assert!(values.next().await.is_err());
        assert!(values.next().await.is_err(), "it stays so");
        let child = child.lock().clone().expect("it is declared");
        child.start().await.expect("it is down");
        assert!(value.get().now_or_never().is_none());
        publish(&puppet, &value, 1).await;
        assert_eq!(values.next().await.expect("it is there"), 1);
        child.terminate().await.expect("it stands");
        assert!(value.get().await.is_err());
        assert_eq!(value.peek(), None);
    });
}

#[test]
fn a_publisher_that_is_removed_is_gone() {
    // R16. Its place is, and what is declared under its name afterwards is another node.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let root = server(&obey, &value);
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&puppet, &value, 1).await;
        let removed = h.tree().node(SERVER).remove();
        removed.await.expect("it stands");
        assert_eq!(value.peek(), None);
        let gone = value.get().await.expect_err("its place is gone");
        assert_eq!(gone.to_string(), "root.server publishes nothing any more");
    });
}

#[test]
fn a_parent_that_falls_takes_the_publisher_with_it() {
    // R3, R6. Whoever waits is told at once, as a child handle tells it; declared anew, the value
    // is good again.
    let (parent, obey_parent) = Puppet::new();
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let server = runnable(obey).publishes(&value);
    let mid = move |ctx: Context| {
        let run = ctx.run("server", server.clone());
        let obeys = obey_parent(ctx);
        async move {
            run?;
            Ok::<_, RunError>(obeys.await)
        }
    };
    let root = root(move |ctx| ctx.run("mid", mid.clone()).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        let mut values = value.watch();
        publish(&puppet, &value, 1).await;
        parent.healthy().await;
        assert_eq!(values.next().await.expect("it is there"), 1);
        parent.die().await;
        let gone = values.next().await.expect_err("its parent has fallen");
        assert_eq!(
            gone.to_string(),
            "root.mid.server publishes nothing any more"
        );
        assert_eq!(value.peek(), None);
        h.wait(parent.healthy()).await;
        assert!(value.get().now_or_never().is_none());
        publish(&puppet, &value, 2).await;
        assert_eq!(values.next().await.expect("it is there"), 2);
    });
}

#[test]
fn what_is_declared_anew_can_be_waited_for_at_once() {
    // R3. By whoever has declared it, before the tree has heard of that.
    let (parent, obey_parent) = Puppet::new();
    let value = Published::<u32>::new();
    let waits = Arc::new(Mutex::new(Vec::new()));
    let (noted, own) = (waits.clone(), value.clone());
    let server = runnable(serve).publishes(&value);
    let mid = move |ctx: Context| {
        let run = ctx.run("server", server.clone());
        noted.lock().push(own.get().now_or_never().is_none());
        let obeys = obey_parent(ctx);
        async move {
            run?;
            Ok::<_, RunError>(obeys.await)
        }
    };
    let root = root(move |ctx| ctx.run("mid", mid.clone()).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        parent.die().await;
        assert!(value.get().await.is_err());
        h.wait(parent.healthy()).await;
        h.settled().await;
        assert_eq!(*waits.lock(), [true, true]);
    });
}

#[test]
fn a_stop_keeps_a_value_as_long_as_its_publisher_lives() {
    // R10, R11. Whoever waits for a first one is told at once.
    let (value, never) = (Published::new(), Published::<u32>::new());
    let (slow, silent) = (slow(&value), runnable(serve).publishes(&never));
    let root = root(move |ctx| {
        ctx.run("slow", slow.clone())?;
        ctx.run("silent", silent.clone())?;
        Ok(())
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let mut values = value.watch();
        assert_eq!(values.next().await.expect("it is there"), 1);
        drop(h.tree().stop());
        assert!(never.get().await.is_err(), "none will start");
        assert_eq!(value.peek(), Some(1), "it is stopping");
        assert!(values.outdated().now_or_never().is_none());
        h.stopped().await.expect("stopping is no failure");
        assert_eq!(value.peek(), None);
        assert!(values.next().await.is_err());
    });
}

#[test]
fn what_is_done_keeps_its_value_until_its_place_is_gone() {
    // R2, R6. A stop leaves it Done; the end of the tree takes the place.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let (below, obey_below) = Puppet::new();
    let server = runnable(obey).publishes(&value);
    let last = runnable(obey_below);
    let root = root(move |ctx| {
        let group = ctx.group("pair", Strategy::OneForOne).in_order();
        let group = group.run("server", server.clone());
        group.run("last", last.clone()).start().map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&puppet, &value, 1).await;
        finish(&puppet).await;
        below.healthy().await;
        h.settled().await;
        assert_eq!(h.state(SERVER).await, Some(State::Done));
        h.stop().await.expect("stopping is no failure");
        assert!(value.get().await.is_err());
    });
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_is_dropped_publishes_nothing() {
    // R11. Whoever waits is told, and so is whoever publishes.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let tree = Supervisor::new(server(&obey, &value)).start();
    publish(&puppet, &value, 1).await;
    let context = context(&puppet).await;
    let mut values = value.watch();
    assert_eq!(values.next().await.expect("it is there"), 1);
    drop(tree);
    assert!(values.next().await.is_err());
    context.cancelled().await;
    assert!(value.publish(&context, 2).is_err());
    assert_eq!(value.peek(), None);
}

#[test]
fn a_runtime_that_goes_leaves_nobody_waiting() {
    // R11. What the processor kept goes with it.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let tree = runtime.block_on(async {
        let tree = Supervisor::new(server(&obey, &value)).start();
        puppet.tell(|_| None).await;
        tree
    });
    assert!(value.get().now_or_never().is_none());
    drop(runtime);
    assert!(value.get().now_or_never().is_some_and(|got| got.is_err()));
    drop(tree);
}

#[test]
fn an_ended_incarnation_publishes_nothing() {
    // L10. The value of the next one stays.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let root = server(&obey, &value);
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&puppet, &value, 1).await;
        let stale = context(&puppet).await;
        puppet.die().await;
        let refused = value.publish(&stale, 9);
        assert!(matches!(refused, Err(PublishError::Ended { path }) if path == SERVER));
        h.wait(puppet.healthy()).await;
        assert!(value.publish(&stale, 9).is_err());
        assert!(value.get().now_or_never().is_none());
        publish(&puppet, &value, 2).await;
        assert!(value.publish(&stale, 9).is_err());
        assert_eq!(value.peek(), Some(2));
        h.settled().await;
    });
}

/// Publishes when it is woken, and notes what comes of that.
struct Late {
    value: Published<u32>,
    context: Context,
    results: Mutex<Vec<Result<(), PublishError>>>,
}

impl Wake for Late {
    fn wake(self: Arc<Self>) {
        let result = self.value.publish(&self.context, 9);
        self.results.lock().push(result);
    }
}

#[test]
fn who_has_returned_publishes_nothing_before_that_is_heard_either() {
    // L6, L10. What waits for the end of an incarnation is woken as soon as that returns.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let root = server(&obey, &value);
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&puppet, &value, 1).await;
        let late = Arc::new(Late {
            value: value.clone(),
            context: context(&puppet).await,
            results: Mutex::default(),
        });
        let mut ends = pin!(late.context.cancelled());
        let waker = Waker::from(late.clone());
        let polled = ends.as_mut().poll(&mut Polling::from_waker(&waker));
        assert!(polled.is_pending());
        finish(&puppet).await;
        h.settled().await;
        let results = late.results.lock();
        assert!(
            matches!(&results[..], [Err(PublishError::Ended { path })] if *path == SERVER),
            "{results:?}"
        );
        assert_eq!(value.peek(), Some(1));
    });
}

#[test]
fn who_was_not_declared_to_publishes_nothing() {
    // L10. Nor does a node of the same name and number in another tree.
    let (puppet, obey) = Puppet::new();
    let (stranger, obey_stranger) = Puppet::new();
    let (value, others) = (Published::new(), Published::new());
    let (root, other) = (server(&obey, &value), server(&obey_stranger, &others));
    Harness::run(None, |h| async move {
        h.start(root);
        let tree = Supervisor::new(other).start();
        publish(&puppet, &value, 1).await;
        let stranger = context(&stranger).await;
        let own = context(&puppet).await;
        assert_eq!(stranger.path(), own.path());
        assert_eq!(stranger.incarnation(), own.incarnation());
        let refused = value.publish(&stranger, 9).expect_err("it is another");
        let text = "root.server is not the publisher of this value";
        assert_eq!(refused.to_string(), text);
        assert_eq!(value.peek(), Some(1));
        let nobody = Published::new();
        assert!(nobody.publish(&own, 9).is_err());
        assert!(nobody.get().now_or_never().is_none(), "it may be declared");
        drop(tree);
    });
}

#[test]
fn of_two_publishers_the_one_declared_last_publishes() {
    // L10. What the first has published stays until it ends, or the last one publishes.
    let (first, obey_first) = Puppet::new();
    let (last, obey_last) = Puppet::new();
    let value = Published::new();
    let (own, declared) = (value.clone(), runnable(obey_first).publishes(&value));
    let pool = Arc::new(Mutex::new(None));
    let keep = pool.clone();
    Harness::run(None, |h| async move {
        h.start(root(move |ctx| {
            ctx.run("server", declared.clone())?;
            *keep.lock() = Some(ctx.pool("jobs")?);
            Ok(())
        }));
        publish(&first, &own, 1).await;
        let jobs = pool.lock().clone().expect("it is declared");
        let job = jobs.start(runnable(obey_last).publishes(&value));
        let job = job.expect("the pool is open");
        let former = context(&first).await;
        let refused = value.publish(&former, 9);
        assert!(matches!(refused, Err(PublishError::NotPublisher { path }) if path == SERVER));
        assert_eq!(value.peek(), Some(1));
        let mut values = value.watch();
        assert_eq!(values.next().await.expect("it is there"), 1);
        first.die().await;
        values.outdated().await;
        assert!(values.next().now_or_never().is_none(), "the last one may");
        publish(&last, &value, 2).await;
        assert_eq!(values.next().await.expect("it is there"), 2);
        h.wait(first.healthy()).await;
        job.terminate().await.expect("it stands");
        h.settled().await;
        assert!(values.next().await.is_err(), "it is forgotten");
    });
}

#[test]
fn a_refused_declaration_leaves_nobody_waiting() {
    // R3. And touches nothing of a publisher that stands.
    let (puppet, obey) = Puppet::new();
    let (value, never) = (Published::new(), Published::<u32>::new());
    let (fresh, of_group) = (Published::<u32>::new(), Published::<u32>::new());
    let declares = {
        let (value, never) = (value.clone(), never.clone());
        let (fresh, of_group) = (fresh.clone(), of_group.clone());
        let server = runnable(obey).publishes(&value);
        move |ctx: &Context| {
            ctx.run("server", server.clone())?;
            let double = runnable(serve).publishes(&value).publishes(&never);
            let refused = ctx.run("server", double);
            assert!(matches!(refused, Err(RunError::NameTaken { .. })));
            let misnamed = ctx.run("no name", runnable(serve).publishes(&fresh));
            assert!(matches!(misnamed, Err(RunError::Name { .. })));
            let group = ctx.group("pair", Strategy::OneForAll);
            let group = group.run("other", runnable(serve).publishes(&of_group));
            let refused = group.run("server", serve).start();
            assert!(matches!(refused, Err(RunError::NameTaken { .. })));
            Ok(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root(declares));
        publish(&puppet, &value, 1).await;
        assert_eq!(value.peek(), Some(1));
        for refused in [&never, &fresh, &of_group] {
            let why = refused.get().await.expect_err("it was refused");
            assert!(matches!(why, GoneError::Refused), "{why}");
        }
        let late = context(&puppet).await;
        puppet.healthy().await;
        let ours = Published::<u32>::new();
        let late = late.run("late", runnable(serve).publishes(&ours));
        assert!(matches!(late, Err(RunError::TooLate { .. })));
        assert!(ours.get().await.is_err());
        h.settled().await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_declaration_that_nobody_hears_leaves_nobody_waiting() {
    // R3, R11. The tree was dropped before, or in between.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let tree = Supervisor::new(server(&obey, &value)).start();
    let context = context(&puppet).await;
    let (heard, late) = (Published::<u32>::new(), Published::<u32>::new());
    let run = context.run("heard", runnable(serve).publishes(&heard));
    run.expect("it is queued");
    drop(tree);
    assert!(heard.get().await.is_err());
    let run = context.run("late", runnable(serve).publishes(&late));
    assert!(run.is_err());
    assert!(late.get().await.is_err());
}
