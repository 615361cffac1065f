//! Sharing and lifetime.

use std::time::Duration;

use perennial::solver::{Edge, Vertex, Watched};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::join;

use crate::kit::{Kit, after, barrier, pass, play, play_with};
use crate::stores::{Fault, TestStore};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn sol_01_one_job_builds_one_vertex() {
    // L1. One key, one run.
    play(|kit| async move {
        let job = kit.job("a");
        let v0 = kit.leaf("v0", "seed0", 7).vertex().build();
        assert_eq!(*job.build(&v0.output(0)).await.unwrap(), 7);
        kit.expect(1, 1, 0);
        job.finish().await;
    });
}

#[test]
fn sol_02_03_04_equal_vertices_are_one_while_a_job_has_one() {
    // L1. And anew when the last job is finished.
    play(|kit| async move {
        let v0 = |value| {
            kit.leaf("v0", &format!("seed{value}"), value)
                .vertex()
                .build()
        };
        let first = kit.job("1");
        assert_eq!(*first.build(&v0(0).output(0)).await.unwrap(), 0);
        kit.expect(1, 1, 0);
        let second = kit.job("2");
        assert_eq!(*second.build(&v0(1).output(0)).await.unwrap(), 0);
        kit.expect(0, 0, 0);
        first.finish().await;
        let third = kit.job("3");
        assert_eq!(*third.build(&v0(2).output(0)).await.unwrap(), 0);
        kit.expect(0, 0, 0);
        second.finish().await;
        third.finish().await;
        kit.expect_empty();
        let fourth = kit.job("4");
        assert_eq!(*fourth.build(&v0(3).output(0)).await.unwrap(), 3);
        kit.expect(1, 1, 0);
        fourth.finish().await;
    });
}

