//! The table of OTP's errors (the second one in `scenarios.md`): each row is brought about, and
//! what is seen is compared with what stands there.

use std::fmt::Debug;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{Backoff, Context, Effect, Intensity, OrderError, Pool, Restart, Strategy};

use crate::ctl::{Ctl, Member};
use crate::pooled::above;
use crate::sup::{Sup, ms, node, over, seconds};
use crate::trace::Trace;

const TABLE: &str = include_str!("scenarios.md");

/// A call, what OTP says to it, and what is said here.
type Row = (String, String, String);

/// What was seen, by whoever takes part.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Row>>>);

impl Seen {
    fn note(&self, (call, otp): (&str, &str), here: String) {
        self.0.lock().push((call.to_owned(), otp.to_owned(), here));
    }

    /// Notes the variant of an error.
    fn error<T: Debug>(&self, row: (&str, &str), kind: &str, error: Option<T>) {
        let error = error.unwrap_or_else(|| panic!("{row:?}: there is no error"));
        let text = format!("{error:?}");
        let variant = text.split(|letter: char| !letter.is_alphanumeric()).next();
        self.note(row, format!("{kind}::{}", variant.unwrap_or_default()));
    }

    fn order(&self, row: (&str, &str), answer: Result<Effect, OrderError>) {
        match answer {
            Ok(effect) => self.error(row, "Effect", Some(effect)),
            Err(error) => self.error(row, "OrderError", Some(error)),
        }
    }
}

/// The rows of the table whose last cell is a value.
fn expected() -> Vec<Row> {
    let lines = TABLE
        .lines()
        .skip_while(|line| !line.starts_with("| call |"));
    let rows = lines.skip(2).filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (call, otp) = (cells.next()?, cells.next()?);
        let value = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((call.to_owned(), otp.to_owned(), value.to_owned()))
    });
    rows.collect()
}

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

#[test]
fn each_error_of_otp_has_its_value() {
    // R1, R3, R9, R16. No row without a value, and no value without its row.
    let seen = Seen::default();
    declaring(&seen);
    failing(&seen);
    ordering(&seen);
    unknown(&seen);
    gone(&seen);
    pooled(&seen);
    let (mut seen, mut expected) = (std::mem::take(&mut *seen.0.lock()), expected());
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(seen.len(), 33);
}

type Run = BoxFuture<'static, ()>;

/// Runs this as `root.sup`, until it is terminated.
fn in_a_node(code: impl Fn(Context) -> Run + Send + Sync + 'static) {
    Harness::run(None, |h| async move {
        h.start(over(&Member::new("sup", code)));
        h.idle().await;
        h.tree()
            .node("root.sup")
            .terminate()
            .await
            .expect("it stands");
        h.idle().await;
    });
}

/// What a node can be refused while it declares its children, and later.
fn declaring(seen: &Seen) {
    let window = Intensity::new(1, ms(0)).err();
    seen.error(
        ("start_link", "supervisor_data, invalid_period"),
        "IntensityError",
        window,
    );
    let notes = seen.clone();
    in_a_node(move |ctx| {
        let seen = notes.clone();
        async move {
            let bad = ctx.run("Not a name", serve).err();
            seen.error(("start_link", "start_spec, bad id"), "RunError", bad);
            let twins = ctx.group("twins", Strategy::OneForAll);
            let twins = twins.run("a", serve).run("a", serve).start().err();
            let row = ("start_link", "start_spec, duplicate_child_name");
            seen.error(row, "RunError", twins);
            ctx.run("a", serve).expect("the name is free");
            let taken = ctx.run("a", serve).err();
            seen.error(("start_link", "already_started"), "RunError", taken.clone());
            seen.error(("start_child", "duplicate id"), "RunError", taken);
            ctx.cancelled().await;
            let stopping = ctx.run("b", serve).err();
            seen.error(("start_child", "supervisor stops"), "RunError", stopping);
            // Once it has returned.
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                let ended = ctx.run("b", serve).err();
                seen.error(("start_child", "supervisor is gone"), "RunError", ended);
            });
        }
        .boxed()
    });
    let notes = seen.clone();
    in_a_node(move |ctx| {
        let seen = notes.clone();
        async move {
            ctx.healthy();
            let late = ctx.run("a", serve).err();
            seen.error(("start_child", "supervisor is up"), "RunError", late);
            ctx.cancelled().await;
        }
        .boxed()
    });
}

