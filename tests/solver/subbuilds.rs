//! Sub-builds.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use perennial::solver::{Edge, OperationError, Vertex};
use tokio::join;
use tokio::time::timeout;

use crate::kit::{Gate, Kit, after, barrier, pass, play, play_with, text};

/// A vertex that builds another on its way, which is named by a function: so it may be itself.
fn asks_for(kit: &Kit, name: &str, other: fn(&Kit) -> Vertex<u64>) -> Vertex<u64> {
    let (of_other, op) = (kit.clone(), kit.clone());
    let op = op.op(name, name, move |ctx, _| {
        let other = other(&of_other).output(0);
        async move { Ok(vec![*ctx.build(&other).await?]) }
    });
    op.vertex().build()
}

#[test]
fn sol_67_an_operation_builds_on_its_way() {
    // Rule 8. What it has made is found without what it was made of.
    play(|kit| async move {
        let top = || {
            let seven = kit.constant(7).output(0);
            let sub = kit.sub_build("sub", "sub", seven).vertex().build();
            kit.sum(1, [sub.output(0)]).output(0)
        };
        let job = kit.job("a");
        assert_eq!(*job.build(&top()).await.unwrap(), 8);
        kit.expect(3, 3, 0);
        job.finish().await;
        let job = kit.job("b");
        assert_eq!(*job.build(&top()).await.unwrap(), 8);
        kit.expect(2, 0, 1);
        job.finish().await;
    });
}

#[test]
fn sol_68_what_a_sub_build_builds_lives_as_long_as_what_asked_for_it() {
    // Rule 8. Who asks for it by itself meanwhile finds it.
    play(|kit| async move {
        let below = kit.leaf("below", "below", 7).vertex().build().output(0);
        let sub = kit.sub_build("sub", "sub", below.clone()).vertex().build();
        let (a, b) = (kit.job("a"), kit.job("b"));
        assert_eq!(*a.build(&sub.output(0)).await.unwrap(), 7);
        kit.expect(2, 2, 0);
        assert_eq!(*b.build(&below).await.unwrap(), 7);
        b.finish().await;
        kit.expect(0, 0, 0);
        assert_eq!(kit.solver.snapshot().vertices.len(), 2);
        a.finish().await;
        kit.expect_empty();
    });
}

#[test]
fn sol_69_a_vertex_that_builds_itself_is_a_cycle() {
    // Rule 8. It is told at once, by names.
    fn itself(kit: &Kit) -> Vertex<u64> {
        asks_for(kit, "itself", itself)
    }
    play(|kit| async move {
        let job = kit.job("a");
        let error = job.build(&itself(&kit).output(0)).await.unwrap_err();
        let error = text(&error);
        assert!(error.contains("a cycle: itself -> itself"), "{error}");
        job.finish().await;
    });
}

fn one(kit: &Kit) -> Vertex<u64> {
    asks_for(kit, "one", other)
}

fn other(kit: &Kit) -> Vertex<u64> {
    asks_for(kit, "other", one)
}

#[test]
fn sol_69_two_vertices_that_build_each_other_are_a_cycle() {
    // Rule 8. The one that closes it is named first.
    play(|kit| async move {
        let job = kit.job("a");
        let error = job.build(&one(&kit).output(0)).await.unwrap_err();
        let error = text(&error);
        assert!(error.contains("a cycle: other -> one -> other"), "{error}");
        job.finish().await;
    });
}

