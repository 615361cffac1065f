//! Sharing and lifetime.

use tokio::join;

use crate::kit::{after, barrier, play};

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
fn sol_02_to_04_equal_vertices_are_one_while_a_job_has_one() {
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