/// What a failed start and a spent budget lead to.
fn failing(seen: &Seen) {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    a.fail_starts(1);
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let evidence = node(&h, "root.sup").await.last_exit;
        let cause = evidence.and_then(|evidence| evidence.cause.clone());
        seen.error(("start_link", "failed_to_start_child"), "Cause", cause);
    });
    let notes = seen.clone();
    in_a_node(move |ctx| {
        let seen = notes.clone();
        async move {
            let fails = perennial::runnable(|_| async { Err::<(), _>("no such host") });
            let child = ctx
                .run("a", fails.restart(Restart::Temporary))
                .expect("it is free");
            let failed = child.first_start().await.err();
            seen.error(("start_child", "start failed"), "FirstStartError", failed);
            ctx.cancelled().await;
        }
        .boxed()
    });
    let sup = Sup::new(Strategy::OneForOne).intensity(0, seconds(1));
    let a = Ctl::new("a", &trace);
    let sup = sup.run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.member("root").runnable());
        h.settled().await;
        a.crash().await;
        let failure = h
            .stopped()
            .await
            .err()
            .map(|_: perennial::Failure| "Failure");
        let here = failure.expect("its budget is spent");
        seen.note(("stop", "supervisor ended otherwise"), here.to_owned());
    });
}

/// What orders about a known child answer.
fn ordering(seen: &Seen) {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let slow = Backoff::constant(seconds(1));
    let sup = Sup::new(Strategy::OneForOne).run(a.with(move |run| run.backoff(slow)));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let node = h.tree().node("root.sup.a");
        seen.order(("start_child", "already_started"), node.start().await);
        seen.order(("restart_child", "running"), node.start().await);
        node.terminate().await.expect("it stands");
        seen.order(("terminate_child", "not running"), node.terminate().await);
        seen.order(("start_child", "already_present"), node.start().await);
        h.settled().await;
        a.crash().await;
        h.idle().await;
        seen.order(("restart_child", "restarting"), node.start().await);
        node.terminate().await.expect("it stands");
        a.fail_starts(1);
        seen.order(("restart_child", "start error"), node.start().await);
        h.idle().await;
        seen.order(("delete_child", "restarting"), node.remove().await);
    });
    let trace = Trace::default();
    let sup = Sup::new(Strategy::OneForOne).run(&Ctl::new("a", &trace));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let removed = h.tree().node("root.sup.a").remove().await;
        seen.order(("delete_child", "running"), removed);
    });
}

/// What is answered about a child that there is not.
fn unknown(seen: &Seen) {
    let sup = Sup::new(Strategy::OneForOne);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let node = h.tree().node("root.sup.a");
        seen.order(("restart_child", "not_found"), node.start().await);
        seen.order(("terminate_child", "not_found"), node.terminate().await);
        seen.order(("delete_child", "not_found"), node.remove().await);
        let snapshot = h.snapshot().await;
        let found = format!("{:?}", snapshot.find("root.sup.a"));
        seen.note(("which_child, get_childspec", "not_found"), found);
    });
}

/// What is answered by what is gone.
fn gone(seen: &Seen) {
    let given = Arc::new(Mutex::new(None));
    let gives = given.clone();
    let child = Member::new("a", move |ctx: Context| {
        *gives.lock() = Some(ctx.clone());
        serve(ctx)
    });
    let sup = Sup::new(Strategy::OneForOne).run(child);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let (child, tree) = (sup.children().remove(0), h.tree().node("root.sup"));
        let ctx = given.lock().take().expect("it has run");
        tree.terminate().await.expect("it stands");
        let parent = ctx.parent().expect("it is not the root");
        seen.order(
            ("any of them", "noproc, caller is gone"),
            parent.start().await,
        );
        seen.order(
            ("any of them", "noproc, supervisor is gone"),
            child.start().await,
        );
        h.stop().await.expect("stopping is no failure");
        seen.order(("any of them", "noproc, tree is gone"), tree.start().await);
    });
}

/// What a pool and its tasks answer.
fn pooled(seen: &Seen) {
    let pool = Pool::builder().max_children(1).build();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let fails = |_: Context| async { Err::<u8, _>("no such host") };
        let child = pool.start(fails_plainly).expect("there is room");
        let failed = child.first_start().await.err();
        let start = "DynamicSupervisor.start_child";
        seen.error((start, "start failed"), "FirstStartError", failed);
        let row = ("DynamicSupervisor.terminate_child", "not_found");
        seen.order(row, child.terminate().await);
        let failed = pool.task(fails).expect("there is room").await.err();
        seen.error(("Task.await", "exit"), "TaskError", failed);
        let task = pool.task(|_| async { Ok::<_, String>(std::future::pending::<u8>().await) });
        let task = task.expect("there is room");
        let full = pool.start(serve).err();
        seen.error((start, "max_children"), "StartError", full);
        let input = futures::stream::iter([()]);
        let full: Vec<_> = pool.stream(input, 1, |()| fails).collect().await;
        let full = full.into_iter().find_map(Result::err);
        seen.error(
            ("Task.Supervisor.async_stream", "max_children"),
            "TaskError",
            full,
        );
        drop(task.child().terminate());
        let stopped = h.wait(task).await.err();
        seen.error(
            ("Task.await", "exit, it was shut down"),
            "TaskError",
            stopped,
        );
        h.stop().await.expect("stopping is no failure");
        seen.error((start, "noproc"), "StartError", pool.start(serve).err());
    });
}

async fn fails_plainly(_: Context) -> Result<(), &'static str> {
    Err("no such host")
}
