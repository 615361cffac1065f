//! Published values: who reads what, and when it is withdrawn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::puppet::Puppet;
use crate::scene::{SERVER, finish, kept, publish, root, serve, server};
use futures::FutureExt;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Backoff, Context, PublishError, Published, Runnable, State, Strategy, Supervisor, once,
    runnable,
};

#[test]
fn who_reads_first_waits_for_the_first_value() {
    // L6. It is there as soon as it is published, for all that wait.
    let (puppet, obey) = Puppet::new();
    let value = Published::<u32>::default();
    let root = server(&obey, &value);
    Harness::run(None, |h| async move {
        h.start(root);
        let (early, late) = (value.get(), value.clone());
        tokio::pin!(early);
        h.idle().await;
        assert!(early.as_mut().now_or_never().is_none());
        assert_eq!(value.peek(), None);
        publish(&puppet, &value, 1).await;
        assert_eq!(early.await.expect("it is there"), 1);
        assert_eq!(late.get().await.expect("it is there"), 1);
        assert_eq!(value.peek(), Some(1));
    });
}

#[test]
fn a_reader_sees_the_newest_and_skips_those_between() {
    // L6. Each reader for itself; a late one begins with the present value.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let root = server(&obey, &value);
    Harness::run(None, |h| async move {
        h.start(root);
        let mut values = value.watch();
        publish(&puppet, &value, 1).await;
        assert_eq!(values.next().await.expect("the first"), 1);
        assert!(values.next().now_or_never().is_none(), "it was seen");
        assert!(values.outdated().now_or_never().is_none());
        publish(&puppet, &value, 2).await;
        publish(&puppet, &value, 3).await;
        values.outdated().await;
        assert_eq!(values.next().await.expect("the newest"), 3);
        assert!(values.next().now_or_never().is_none());
        assert_eq!(value.watch().next().await.expect("the present one"), 3);
    });
}

#[test]
fn a_value_is_withdrawn_with_its_incarnation() {
    // L1, L10. Whoever reads meanwhile waits for that of the next one.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let root = server(&obey, &value);
    Harness::run(None, |h| async move {
        h.start(root);
        let mut values = value.watch();
        publish(&puppet, &value, 1).await;
        puppet.healthy().await;
        assert_eq!(values.next().await.expect("the first"), 1);
        puppet.die().await;
        values.outdated().await;
        assert_eq!(value.peek(), None);
        h.until(SERVER, State::Waiting).await;
        assert!(values.next().now_or_never().is_none());
        assert!(value.get().now_or_never().is_none());
        h.wait(puppet.healthy()).await;
        h.settled().await;
        assert_eq!(value.peek(), None);
        publish(&puppet, &value, 2).await;
        assert_eq!(values.next().await.expect("the second"), 2);
    });
}

#[test]
fn what_is_done_keeps_its_value_until_it_falls() {
    // R5, R6. And nobody can publish for it.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let root = server(&obey, &value);
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&puppet, &value, 1).await;
        let context = finish(&puppet).await;
        h.until(SERVER, State::Done).await;
        assert_eq!(value.peek(), Some(1));
        let refused = value.publish(&context, 2).expect_err("it has ended");
        let text = "root.server cannot publish any more: this incarnation has ended";
        assert_eq!(refused.to_string(), text);
        assert_eq!(value.peek(), Some(1));
        let restarted = h.tree().node(SERVER).restart();
        restarted.await.expect("it starts");
        assert_eq!(value.peek(), None);
        assert!(value.publish(&context, 2).is_err());
        publish(&puppet, &value, 3).await;
        assert_eq!(value.peek(), Some(3));
    });
}

#[test]
fn other_code_publishes_from_its_next_start_on() {
    // R16. What runs is not touched before that.
    let (first, obey_first) = Puppet::new();
    let (second, obey_second) = Puppet::new();
    let (value, other) = (Published::new(), Published::new());
    let (root, child) = kept(runnable(obey_first).publishes(&value));
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&first, &value, 1).await;
        let child = child.lock().clone().expect("it is declared");
        let code = runnable(obey_second).publishes(&value).publishes(&other);
        child.replace(code).await.expect("it stands");
        publish(&first, &value, 2).await;
        assert_eq!(value.peek(), Some(2));
        let mut values = value.watch();
        assert_eq!(values.next().await.expect("it is there"), 2);
        child.restart().await.expect("it stands");
        assert!(values.next().now_or_never().is_none(), "it may publish");
        publish(&second, &value, 3).await;
        publish(&second, &other, 4).await;
        assert_eq!(values.next().await.expect("it is there"), 3);
        assert_eq!(other.peek(), Some(4));
        child.replace(serve).await.expect("it stands");
        assert_eq!(value.peek(), Some(3));
        child.restart().await.expect("it stands");
        assert!(values.next().await.is_err(), "it publishes nothing");
        assert!(other.get().await.is_err(), "it publishes nothing");
    });
}