#[test]
fn sol_05_two_jobs_at_once_share_key_and_run() {
    // L1. The key takes 100 ms.
    play(|kit| async move {
        let v0 = kit.leaf("v0", "seed0", 7).before_key(after(100));
        let v0 = v0.vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let both = async { join!(a.build(&v0), b.build(&v0)) };
        let (of_a, of_b) = kit.h.wait(both).await;
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (7, 7));
        kit.expect(1, 1, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_06_a_job_that_does_not_come_is_waited_for_so_long() {
    // Rule 9. And not longer, nor shorter.
    play(|kit| async move {
        let error = kit.h.wait(kit.solver.watch("nobody", ms(300))).await;
        let error = error.expect_err("there is none");
        assert_eq!((&*error.id, error.waited), ("nobody", ms(300)));
        assert_eq!(kit.h.now(), ms(300));
    });
}

#[test]
fn sol_07_a_job_that_comes_is_watched_and_its_id_is_taken() {
    // Rule 9. The watcher was there 50 ms before it.
    play(|kit| async move {
        let comes = async {
            pass(50).await;
            kit.job("a")
        };
        let both = async { join!(kit.solver.watch("a", ms(300)), comes) };
        let (watch, job) = kit.h.wait(both).await;
        assert_eq!((watch.expect("it came").id(), kit.h.now()), ("a", ms(50)));
        assert_eq!(kit.solver.job("a").unwrap_err().id, "a");
        job.finish().await;
        kit.job("a").finish().await;
    });
}

#[test]
fn sol_07_a_job_is_waited_for_as_long_as_it_takes() {
    // Rule 9. There is no instant that is so far off.
    play(|kit| async move {
        let comes = async {
            pass(50).await;
            kit.job("a")
        };
        let both = async { join!(kit.solver.watch("a", Duration::MAX), comes) };
        let (watch, job) = kit.h.wait(both).await;
        assert_eq!((watch.expect("it came").id(), job.id()), ("a", "a"));
        job.finish().await;
    });
}

/// How many events a watcher reads of a finished job.
async fn history(kit: &Kit, id: &str) -> usize {
    let watch = kit.solver.watch(id, Duration::ZERO).await;
    let (mut watch, mut events) = (watch.expect("it lingers"), 0);
    while let Some(watched) = watch.next().await {
        assert!(matches!(watched, Watched::Event(_)), "{watched:?}");
        events += 1;
    }
    events
}

#[test]
fn sol_08_a_finished_job_can_be_watched_for_a_while() {
    // Rule 9. A new one of its id has a log of its own, which outlives that of the old one.
    let linger = ms(1000);
    play_with(
        |builder| builder.linger(linger),
        |kit| async move {
            let old = kit.job("a");
            old.build(&kit.constant(1).output(0)).await.unwrap();
            old.finish().await;
            // It has the vertex, which starts and completes.
            assert_eq!(history(&kit, "a").await, 3);
            kit.h.advance(ms(500)).await;
            let new = kit.job("a");
            let sum = kit.sum(1, [kit.constant(2).output(0)]);
            new.build(&sum.output(0)).await.unwrap();
            new.finish().await;
            assert_eq!(history(&kit, "a").await, 6);
            kit.h.advance(ms(600)).await;
            assert_eq!(history(&kit, "a").await, 6);
            kit.h.advance(ms(400)).await;
            let gone = kit.solver.watch("a", Duration::ZERO);
            kit.h
                .wait(gone)
                .await
                .expect_err("it does not linger any more");
        },
    );
}

#[test]
fn sol_09_equal_keys_of_different_vertices_run_once() {
    // L1. Both say their keys before either runs.
    play(|kit| async move {
        let meet = barrier(2);
        let vertex = |name: &str| {
            let leaf = kit.leaf(name, "seed", 7).before_key(meet.clone());
            leaf.vertex().build().output(0)
        };
        let (a, b) = (kit.job("a"), kit.job("b"));
        let (va, vb) = (vertex("va"), vertex("vb"));
        let (of_a, of_b) = join!(a.build(&va), b.build(&vb));
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (7, 7));
        kit.expect(2, 1, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_10_equal_keys_in_two_levels_run_once_each() {
    // L1. Both vertices of a level say their keys before either goes on.
    play(|kit| async move {
        let (meet_low, meet_high) = (barrier(2), barrier(2));
        let vertex = |name: &str| {
            let low = kit.leaf(&format!("{name}.low"), "low", 1);
            let low = low.before_key(meet_low.clone()).vertex().build();
            let high = kit.leaf(name, "high", 7).before_key(meet_high.clone());
            high.vertex().input(low.output(0)).build().output(0)
        };
        let (a, b) = (kit.job("a"), kit.job("b"));
        let (va, vb) = (vertex("va"), vertex("vb"));
        let (of_a, of_b) = join!(a.build(&va), b.build(&vb));
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (7, 7));
        kit.expect(4, 2, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_11_a_shared_result_stays_as_long_as_one_job_has_it() {
    // L1, L2. Who made it goes first, and who has joined leaves nothing behind.
    play(|kit| async move {
        let vertex = || {
            let two = kit.constant(2).output(0);
            kit.add_to_each(1, [two]).output(0)
        };
        let (a, b) = (kit.job("a"), kit.job("b"));
        for job in [&a, &b] {
            assert_eq!(*job.build(&vertex()).await.unwrap(), 3);
        }
        kit.expect(4, 2, 0);
        a.finish().await;
        let c = kit.job("c");
        assert_eq!(*c.build(&vertex()).await.unwrap(), 3);
        kit.expect(2, 0, 0);
        b.finish().await;
        assert_eq!(kit.solver.snapshot().executions, 1);
        c.finish().await;
        kit.expect_empty();
    });
}

#[test]
fn sol_12_a_vertex_with_two_outputs_runs_once() {
    // L1. An output that it does not have is an error.
    play(|kit| async move {
        let both = [kit.constant(3).output(0), kit.constant(4).output(0)];
        let two = kit.add_to_each(1, both);
        let top = kit.sum(2, [two.output(0), two.output(1)]);
        let job = kit.job("a");
        assert_eq!(*job.build(&top.output(0)).await.unwrap(), 11);
        kit.expect(4, 4, 0);
        let missing = job.build(&two.output(5)).await.unwrap_err();
        assert!(missing.to_string().contains("no output 5"), "{missing}");
        job.finish().await;
    });
}

#[test]
fn sol_13_outputs_of_vertices_with_one_key_are_taken_crosswise() {
    // L1. Whichever of the two makes them.
    play(|kit| async move {
        for _ in 0..20 {
            let pair = || {
                let both = [kit.constant(3).output(0), kit.constant(4).output(0)];
                kit.add_to_each(2, both)
            };
            let (va, vb) = (pair(), pair());
            let crosswise = [va.output(1), vb.output(0), va.output(0), vb.output(1)];
            let top = kit.sum(1, crosswise);
            let job = kit.job("a");
            assert_eq!(*job.build(&top.output(0)).await.unwrap(), 23);
            job.finish().await;
        }
    });
}

#[test]
fn sol_15_equal_work_in_one_graph_is_done_once() {
    // L1. Seven vertices, of which two have the keys of two others.
    play(|kit| async move {
        for round in 0..20 {
            let two = || kit.sum(2, [kit.constant(2).output(0)]).output(0);
            let inner = kit.sum(0, [two(), kit.constant(0).output(0)]);
            let top = kit.sum(3, [inner.output(0), two()]);
            let job = kit.job("a");
            assert_eq!(*job.build(&top.output(0)).await.unwrap(), 11);
            let counts = kit.counts();
            let loads = usize::from(round > 0);
            assert_eq!((counts.keys, counts.loads), (7, loads), "round {round}");
            kit.forget_counts();
            job.finish().await;
        }
    });
}

#[test]
fn sol_16_a_calculation_in_many_levels() {
    // Rules 3 and 4. Again in a new job it is found.
    play(|kit| async move {
        let constant = |value| kit.constant(value).output(0);
        let nine = || kit.sum(0, [constant(7), constant(2)]).output(0);
        let top = || kit.sum(1, [nine(), nine(), constant(2), constant(2), constant(19)]);
        for (runs, loads) in [(5, 0), (0, 1)] {
            let job = kit.job("a");
            assert_eq!(*job.build(&top().output(0)).await.unwrap(), 42);
            kit.expect(10, runs, loads);
            job.finish().await;
        }
    });
}

/// A vertex that adds its number to all inputs.
fn wrapping_sum(kit: &Kit, n: u64, inputs: Vec<Edge<u64>>) -> Vertex<u64> {
    let op = kit.op(&kit.fresh_name(), &format!("node-{n}"), move |_, inputs| {
        let sum = inputs.into_iter().fold(n, u64::wrapping_add);
        async move { Ok(vec![sum]) }
    });
    op.vertex().inputs(inputs).build()
}

/// A thousand vertices, each below the last one, and the value of that.
fn huge_graph(kit: &Kit) -> (Edge<u64>, u64) {
    let mut rng = StdRng::seed_from_u64(17);
    let mut made: Vec<(Edge<u64>, u64)> = Vec::new();
    // What nothing is made of so far.
    let mut loose: Vec<usize> = Vec::new();
    for n in 0..1000 {
        let mut below: Vec<_> = match n {
            999 => loose.clone(),
            _ => (0..rng.random_range(0..4))
                .filter_map(|_| loose.pop())
                .collect(),
        };
        if n > 0 {
            below.push(rng.random_range(0..made.len()));
        }
        let values = below.iter().map(|at| made[*at].1);
        let value = values.fold(n, u64::wrapping_add);
        let inputs = below.iter().map(|at| made[*at].0.clone()).collect();
        loose.push(made.len());
        made.push((wrapping_sum(kit, n, inputs).output(0), value));
    }
    made.pop().expect("there are a thousand")
}

#[test]
fn sol_17_a_huge_graph_is_made_once_and_found_by_one_load() {
    // Rules 1 and 5. All keys are asked for each time.
    play(|kit| async move {
        for (runs, loads) in [(1000, 0), (0, 1)] {
            let (top, value) = huge_graph(&kit);
            let job = kit.job("a");
            assert_eq!(*job.build(&top).await.unwrap(), value);
            kit.expect(1000, runs, loads);
            job.finish().await;
        }
    });
}

#[test]
fn sol_18_inputs_are_made_at_the_same_time() {
    // L1. Each waits for the other, in saying its key and in its run.
    play(|kit| async move {
        let (meet_key, meet_run) = (barrier(2), barrier(2));
        let leaf = |name: &str| {
            let leaf = kit.leaf(name, name, 1).before_key(meet_key.clone());
            leaf.before_run(meet_run.clone()).vertex().build().output(0)
        };
        let top = kit.node("v0", "seed0", 7, [leaf("v1"), leaf("v2")]);
        let job = kit.job("a");
        assert_eq!(*job.build(&top.output(0)).await.unwrap(), 7);
        kit.expect(3, 3, 0);
        job.finish().await;
    });
}

#[test]
fn sol_19_a_vertex_and_its_input_may_have_one_key() {
    // Rule 1. They do not share a run: one would wait for itself.
    let store = TestStore::with(Fault::KnowsOneKey);
    play_with(
        |builder| builder.store(store),
        |kit| async move {
            let low = kit.leaf("low", "low", 7).vertex().fresh().build();
            let same = kit.op("same", "same", |_, inputs| async move { Ok(inputs) });
            let same = same.vertex().fresh().input(low.output(0)).build();
            let job = kit.job("a");
            assert_eq!(*job.build(&same.output(0)).await.unwrap(), 7);
            kit.expect(2, 2, 0);
            job.finish().await;
        },
    );
}
