//! Random trees in random storms, in the whole runtime: nothing overlaps, no exit is lost, and
//! settled is exact.
//!
//! `HARNESS_SEEDS` sets how many are played.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness, NotSettled, Settled, Storm};
use perennial::{Backoff, Configured, Context, Event, RunError, State, Strategy, What, runnable};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::yield_now;
use tokio::time::sleep;

/// How many trees are played unless the environment says otherwise.
const SEEDS: u64 = 60;

/// How many runs of each node live: its own count of what the tree promises (L1).
type Living = Arc<Mutex<BTreeMap<String, usize>>>;

/// Counts one run, for as long as its code is there.
struct Alive(Living, String);

impl Alive {
    fn new(living: &Living, ctx: &Context) -> Self {
        let path = ctx.path().to_string();
        let mut counts = living.lock();
        let below = counts.range(format!("{path}.")..format!("{path}/"));
        assert_eq!(
            below.map(|(_, count)| count).sum::<usize>(),
            0,
            "L1: {path}"
        );
        let count = counts.entry(path.clone()).or_default();
        *count += 1;
        assert_eq!(*count, 1, "L1: {path} runs twice");
        Self(living.clone(), path)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        *self.0.lock().entry(self.1.clone()).or_default() -= 1;
    }
}

/// A node whose shape and ways are drawn from its seed, the same each time it runs.
fn node(seed: u64, depth: usize, living: Living) -> Configured<impl Node> {
    let mut rng = StdRng::seed_from_u64(seed);
    let delay = [0, 1, 50, 500][rng.random_range(0..4)];
    let backoff = Backoff::constant(Duration::from_millis(delay));
    let grace = Duration::from_millis([0, 100, 3000][rng.random_range(0..3)]);
    let run = move |ctx: Context| -> BoxFuture<'static, anyhow::Result<()>> {
        Box::pin(live(ctx, seed, depth, living.clone()))
    };
    runnable(run).backoff(backoff).grace(grace)
}

trait Node: Fn(Context) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync + 'static {}

impl<F> Node for F where
    F: Fn(Context) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync + 'static
{
}

async fn live(ctx: Context, seed: u64, depth: usize, living: Living) -> anyhow::Result<()> {
    let alive = Alive::new(&living, &ctx);
    let mut rng = StdRng::seed_from_u64(seed);
    declare(&ctx, &mut rng, depth, &living)?;
    for _ in 0..rng.random_range(0..20) {
        yield_now().await;
    }
    sleep(Duration::from_millis(rng.random_range(0..30))).await;
    if rng.random_bool(0.3) {
        let token = ctx.token();
        ctx.spawn(async move { token.cancelled().await })?;
    }
    if rng.random_bool(0.2) {
        // Its children go on without it.
        drop(alive);
        ctx.done();
        return Ok(());
    }
    ctx.healthy();
    ctx.cancelled().await;
    for _ in 0..rng.random_range(0..20) {
        yield_now().await;
    }
    Ok(())
}

fn declare(ctx: &Context, rng: &mut StdRng, depth: usize, living: &Living) -> Result<(), RunError> {
    let children = if depth == 0 {
        0
    } else {
        rng.random_range(0..4)
    };
    for child in 0..children {
        ctx.run(
            format!("c{child}"),
            node(rng.random(), depth - 1, living.clone()),
        )?;
    }
    if depth > 0 && rng.random_bool(0.3) {
        let strategy = [Strategy::OneForOne, Strategy::OneForAll][rng.random_range(0..2)];
        let mut group = ctx.group("group", strategy);
        for member in 0..rng.random_range(1..4) {
            let member = format!("g{member}");
            group = group.run(member, node(rng.random(), depth - 1, living.clone()));
        }
        group.start()?;
    }
    Ok(())
}

/// Plays one tree, and returns how many faults it had and how many starts.
fn play(seed: u64) -> (usize, usize) {
    Harness::run(Some(seed), |h| async move {
        let living = Living::default();
        let root = node(seed, 3, living.clone());
        h.start_with(
            perennial::Supervisor::new(root)
                .retry_start()
                .retry_escalations(),
        );
        expect_settled(&h).await;
        let storm = Storm::lasting(Duration::from_secs(20))
            .kills(3.0)
            .errors(3.0)
            .panics(2.0)
            .hangs(0.3)
            .blocks(0.3, Duration::from_millis(77))
            .slow_starts(0.5, Duration::from_millis(333))
            .slow_stops(0.5, Duration::from_millis(444));
        let faults = h.storm(storm).await;
        calm(&h).await;
        expect_settled(&h).await;
        let starts = h
            .log()
            .into_iter()
            .filter(|event| matches!(event.what, What::Starting { .. }));
        let starts = starts.count();
        h.stop().await.expect("stopping is no failure");
        expect_no_loss(&h.log());
        assert_eq!(
            living.lock().values().sum::<usize>(),
            0,
            "L9: nothing lives"
        );
        (faults, starts)
    })
}

/// What hangs while it starts does so for ever, so it is killed when nothing else is left to wait
/// for.
async fn calm(h: &Harness) {
    while let Err(NotSettled::Late { nodes, .. }) = h.settled_within(Duration::from_secs(60)).await
    {
        for node in nodes.iter().filter(|node| node.state == State::Starting) {
            h.inject(Fault::kill(node.path.to_string()));
        }
    }
}

/// R12: nothing happens any more, however often the runtime turns.
async fn expect_settled(h: &Harness) {
    assert_eq!(h.settled().await, Settled::Exact);
    let events = h.log().len();
    for _ in 0..100 {
        yield_now().await;
    }
    assert_eq!(h.log().len(), events, "R12: {}", h.log()[events]);
}

/// L3: each start has one exit, and each unexpected one has its answer.
fn expect_no_loss(log: &[Event]) {
    let mut running = BTreeMap::new();
    let mut open = BTreeMap::new();
    for event in log {
        let path = event.path.to_string();
        match &event.what {
            What::Starting { .. } => {
                let before = running.insert(path.clone(), event.incarnation);
                assert_eq!(before, None, "L1: {event}");
                assert!(!open.contains_key(&path) || event.state == State::Starting);
            }
            What::Exited { .. } => {
                assert_eq!(
                    running.remove(&path),
                    Some(event.incarnation),
                    "L3: {event}"
                );
                if event.state == State::Dead {
                    assert_eq!(open.insert(path, event.incarnation), None, "L3: {event}");
                }
            }
            What::StartedAgain | What::Absorbed { .. } | What::CutShort | What::Down { .. } => {
                open.remove(&path);
            }
            _ => {}
        }
    }
    assert!(running.is_empty(), "L3: these have no exit: {running:?}");
    assert!(open.is_empty(), "L3: these have no answer: {open:?}");
}

#[test]
fn random_trees_in_random_storms_keep_the_laws() {
    // L1, L3, L7, L9, R12. Every seed is played by itself, and told when it fails.
    let seeds = env::var("HARNESS_SEEDS").ok();
    let seeds = seeds.map_or(SEEDS, |seeds| seeds.parse().expect("a number of seeds"));
    let (begun, mut faults, mut starts) = (Instant::now(), 0, 0);
    for seed in 0..seeds {
        let (more, again) = play(seed);
        (faults, starts) = (faults + more, starts + again);
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{seeds} seeds, {faults} faults, {starts} starts in {took:.1} s");
}
