//! What jobs hear of their vertices.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use perennial::solver::{
    Input, JobEvent, JobEventKind, JobSnapshot, JobWatch, OperationError, Output, Status,
    VertexState, Watched,
};
use perennial::store::Digest;
use tokio::join;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::kit::{Gate, barrier, digest_of, pass, play, play_with, when_cancelled};

/// All that a finished job has told, with its numbers and names.
#[derive(Default)]
struct Told {
    events: Vec<JobEvent>,
    lagged: Vec<u64>,
    names: HashMap<Digest, Arc<str>>,
}

impl Told {
    async fn read(mut watch: JobWatch) -> Self {
        let mut told = Self::default();
        while let Some(watched) = watch.next().await {
            told.note(watched);
        }
        told
    }

    /// What there is to read without waiting.
    fn so_far(watch: &mut JobWatch) -> Self {
        let mut told = Self::default();
        while let Some(Some(watched)) = watch.next().now_or_never() {
            told.note(watched);
        }
        told
    }

    fn note(&mut self, watched: Watched) {
        match watched {
            Watched::Event(event) => {
                if let JobEventKind::Declared { name, .. } = &event.kind {
                    self.names.insert(event.vertex, name.clone());
                }
                self.events.push(event);
            }
            Watched::Lagged(events) => self.lagged.push(events),
            _ => unreachable!("there is no other"),
        }
    }

    /// What it says, a line for each event.
    fn lines(&self) -> Vec<String> {
        let line = |event: &JobEvent| {
            let name = &self.names[&event.vertex];
            format!("{name} {}", say(&event.kind))
        };
        self.events.iter().map(line).collect()
    }

    fn of(&self, name: &str) -> Vec<String> {
        let lines = self.lines().into_iter();
        let lines = lines.filter_map(|line| line.strip_prefix(name).map(str::to_owned));
        lines.map(|line| line.trim_start().to_owned()).collect()
    }

    fn numbers(&self) -> Vec<u64> {
        self.events.iter().map(|event| event.number).collect()
    }
}

fn say(kind: &JobEventKind) -> String {
    match kind {
        JobEventKind::Declared { .. } => "declared".into(),
        JobEventKind::Started { run } => format!("started {run}"),
        JobEventKind::Cached { store } => format!("cached by {store}"),
        JobEventKind::Completed { run } => format!("completed {run}"),
        JobEventKind::Failed { error } => format!("failed: {error}"),
        JobEventKind::Cancelled => "cancelled".into(),
        JobEventKind::Status { id, done, total } => format!("{id} {done}/{total}"),
        JobEventKind::Log { line } => format!("says {line}"),
        JobEventKind::Warning { text } => format!("warns {text}"),
        other => unreachable!("there is no {other:?}"),
    }
}

/// How a vertex is, by name.
fn state_of(snapshot: &JobSnapshot, name: &str) -> VertexState {
    let mut vertices = snapshot.vertices.iter();
    let vertex = vertices.find(|vertex| &*vertex.name == name);
    vertex.expect("the job has it").state
}

/// A gate that opens when it is told to.
fn when(told: &Arc<Notify>) -> Gate {
    let told = told.clone();
    Arc::new(move |_| {
        let told = told.clone();
        async move { told.notified().await }.boxed()
    })
}