#[test]
fn a_root_publishes_to_those_outside() {
    // R11. Such as the address that it is bound to.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let root = runnable(obey).backoff(Backoff::none()).publishes(&value);
    Harness::run(None, |h| async move {
        h.start_with(Supervisor::new(root));
        publish(&puppet, &value, 1).await;
        puppet.healthy().await;
        assert_eq!(value.get().await.expect("it is there"), 1);
        puppet.die().await;
        publish(&puppet, &value, 2).await;
        assert_eq!(value.get().await.expect("it is there"), 2);
    });
}

#[test]
fn a_job_of_a_pool_publishes_until_it_is_over() {
    // R13. What is forgotten has nothing to say.
    let value = Published::<u32>::new();
    let job = {
        let value = value.clone();
        move |ctx: Context| async move {
            value.publish(&ctx, 1)?;
            ctx.cancelled().await;
            Ok::<_, PublishError>(())
        }
    };
    let job = once(job).publishes(&value);
    let given = Arc::new(Mutex::new(Some(job)));
    Harness::run(None, |h| async move {
        h.start(root(move |ctx| {
            let jobs = ctx.pool("jobs")?;
            let job = given.lock().take().expect("it is taken once");
            jobs.start(job).expect("the pool is open");
            Ok(())
        }));
        assert_eq!(value.get().await.expect("it is there"), 1);
        drop(h.tree().node("root.jobs.1").terminate());
        h.settled().await;
        let gone = value.get().await.expect_err("it is over");
        assert_eq!(gone.to_string(), "root.jobs.1 publishes nothing any more");
    });
}

/// What was to be read when it started, for each of its incarnations.
type Seen = Arc<Mutex<Vec<Option<u32>>>>;

/// Notes what is to be read when it starts, and serves.
fn reader(value: &Published<u32>) -> (Seen, impl Runnable + Clone + use<>) {
    let (seen, value) = (Seen::default(), value.clone());
    let noted = seen.clone();
    let code = move |ctx: Context| {
        noted.lock().push(value.peek());
        serve(ctx)
    };
    (seen, code)
}

#[test]
fn an_epoch_reads_nothing_of_the_one_before() {
    // L5. Whoever died, in whatever order they were declared.
    let (puppet, obey) = Puppet::new();
    let (failing, obey_failing) = Puppet::new();
    let value = Published::new();
    let (before, early) = reader(&value);
    let (after, late) = reader(&value);
    let server = runnable(obey).publishes(&value);
    let root = root(move |ctx| {
        let group = ctx.group("all", Strategy::OneForAll);
        let group = group
            .run("early", early.clone())
            .run("server", server.clone());
        let group = group
            .run("late", late.clone())
            .run("failing", obey_failing.clone());
        group.start().map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        for epoch in 1..=3 {
            h.idle().await;
            publish(&puppet, &value, epoch).await;
            h.wait(puppet.healthy()).await;
            failing.healthy().await;
            h.settled().await;
            assert_eq!(value.peek(), Some(epoch));
            if epoch == 2 {
                puppet.die().await;
            } else {
                failing.die().await;
            }
            h.until("root.late", State::Starting).await;
            assert_eq!(value.peek(), None);
        }
        assert_eq!(*before.lock(), [None; 4]);
        assert_eq!(*after.lock(), [None; 4]);
        h.wait(async {
            puppet.healthy().await;
            failing.healthy().await;
        })
        .await;
        h.settled().await;
    });
}

#[test]
fn a_value_is_withdrawn_before_the_rest_of_its_fall_has_ended() {
    // L5, R6. Whoever takes its time to stop reads it no more.
    let (puppet, obey) = Puppet::new();
    let value = Published::new();
    let (left, last) = (Arc::new(Mutex::new(Vec::new())), value.clone());
    let noted = left.clone();
    let slow = move |ctx: Context| {
        let (noted, last) = (noted.clone(), last.clone());
        async move {
            serve(ctx).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            noted.lock().push(last.peek());
        }
    };
    let server = runnable(obey).publishes(&value);
    let root = root(move |ctx| {
        let group = ctx.group("all", Strategy::OneForAll);
        let group = group.run("slow", slow.clone());
        group.run("server", server.clone()).start().map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&puppet, &value, 1).await;
        puppet.healthy().await;
        h.settled().await;
        puppet.die().await;
        h.until(SERVER, State::Dead).await;
        assert_eq!(value.peek(), None);
        h.wait(puppet.healthy()).await;
        h.settled().await;
        assert_eq!(*left.lock(), [None]);
    });
}