#[test]
fn sol_69_two_jobs_that_close_a_cycle_together_are_told() {
    // Rule 8. Each has begun one of the two before either builds the other.
    play(|kit| async move {
        let meet = barrier(2);
        let vertex = |name: &str, other: fn(&Kit) -> Vertex<u64>| {
            let of_other = kit.clone();
            let op = kit.op(name, name, move |ctx, _| {
                let other = other(&of_other).output(0);
                async move { Ok(vec![*ctx.build(&other).await?]) }
            });
            op.before_run(meet.clone()).vertex().build().output(0)
        };
        let (a, b) = (kit.job("a"), kit.job("b"));
        let (of_one, of_other) = (vertex("one", other), vertex("other", one));
        let (of_a, of_b) = join!(a.build(&of_one), b.build(&of_other));
        for error in [of_a.unwrap_err(), of_b.unwrap_err()] {
            assert!(text(&error).contains("a cycle: "), "{}", text(&error));
        }
        kit.expect(2, 2, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_69_an_input_that_builds_what_it_is_an_input_of_is_a_cycle() {
    // Rule 8. One half of it is in the graph.
    fn top(kit: &Kit) -> Vertex<u64> {
        let input = asks_for(kit, "input", top);
        kit.node("top", "top", 1, [input.output(0)])
    }
    play(|kit| async move {
        let job = kit.job("a");
        let error = job.build(&top(&kit).output(0)).await.unwrap_err();
        let error = text(&error);
        assert!(error.contains("a cycle: input -> top -> input"), "{error}");
        job.finish().await;
    });
}

#[test]
fn sol_69_a_sub_build_of_the_same_key_is_no_cycle() {
    // Rules 1, 8. It would wait for itself if it shared the run that asks for it.
    play(|kit| async move {
        let below = kit.leaf("below", "seed", 7).vertex().build().output(0);
        let top = kit.sub_build("top", "seed", below).vertex().build();
        let job = kit.job("a");
        assert_eq!(*job.build(&top.output(0)).await.unwrap(), 7);
        kit.expect(2, 2, 0);
        job.finish().await;
    });
}

/// A vertex that needs the only permit there is, and takes so long.
fn limited(kit: &Kit, name: &str, milliseconds: u64) -> Edge<u64> {
    let op = kit.leaf(name, name, 1).before_run(after(milliseconds));
    op.needs("one", 1).vertex().build().output(0)
}

#[test]
fn sol_70_a_permit_is_handed_back_while_a_sub_build_is_waited_for() {
    // Rule 8. There is one permit, and both need it.
    play_with(
        |solver| solver.limit("one", 1),
        |kit| async move {
            let top = kit.sub_build("top", "top", limited(&kit, "below", 10));
            let top = top.needs("one", 1).vertex().build();
            let job = kit.job("a");
            let built = kit.h.wait(job.build(&top.output(0))).await;
            assert_eq!(*built.unwrap(), 1);
            kit.expect(2, 2, 0);
            job.finish().await;
        },
    );
}

#[test]
fn sol_70_a_run_that_waits_for_its_permit_twice_takes_it_once() {
    // Rule 8. It begins a second sub-build while it waits for the permit after the first one.
    play_with(
        |solver| solver.limit("one", 1),
        |kit| async move {
            let first = kit.leaf("first", "first", 1).before_run(after(10));
            let first = first.vertex().build().output(0);
            let second = kit.constant(2).output(0);
            let top = kit.op("top", "top", move |ctx, _| {
                let (first, second) = (first.clone(), second.clone());
                async move {
                    // Another one has the permit by now.
                    let later = async {
                        pass(20).await;
                        ctx.build(&second).await
                    };
                    let (first, second) = join!(ctx.build(&first), later);
                    Ok(vec![*first? + *second?])
                }
            });
            let top = top.needs("one", 1).vertex().build().output(0);
            let busy = limited(&kit, "busy", 100);
            let (a, b) = (kit.job("a"), kit.job("b"));
            let late = async {
                pass(5).await;
                b.build(&busy).await
            };
            let (of_a, of_b) = kit.h.wait(async { join!(a.build(&top), late) }).await;
            assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (3, 1));
            join!(a.finish(), b.finish());
        },
    );
}

#[test]
fn sol_71_two_jobs_share_a_parent_and_what_it_builds() {
    // Rules 1, 8. The second one comes while the parent waits.
    play(|kit| async move {
        let below = kit.leaf("below", "below", 7).before_run(after(100));
        let below = below.vertex().build().output(0);
        let top = kit
            .sub_build("top", "top", below)
            .vertex()
            .build()
            .output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let late = async {
            pass(50).await;
            b.build(&top).await
        };
        let (of_a, of_b) = kit.h.wait(async { join!(a.build(&top), late) }).await;
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (7, 7));
        kit.expect(2, 2, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_71_a_sub_build_that_fails_fails_what_asked_for_it() {
    // Rules 3, 8. For all that share it.
    play(|kit| async move {
        let below = kit.op("below", "below", |_, _| async {
            Err(OperationError::permanent("it is broken"))
        });
        let below = below.before_run(after(100)).vertex().build().output(0);
        let top = kit
            .sub_build("top", "top", below)
            .vertex()
            .build()
            .output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let both = async { join!(a.build(&top), b.build(&top)) };
        let (of_a, of_b) = kit.h.wait(both).await;
        for error in [of_a.unwrap_err(), of_b.unwrap_err()] {
            let error = text(&error);
            assert!(error.starts_with("top has failed"), "{error}");
            assert!(error.contains("below has failed"), "{error}");
            assert!(error.ends_with("it is broken"), "{error}");
        }
        kit.expect(2, 2, 0);
        join!(a.finish(), b.finish());
    });
}

/// A gate that opens a while after the operation was told to stop.
fn unwinds_slowly() -> Gate {
    Arc::new(|ctx| {
        let unwinds = async move {
            ctx.cancelled().await;
            pass(300).await;
        };
        unwinds.boxed()
    })
}

#[test]
fn sol_23_finish_waits_for_what_a_sub_build_has_begun() {
    // Rules 2, 8. It was not in the graph of the job, and is told to stop by way of its parent.
    play(|kit| async move {
        let below = kit.leaf("below", "below", 7).before_run(unwinds_slowly());
        let below = below.vertex().build().output(0);
        let sub = kit.sub_build("sub", "sub", below).vertex().build();
        let top = kit.sum(1, [sub.output(0)]).output(0);
        let job = kit.job("a");
        let build = timeout(Duration::from_millis(10), job.build(&top));
        assert!(kit.h.wait(build).await.is_err());
        assert_eq!(kit.running(), 2);
        kit.h.wait(job.finish()).await;
        assert_eq!(kit.running(), 0);
        kit.expect_empty();
    });
}

#[test]
fn sol_23_finish_waits_for_the_inputs_of_what_it_waits_for() {
    // Rule 2. They are told to stop when that does not want them any more.
    play(|kit| async move {
        let input = kit.leaf("input", "input", 7).before_run(unwinds_slowly());
        let input = input.vertex().build().output(0);
        let top = kit.sum(1, [kit.sum(1, [input]).output(0)]).output(0);
        let job = kit.job("a");
        let build = timeout(Duration::from_millis(10), job.build(&top));
        assert!(kit.h.wait(build).await.is_err());
        assert_eq!(kit.running(), 1);
        kit.h.wait(job.finish()).await;
        assert_eq!(kit.running(), 0);
        kit.expect_empty();
    });
}