#[test]
fn sol_72_a_job_hears_of_each_vertex_from_its_beginning_to_its_end() {
    // Rule 9. The inputs are declared first, and the numbers rise by one.
    play(|kit| async move {
        let input = kit.leaf("in", "in", 1).vertex().build().output(0);
        let top = kit.node("top", "top", 2, [input.clone()]).output(0);
        let job = kit.job("a");
        let watch = job.watch();
        job.build(&top).await.unwrap();
        job.build(&top).await.unwrap();
        job.build(&input).await.unwrap();
        let summary = job.finish().await;
        assert_eq!((summary.completed, summary.unneeded), (2, 0));
        let told = Told::read(watch).await;
        let expected = [
            "in declared",
            "top declared",
            "in started 1",
            "in completed 1",
            "top started 1",
            "top completed 1",
        ];
        assert_eq!(told.lines(), expected);
        assert_eq!(told.numbers(), [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn sol_72_a_hit_is_told_and_what_it_was_made_of_is_not_needed() {
    // Rules 5, 9. Another job has built it.
    play(|kit| async move {
        let input = kit.leaf("in", "in", 1).vertex().build().output(0);
        let top = kit.node("top", "top", 2, [input]).output(0);
        let job = kit.job("a");
        job.build(&top).await.unwrap();
        job.finish().await;
        let job = kit.job("b");
        let watch = job.watch();
        job.build(&top).await.unwrap();
        let summary = job.finish().await;
        assert_eq!((summary.cached, summary.unneeded), (1, 1));
        let told = Told::read(watch).await;
        let expected = ["in declared", "top declared", "top cached by counting"];
        assert_eq!(told.lines(), expected);
    });
}

#[test]
fn sol_72_a_failure_is_told_of_the_vertex_that_has_failed() {
    // Rule 9. What it is an input of has not begun.
    play(|kit| async move {
        let fails = |_, _| async { Err(OperationError::permanent("it is broken")) };
        let input = kit.op("in", "in", fails).vertex().build().output(0);
        let top = kit.node("top", "top", 2, [input]).output(0);
        let unkeyed = kit.leaf("unkeyed", "", 1).key_fails("it is lost");
        let unkeyed = unkeyed.vertex().build().output(0);
        let job = kit.job("a");
        let watch = job.watch();
        job.build(&top).await.unwrap_err();
        job.build(&unkeyed).await.unwrap_err();
        let summary = job.finish().await;
        assert_eq!((summary.failed, summary.unneeded), (2, 1));
        let told = Told::read(watch).await;
        let failed = "failed: in has failed: its operation: it is broken";
        assert_eq!(told.of("in"), ["declared", "started 1", failed]);
        assert_eq!(told.of("top"), ["declared"]);
        let failed = "failed: unkeyed has failed: the key of its operation: it is lost";
        assert_eq!(told.of("unkeyed"), ["declared", failed]);
    });
}

#[test]
fn sol_72_a_panic_is_told_as_a_failure() {
    // Rules 3, 9. Its place is the tree's to tell.
    play(|kit| async move {
        let panics = |_, _| async { panic!("it is on fire") };
        let top = kit.op("top", "top", panics).vertex().build().output(0);
        let job = kit.job("a");
        let watch = job.watch();
        job.build(&top).await.unwrap_err();
        job.finish().await;
        let told = Told::read(watch).await;
        assert_eq!(told.of("top")[..2], ["declared", "started 1"]);
        assert!(
            told.of("top")[2].starts_with("failed: "),
            "{:?}",
            told.lines()
        );
        assert_eq!(told.lines().len(), 3);
    });
}

#[test]
fn sol_72_what_nobody_wants_any_more_is_told_to_be_cancelled() {
    // Rules 2, 9. The next run has the next number.
    play(|kit| async move {
        let stops = |_, _| async { Err(OperationError::permanent("it was told to stop")) };
        let top = kit.op("top", "top", stops).before_run(when_cancelled());
        let top = top.vertex().build().output(0);
        let job = kit.job("a");
        let watch = job.watch();
        for _ in 0..2 {
            let build = timeout(Duration::from_millis(10), job.build(&top));
            assert!(kit.h.wait(build).await.is_err());
            kit.h.idle().await;
        }
        assert_eq!(job.finish().await.cancelled, 1);
        let told = Told::read(watch).await;
        let expected = [
            "declared",
            "started 1",
            "cancelled",
            "started 2",
            "cancelled",
        ];
        assert_eq!(told.of("top"), expected);
    });
}

#[test]
fn sol_72_what_is_made_though_nobody_wants_it_is_told_to_be_completed() {
    // Rules 3, 9. It is kept.
    play(|kit| async move {
        let top = kit.leaf("top", "top", 1).before_run(when_cancelled());
        let top = top.vertex().build().output(0);
        let job = kit.job("a");
        let watch = job.watch();
        let build = timeout(Duration::from_millis(10), job.build(&top));
        assert!(kit.h.wait(build).await.is_err());
        kit.h.idle().await;
        assert_eq!(*job.build(&top).await.unwrap(), 1);
        job.finish().await;
        let told = Told::read(watch).await;
        assert_eq!(told.of("top"), ["declared", "started 1", "completed 1"]);
    });
}

#[test]
fn sol_73_who_comes_late_has_a_snapshot_and_what_comes_after_it() {
    // Rule 9. Without a gap, and without a repetition.
    play(|kit| async move {
        let told = Arc::new(Notify::new());
        let input = kit.leaf("in", "in", 1).vertex().build().output(0);
        let top = kit.leaf("top", "top", 2).before_run(when(&told));
        let top = top.vertex().input(input).build().output(0);
        let job = kit.job("a");
        let early = job.watch();
        let late = async {
            kit.h.idle().await;
            let wait = Duration::from_secs(1);
            let mut late = kit.solver.watch("a", wait).await.unwrap();
            let snapshot = late.snapshot();
            assert_eq!(state_of(&snapshot, "in"), VertexState::Completed);
            assert_eq!(state_of(&snapshot, "top"), VertexState::Running);
            assert_eq!(snapshot.took, None);
            told.notify_one();
            late
        };
        let (built, mut late) = join!(job.build(&top), late);
        built.unwrap();
        job.finish().await;
        let all = Told::read(early).await;
        let mut rest = Vec::new();
        while let Some(Watched::Event(event)) = late.next().await {
            rest.push(event);
        }
        assert_eq!(rest, all.events[5..]);
        assert_eq!(all.lines()[5..], ["top completed 1"]);
        assert!(late.snapshot().took.is_some());
    });
}

#[test]
fn sol_74_a_job_that_joins_hears_what_was_and_what_comes_until_it_leaves() {
    // Rule 9. Two join: one leaves, the other stays.
    play(|kit| async move {
        let told = Arc::new(Notify::new());
        let (told_once, told_twice) = (told.clone(), told.clone());
        let top = kit.op("top", "top", move |ctx, _| {
            let told = told_once.clone();
            async move {
                ctx.log("before");
                told.notified().await;
                ctx.log("after");
                Ok(vec![1])
            }
        });
        let top = top.vertex().build().output(0);
        let (first, stays, leaves) = (kit.job("first"), kit.job("stays"), kit.job("leaves"));
        let watches = [&first, &stays, &leaves].map(|job| job.watch());
        let others = async {
            kit.h.idle().await;
            let stays = async { stays.build(&top).await };
            let leaves = async {
                let build = timeout(Duration::from_millis(10), leaves.build(&top));
                build.await.unwrap_err();
                leaves.finish().await;
                told_twice.notify_one();
            };
            join!(stays, leaves).0
        };
        let (of_first, of_stays) = kit.h.wait(async { join!(first.build(&top), others) }).await;
        assert_eq!((*of_first.unwrap(), *of_stays.unwrap()), (1, 1));
        join!(first.finish(), stays.finish());
        let whole = [
            "declared",
            "started 1",
            "says before",
            "says after",
            "completed 1",
        ];
        let [of_first, of_stays, of_leaves] = watches;
        assert_eq!(Told::read(of_first).await.of("top"), whole);
        assert_eq!(Told::read(of_stays).await.of("top"), whole);
        assert_eq!(Told::read(of_leaves).await.of("top"), whole[..3]);
    });
}

#[test]
fn sol_74_a_job_that_joins_hears_of_the_sub_builds_that_were_and_that_come() {
    // Rules 8, 9. It has no vertex of them by itself.
    play(|kit| async move {
        let (first, second) = (kit.leaf("one", "one", 1), kit.leaf("two", "two", 2));
        let first = first.vertex().build().output(0);
        let second = second.vertex().build().output(0);
        let (told, tells) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let waits = told.clone();
        let top = kit.op("top", "top", move |ctx, _| {
            let (first, second, waits) = (first.clone(), second.clone(), waits.clone());
            let tells = tells.clone();
            async move {
                ctx.build(&first).await?;
                tells.notify_one();
                waits.notified().await;
                Ok(vec![*ctx.build(&second).await?])
            }
        });
        let top = top.vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let watches = [&a, &b].map(|job| job.watch());
        let late = async {
            kit.h.idle().await;
            let build = b.build(&top);
            let tell = async {
                kit.h.idle().await;
                told.notify_one();
            };
            join!(build, tell).0
        };
        let (of_a, of_b) = join!(a.build(&top), late);
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (2, 2));
        join!(a.finish(), b.finish());
        for watch in watches {
            let told = Told::read(watch).await;
            for name in ["top", "one", "two"] {
                let whole = ["declared", "started 1", "completed 1"];
                assert_eq!(told.of(name), whole, "{name}");
            }
        }
    });
}

#[test]
fn sol_76_jobs_that_have_gone_are_not_counted() {
    // Rule 9. Fifty come and go, while one stays.
    play(|kit| async move {
        let top = kit.leaf("top", "top", 1).vertex().build().output(0);
        let stays = kit.job("stays");
        stays.build(&top).await.unwrap();
        for _ in 0..50 {
            let job = kit.job("goes");
            job.build(&top).await.unwrap();
            assert_eq!(kit.solver.snapshot().vertices[0].jobs, 2);
            job.finish().await;
        }
        assert_eq!(kit.solver.snapshot().vertices[0].jobs, 1);
        kit.expect(1, 1, 0);
        stays.finish().await;
    });
}

#[test]
fn sol_77_statuses_that_nobody_reads_replace_each_other() {
    // Rule 9. What is kept of them is the last of each id.
    play_with(
        |solver| solver.events_max(100),
        |kit| async move {
            let top = kit.op("top", "top", |ctx, _| async move {
                for done in 0..30_000 {
                    ctx.status(["a", "b", "c"][done % 3], done as u64, 30_000);
                }
                Ok(vec![1])
            });
            let top = top.vertex().build().output(0);
            let job = kit.job("a");
            let watch = job.watch();
            job.build(&top).await.unwrap();
            let statuses = job.snapshot().vertices[0].statuses.clone();
            let done: Vec<_> = statuses.iter().map(|status: &Status| status.done).collect();
            assert_eq!(done, [29_997, 29_998, 29_999]);
            job.finish().await;
            let told = Told::read(watch).await;
            let expected = [
                "declared",
                "started 1",
                "a 29997/30000",
                "b 29998/30000",
                "c 29999/30000",
                "completed 1",
            ];
            assert_eq!(told.of("top"), expected);
            assert_eq!(told.lagged, [0; 0]);
        },
    );
}

#[test]
fn sol_77_lines_beyond_the_bound_are_counted_once() {
    // Rule 9. The oldest events go, and who is slow is told how many, once.
    play_with(
        |solver| solver.events_max(100),
        |kit| async move {
            let top = kit.op("top", "top", |ctx, _| async move {
                for line in 0..250 {
                    ctx.log(format!("{line}"));
                }
                Ok(vec![1])
            });
            let top = top.vertex().build().output(0);
            let job = kit.job("a");
            let mut watch = job.watch();
            job.build(&top).await.unwrap();
            job.finish().await;
            assert_eq!(watch.next().await, Some(Watched::Lagged(153)));
            let told = Told::read(watch).await;
            assert_eq!(told.numbers(), (153..253).collect::<Vec<_>>());
            assert_eq!(told.lagged, [0; 0]);
            let wait = Duration::from_secs(1);
            let mut late = kit.solver.watch("a", wait).await.unwrap();
            assert_eq!(late.next().await, Some(Watched::Lagged(153)));
            assert_eq!(state_of(&late.snapshot(), "top"), VertexState::Completed);
            assert_eq!(late.next().await, None);
        },
    );
}

#[test]
fn sol_78_work_that_is_shared_by_its_key_is_a_whole_story_to_each() {
    // Rules 1, 9. Each job hears of its own vertex.
    play(|kit| async move {
        let meet = barrier(2);
        let vertex = |name: &str| {
            let op = kit.op(name, "seed", |ctx, _| async move {
                ctx.log("it is me");
                Ok(vec![7])
            });
            let op = op.before_key(meet.clone());
            op.vertex().build().output(0)
        };
        let (a, b) = (kit.job("a"), kit.job("b"));
        let watches = [a.watch(), b.watch()];
        let (va, vb) = (vertex("va"), vertex("vb"));
        let (of_a, of_b) = join!(a.build(&va), b.build(&vb));
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (7, 7));
        kit.expect(2, 1, 0);
        join!(a.finish(), b.finish());
        let whole = ["declared", "started 1", "says it is me", "completed 1"];
        for (watch, name) in watches.into_iter().zip(["va", "vb"]) {
            let told = Told::read(watch).await;
            assert_eq!(told.of(name), whole);
            assert_eq!(told.lines().len(), whole.len());
        }
    });
}

#[test]
fn sol_78_a_vertex_that_joins_a_run_by_its_key_hears_what_it_has_told() {
    // Rules 1, 8, 9. And of what it has built on its way.
    play(|kit| async move {
        let told = Arc::new(Notify::new());
        let vertex = |name: &str| {
            let below = kit.leaf("below", "below", 7).vertex().build().output(0);
            let told = told.clone();
            let op = kit.op(name, "seed", move |ctx, _| {
                let (below, told) = (below.clone(), told.clone());
                async move {
                    ctx.log("before");
                    let value = *ctx.build(&below).await?;
                    told.notified().await;
                    Ok(vec![value])
                }
            });
            op.vertex().build().output(0)
        };
        let (a, b) = (kit.job("a"), kit.job("b"));
        let watch = b.watch();
        let (va, vb) = (vertex("va"), vertex("vb"));
        let late = async {
            kit.h.idle().await;
            let tell = async {
                kit.h.idle().await;
                told.notify_one();
            };
            join!(b.build(&vb), tell).0
        };
        let (of_a, of_b) = join!(a.build(&va), late);
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (7, 7));
        kit.expect(3, 2, 0);
        join!(a.finish(), b.finish());
        let told = Told::read(watch).await;
        let whole = ["declared", "started 1", "says before", "completed 1"];
        assert_eq!(told.of("vb"), whole);
        assert_eq!(told.of("below"), ["declared", "started 1", "completed 1"]);
        assert_eq!(told.lines().len(), 7);
    });
}

#[test]
fn sol_79_what_an_operation_tells_is_told_to_all_its_jobs() {
    // Rule 9. A status replaces the one before it that nobody has read.
    play(|kit| async move {
        let top = kit.op("top", "top", |ctx, _| async move {
            ctx.status("bytes", 1, 2);
            ctx.log("half of it");
            pass(10).await;
            ctx.status("bytes", 2, 2);
            ctx.warn("that was slow");
            Ok(vec![1])
        });
        let top = top.vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let (mut reads, waits) = (a.watch(), b.watch());
        let half = async {
            kit.h.idle().await;
            Told::so_far(&mut reads)
        };
        let all = async { join!(a.build(&top), b.build(&top), half) };
        let (of_a, of_b, half) = kit.h.wait(all).await;
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (1, 1));
        let expected = ["declared", "started 1", "bytes 1/2", "says half of it"];
        assert_eq!(half.of("top"), expected);
        let warned = [&a, &b].map(|job| job.snapshot().vertices[0].warnings);
        assert_eq!(warned, [1, 1]);
        join!(a.finish(), b.finish());
        let expected = [
            "declared",
            "started 1",
            "says half of it",
            "bytes 2/2",
            "warns that was slow",
            "completed 1",
        ];
        assert_eq!(Told::read(waits).await.of("top"), expected);
        let rest = Told {
            names: half.names,
            ..Told::read(reads).await
        };
        assert_eq!(rest.of("top"), expected[3..]);
    });
}

#[test]
fn sol_80_a_store_that_fails_is_a_warning_and_the_run_a_success() {
    // Rules 7, 9. Nothing of the failure stays.
    play(|kit| async move {
        let top = kit.leaf("top", "top", 1).vertex().build().output(0);
        let job = kit.job("a");
        job.build(&top).await.unwrap();
        job.finish().await;
        kit.loads_fail();
        let job = kit.job("b");
        let watch = job.watch();
        assert_eq!(*job.build(&top).await.unwrap(), 1);
        let snapshot = job.snapshot();
        assert_eq!(state_of(&snapshot, "top"), VertexState::Completed);
        assert_eq!(snapshot.vertices[0].error, None);
        job.finish().await;
        let warning = "warns counting cannot load a result: the store is broken";
        let expected = ["declared", warning, "started 1", "completed 1"];
        assert_eq!(Told::read(watch).await.of("top"), expected);
    });
}

#[test]
fn sol_80_who_comes_late_hears_what_a_store_has_failed_in() {
    // Rules 7, 9. The warning came before the operation was started, in the order of things.
    play(|kit| async move {
        let top = kit.leaf("top", "top", 1).vertex().build().output(0);
        let first = kit.job("first");
        first.build(&top).await.unwrap();
        first.finish().await;
        kit.loads_fail();
        let (a, late) = (kit.job("a"), kit.job("late"));
        a.build(&top).await.unwrap();
        late.build(&top).await.unwrap();
        let watches = [a.watch(), late.watch()];
        join!(a.finish(), late.finish());
        let warning = "warns counting cannot load a result: the store is broken";
        for watch in watches {
            let told = Told::read(watch).await.of("top");
            assert_eq!(told, ["declared", warning, "started 1", "completed 1"]);
        }
    });
}

#[test]
fn sol_80_what_is_found_after_a_failure_has_no_error() {
    // Rules 3, 9. The content of the input could not be told at first; then a store has the rest.
    play(|kit| async move {
        let told = Arc::new(AtomicBool::new(true));
        let top = || {
            let input = kit.leaf("in", "in", 1).vertex().fresh().build();
            let told = told.clone();
            let input = Input::from(input.output(0)).content(move |value: Output<u64>| {
                let is_told = told.load(Ordering::Relaxed);
                async move {
                    if is_told {
                        return Ok(digest_of(*value));
                    }
                    Err(OperationError::transient("it is locked"))
                }
            });
            kit.node("top", "top", 2, [input]).output(0)
        };
        let job = kit.job("a");
        job.build(&top()).await.unwrap();
        job.finish().await;
        told.store(false, Ordering::Relaxed);
        let job = kit.job("b");
        job.build(&top()).await.unwrap_err();
        assert_eq!(state_of(&job.snapshot(), "top"), VertexState::Failed);
        told.store(true, Ordering::Relaxed);
        job.build(&top()).await.unwrap();
        let late = kit.job("c");
        late.build(&top()).await.unwrap();
        for job in [&job, &late] {
            let snapshot = job.snapshot();
            assert_eq!(state_of(&snapshot, "top"), VertexState::Cached);
            assert!(
                snapshot
                    .vertices
                    .iter()
                    .all(|vertex| vertex.error.is_none())
            );
        }
        let watch = late.watch();
        join!(job.finish(), late.finish());
        let told = Told::read(watch).await;
        assert_eq!(told.of("top"), ["declared", "cached by counting"]);
    });
}