#[test]
fn rest_for_one_takes_the_value_only_with_its_publisher() {
    // L5, R6. Who falls after it finds it, and who falls with it does not.
    let (first, obey_first) = Puppet::new();
    let (puppet, obey) = Puppet::new();
    let (last, obey_last) = Puppet::new();
    let value = Published::new();
    let (seen, client) = reader(&value);
    let server = runnable(obey).publishes(&value);
    let root = root(move |ctx| {
        let group = ctx.group("row", Strategy::RestForOne);
        let group = group.run("first", obey_first.clone());
        let group = group
            .run("server", server.clone())
            .run("last", obey_last.clone());
        group.run("client", client.clone()).start().map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        for puppet in [&first, &puppet, &last] {
            puppet.healthy().await;
        }
        publish(&puppet, &value, 1).await;
        last.die().await;
        h.wait(last.healthy()).await;
        h.settled().await;
        assert_eq!(value.peek(), Some(1));
        first.die().await;
        for puppet in [&first, &puppet, &last] {
            h.wait(puppet.healthy()).await;
        }
        h.settled().await;
        assert_eq!(value.peek(), None);
        assert_eq!(*seen.lock(), [None, Some(1), None]);
    });
}

#[test]
fn a_done_publisher_that_falls_with_its_group_is_read_anew() {
    // L5, R6. It kept its value until then.
    let (puppet, obey) = Puppet::new();
    let (failing, obey_failing) = Puppet::new();
    let value = Published::new();
    let (seen, client) = reader(&value);
    let server = runnable(obey).publishes(&value);
    let root = root(move |ctx| {
        let group = ctx.group("all", Strategy::OneForAll);
        let group = group
            .run("client", client.clone())
            .run("server", server.clone());
        group.run("failing", obey_failing.clone()).start().map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        publish(&puppet, &value, 1).await;
        finish(&puppet).await;
        failing.healthy().await;
        h.settled().await;
        assert_eq!(h.state(SERVER).await, Some(State::Done));
        assert_eq!(value.peek(), Some(1));
        failing.die().await;
        h.until(SERVER, State::Waiting).await;
        assert_eq!(value.peek(), None);
        h.wait(failing.healthy()).await;
        h.wait(puppet.healthy()).await;
        h.settled().await;
        assert_eq!(*seen.lock(), [None, None]);
    });
}

/// A value that looks at its own cell when it is dropped, and panics then.
struct Odd {
    of: Published<Arc<Self>>,
    looks: Arc<AtomicUsize>,
}

impl Drop for Odd {
    fn drop(&mut self) {
        // This would wait for itself under a lock.
        drop(self.of.peek());
        self.looks.fetch_add(1, Ordering::SeqCst);
        panic!("the drop of a value");
    }
}

#[test]
fn a_value_is_dropped_outside_of_locks_and_its_panic_stops_nothing() {
    // L10, R18. When it is withdrawn, which the processor does.
    let looks = Arc::new(AtomicUsize::new(0));
    let value = Published::<Arc<Odd>>::new();
    let (puppet, obey) = Puppet::new();
    let odd = {
        let (value, looks) = (value.clone(), looks.clone());
        move || {
            let (of, looks) = (value.clone(), looks.clone());
            Arc::new(Odd { of, looks })
        }
    };
    let server = runnable(obey).publishes(&value);
    let root = root(move |ctx| ctx.run("server", server.clone()).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        for deaths in 1..=2 {
            let (own, odd) = (value.clone(), odd());
            h.wait(puppet.tell(move |ctx| {
                own.publish(ctx, odd).expect("it is the publisher");
                ctx.healthy();
                None
            }))
            .await;
            puppet.die().await;
            h.until(SERVER, State::Waiting).await;
            assert_eq!(looks.load(Ordering::SeqCst), deaths);
        }
        h.wait(puppet.healthy()).await;
        h.settled().await;
        let stopped = h.stop().await.expect("stopping is no failure");
        assert!(stopped.stops.is_empty(), "{stopped}");
    });
}
