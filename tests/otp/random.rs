//! Deaths and orders in any order, drawn from a seed: whatever comes, the tree comes to rest, no
//! order stays without an answer, and nobody meets an earlier incarnation.

use std::collections::BTreeSet;

use futures::FutureExt;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Context, Grace, Node, Order, Restart, RunError, Significant, State, Supervisor, What,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ctl::{Ctl, Member};
use crate::sup::{STRATEGIES, ms, over, seconds, within};
use crate::trace::Trace;

const SEEDS: u64 = 100;

const STEPS: usize = 60;

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn one_of<T: Copy>(rng: &mut StdRng, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}

fn order(rng: &mut StdRng, node: &Node) -> Order {
    match rng.random_range(0..8) {
        0 | 1 => node.terminate(),
        2 => node.remove(),
        3..=5 => node.start(),
        _ => node.restart(),
    }
}

/// A member of drawn habits and options. Some give an order in their stop path, and have to get an
/// answer, as nobody ends them.
fn member(ctl: &Ctl, rng: &mut StdRng) -> Member {
    let restart = one_of(
        rng,
        &[
            Restart::Permanent,
            Restart::Permanent,
            Restart::Transient,
            Restart::Temporary,
        ],
    );
    let backoff = Backoff::constant(ms(one_of(rng, &[0, 0, 50, 200])));
    let significant = one_of(rng, &[None, None, None, Some(Significant::All)]);
    let has_budget = rng.random_bool(0.2);
    let (gives_orders, seed) = (rng.random_bool(0.3), rng.random::<u64>());
    let grace = match gives_orders {
        true => Grace::Infinite,
        false => Grace::For(ms(one_of(rng, &[0, 20, 1000]))),
    };
    let inner = ctl.member();
    let code = move |ctx: Context| {
        let mut rng = StdRng::seed_from_u64(seed ^ ctx.incarnation());
        let run = inner.call(ctx.clone());
        async move {
            let exit = run.await;
            if gives_orders && ctx.is_cancelled() {
                let parent = ctx.parent().filter(|_| rng.random_bool(0.2));
                let node = parent.unwrap_or_else(|| ctx.sibling(one_of(&mut rng, &NAMES)));
                // It may be refused.
                let _ = order(&mut rng, &node).await;
            }
            exit
        }
    };
    Member::new(ctl.member().name, code).with(move |run| {
        let run = run.restart(restart).backoff(backoff).grace(grace);
        let run = match significant {
            Some(significant) => run.significant(significant),
            None => run,
        };
        match has_budget {
            true => run.intensity(within(2, seconds(1))),
            false => run,
        }
    })
}

/// A node above these members in order, which is healthy as soon as it has declared them.
fn parent(name: &'static str, members: Vec<Member>, rng: &mut StdRng) -> Member {
    let strategy = one_of(rng, &STRATEGIES);
    let budget = within(one_of(rng, &[2, 100]), ms(500));
    let restart = one_of(rng, &[Restart::Permanent, Restart::Temporary]);
    let code = move |ctx: Context| {
        let group = ctx.group("members", strategy).in_order().intensity(budget);
        let add = |group: perennial::Group, one: &Member| group.run(one.name, one.runnable());
        let group = members.iter().fold(group, add);
        async move {
            group.start()?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        }
    };
    Member::new(name, code).with(move |run| run.restart(restart))
}

fn tree(ctls: &[Ctl], rng: &mut StdRng) -> Member {
    let lower = ctls[4..].iter().map(|ctl| member(ctl, rng)).collect();
    let lower = parent("sub", lower, rng);
    let mut members: Vec<_> = ctls[..4].iter().map(|ctl| member(ctl, rng)).collect();
    members.insert(2, lower);
    let upper = parent("sup", members, rng);
    upper.with(|run| {
        run.restart(Restart::Permanent)
            .backoff(Backoff::constant(ms(100)))
    })
}

/// Does one thing to the tree, or lets time pass. Returns the order, if it was one.
async fn step(h: &Harness, rng: &mut StdRng, ctls: &[Ctl]) -> Option<(String, Order)> {
    h.idle().await;
    let snapshot = h.snapshot().await;
    let nodes = || snapshot.nodes.iter().filter(|node| node.depth > 0);
    let node = nodes().nth(rng.random_range(0..nodes().count().max(1)))?;
    let path = node.path.to_string();
    match rng.random_range(0..9) {
        0 if node.state == State::Healthy => {
            let faults = [Fault::kill, Fault::panic, Fault::error];
            h.inject(one_of(rng, &faults)(path));
        }
        1 => ctls[rng.random_range(0..ctls.len())].fail_starts(rng.random_range(0..3)),
        2..=4 => {
            let given = order(rng, &h.tree().node(path.as_str()));
            return Some((format!("the order to {path} at {:?}", h.now()), given));
        }
        _ => h.advance(ms(one_of(rng, &[1, 5, 10, 35, 70, 150]))).await,
    }
    None
}

async fn play(h: Harness) {
    let mut rng = StdRng::seed_from_u64(h.seed());
    let trace = Trace::default();
    let ctls = NAMES.map(|name| {
        let ctl = Ctl::new(name, &trace).starts_in(ms(one_of(&mut rng, &[0, 0, 20, 40])));
        ctl.cleans_up_in(ms(one_of(&mut rng, &[0, 10, 60])))
    });
    let root = over(&tree(&ctls, &mut rng));
    h.start_with(Supervisor::new(root).retry_escalations());
    let mut orders = Vec::new();
    for _ in 0..STEPS {
        orders.extend(step(&h, &mut rng, &ctls).await);
    }
    ctls.iter().for_each(|ctl| ctl.fail_starts(0));
    h.settled().await;
    for (what, order) in orders {
        assert!(
            order.now_or_never().is_some(),
            "{what} is without an answer"
        );
    }
    let mut running = BTreeSet::new();
    for event in h.log().iter() {
        let path = event.path.to_string();
        match event.what {
            What::Starting { .. } => {
                let is_left = |old: &String| *old == path || old.starts_with(&format!("{path}."));
                assert!(
                    !running.iter().any(is_left),
                    "{event}: it meets an earlier one"
                );
                running.insert(path);
            }
            What::Exited { .. } => drop(running.remove(&path)),
            _ => {}
        }
    }
}

#[test]
fn whatever_dies_and_whatever_is_ordered_the_tree_comes_to_rest() {
    // R12, R16, L1. `PERENNIAL_SEED` plays one of them again.
    for seed in 0..SEEDS {
        Harness::run(Some(seed), play);
    }
}
