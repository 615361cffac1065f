//! The single-flight cell, and cells by key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use parking_lot::Mutex;
use perennial::solver::{Cell, CellError, Fault, Keep, SingleFlight};
use perennial::testing::Harness;
use perennial::{Context, Grace, Pool};
use proptest::prelude::*;
use tokio::join;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::kit::{cases, start_pool};

type Answer = Result<&'static str, CellError<&'static str>>;
type Text = Cell<&'static str, &'static str>;

/// A tree with a pool, in which runs are.
fn play<Fut: Future<Output = ()>>(test: impl FnOnce(Harness, Pool) -> Fut) {
    Harness::run(None, |h| async move {
        let pool = Pool::new();
        start_pool(&h, &pool).await;
        test(h, pool).await;
    });
}

/// Takes 100 ms, and stops when it is told to.
async fn bar(ctx: Context) -> Result<&'static str, Fault<&'static str>> {
    let wait = ctx.until_cancelled(sleep(Duration::from_millis(100)));
    wait.await.ok_or(Fault::Permanent("it was told to stop"))?;
    Ok("bar")
}

/// Gets it, unless that takes longer than so many milliseconds.
async fn get_within(cell: &Text, pool: &Pool, milliseconds: u64) -> Option<Answer> {
    let get = cell.get(pool, bar);
    timeout(Duration::from_millis(milliseconds), get).await.ok()
}

#[test]
fn sol_84_two_callers_share_a_run() {
    // L1. Both have its value.
    play(|h, pool| async move {
        let cell = Text::new(Keep::Nothing);
        let (one, two) = h
            .wait(async { join!(cell.get(&pool, bar), cell.get(&pool, bar)) })
            .await;
        assert_eq!((one.unwrap(), two.unwrap()), ("bar", "bar"));
        assert_eq!((cell.runs(), cell.waiters()), (1, 0));
    });
}

#[test]
fn sol_85_a_caller_that_leaves_takes_nothing_from_the_other() {
    // Rule 2. It is the one that has begun the run.
    play(|h, pool| async move {
        let cell = Text::new(Keep::Nothing);
        let both = async { join!(get_within(&cell, &pool, 30), cell.get(&pool, bar)) };
        let (left, stayed) = h.wait(both).await;
        assert!(left.is_none());
        assert_eq!(stayed.unwrap(), "bar");
        assert_eq!(cell.runs(), 1);
    });
}

#[test]
fn sol_86_a_run_that_all_have_left_is_not_kept() {
    // Rules 2, 3. The next caller starts a run, and so does one with another key.
    play(|h, pool| async move {
        let cell = Text::new(Keep::ValuesAndErrors);
        let both = async { join!(get_within(&cell, &pool, 20), get_within(&cell, &pool, 50)) };
        let (one, two) = h.wait(both).await;
        assert!(one.is_none() && two.is_none());
        h.settled().await;
        assert_eq!(cell.runs(), 1);
        assert!(cell.kept().is_none());
        assert_eq!(h.wait(cell.get(&pool, bar)).await.unwrap(), "bar");
        assert_eq!(cell.runs(), 2);
    });
}

#[test]
fn sol_86_each_key_has_its_own_run() {
    // L1. And what is over is not counted.
    play(|h, pool| async move {
        let flights = SingleFlight::new(pool, Keep::Nothing);
        let runs = Arc::new(AtomicUsize::new(0));
        let get = |key: &'static str| {
            let (flights, runs) = (flights.clone(), runs.clone());
            async move {
                let run = move |ctx| async move {
                    runs.fetch_add(1, Ordering::Relaxed);
                    bar(ctx).await
                };
                flights.get(key, run).await
            }
        };
        let all = h.wait(join_all(["a", "b", "a", "b"].map(get))).await;
        assert!(all.into_iter().all(|answer| answer.unwrap() == "bar"));
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        h.settled().await;
        assert!(flights.is_empty());
    });
}

#[test]
fn sol_86_cells_of_keys_that_nobody_wants_any_more_go() {
    // Rule 1. What is kept stays until it is forgotten.
    play(|h, pool| async move {
        let flights = SingleFlight::new(pool.clone(), Keep::Nothing);
        for key in 0..200 {
            let run = |_| async { Ok::<_, Fault<&str>>(1) };
            flights.get(key, run).await.unwrap();
            h.settled().await;
        }
        let debug = format!("{flights:?}");
        let cells = debug.trim_matches(|c: char| !c.is_ascii_digit());
        assert!(cells.parse::<usize>().unwrap() <= 64, "{debug}");
        let kept = SingleFlight::new(pool, Keep::Values);
        let runs = Arc::new(AtomicUsize::new(0));
        let get = || {
            let runs = runs.clone();
            let run =
                move |_| async move { Ok::<_, Fault<&str>>(runs.fetch_add(1, Ordering::Relaxed)) };
            kept.get("a", run)
        };
        assert_eq!((get().await.unwrap(), get().await.unwrap()), (0, 0));
        kept.forget(&"a");
        assert_eq!(get().await.unwrap(), 1);
        assert_eq!(kept.len(), 1);
    });
}

#[test]
fn sol_87_who_comes_while_a_run_unwinds_has_a_run_of_its_own() {
    // Rule 2. It takes 50 ms to unwind, and the other one starts after that.
    play(|h, pool| async move {
        let cell = Text::new(Keep::Nothing);
        let live = Arc::new(AtomicUsize::new(0));
        let slow = || {
            let live = live.clone();
            |ctx: Context| async move {
                assert_eq!(live.fetch_add(1, Ordering::Relaxed), 0, "two live at once");
                let made = bar(ctx).await;
                if made.is_err() {
                    sleep(Duration::from_millis(50)).await;
                }
                live.fetch_sub(1, Ordering::Relaxed);
                made
            }
        };
        let first = timeout(Duration::from_millis(20), cell.get(&pool, slow()));
        let newcomer = async {
            sleep(Duration::from_millis(25)).await;
            cell.get(&pool, slow()).await
        };
        let began = h.now();
        let (first, newcomer) = h.wait(async { join!(first, newcomer) }).await;
        assert!(first.is_err());
        assert_eq!(newcomer.unwrap(), "bar");
        assert_eq!(cell.runs(), 2);
        assert_eq!(h.now() - began, Duration::from_millis(20 + 50 + 100));
    });
}

#[test]
fn sol_87_a_run_that_does_not_stop_is_aborted_after_its_grace() {
    // Rule 2. The newcomer waits no longer than that.
    play(|h, pool| async move {
        let cell = Text::new(Keep::Nothing).grace(Duration::from_millis(300));
        let stuck = cell.get(&pool, |_| std::future::pending());
        let newcomer = async {
            sleep(Duration::from_millis(20)).await;
            cell.get(&pool, bar).await
        };
        let began = h.now();
        let first = timeout(Duration::from_millis(10), stuck);
        let (first, newcomer) = h.wait(async { join!(first, newcomer) }).await;
        assert!(first.is_err());
        assert_eq!(newcomer.unwrap(), "bar");
        assert_eq!(h.now() - began, Duration::from_millis(10 + 300 + 100));
    });
}

#[test]
fn sol_89_91_all_that_wait_have_the_error_of_one_run() {
    // L1. A thousand of them, and five.
    play(|h, pool| async move {
        for callers in [1000, 5] {
            let cell = Text::new(Keep::Nothing);
            let fails = |_| async {
                sleep(Duration::from_millis(10)).await;
                Err(Fault::Permanent("it is broken"))
            };
            let all = join_all((0..callers).map(|_| cell.get(&pool, fails)));
            for answer in h.wait(all).await {
                assert!(matches!(answer, Err(CellError::Failed("it is broken"))));
            }
            assert_eq!(cell.runs(), 1);
        }
    });
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Value,
    Permanent,
    Transient,
    Panic,
}

const ENDS: [End; 4] = [End::Value, End::Permanent, End::Transient, End::Panic];

impl End {
    fn come(self) -> Result<&'static str, Fault<&'static str>> {
        match self {
            Self::Value => Ok("value"),
            Self::Permanent => Err(Fault::Permanent("permanent")),
            Self::Transient => Err(Fault::Transient("transient")),
            Self::Panic => panic!("panic"),
        }
    }

    /// What those who wait are told.
    const fn text(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Panic => "panic",
        }
    }

    fn is_kept(self, keep: Keep) -> bool {
        match self {
            Self::Value => keep != Keep::Nothing,
            Self::Permanent | Self::Panic => keep == Keep::ValuesAndErrors,
            Self::Transient => false,
        }
    }
}

fn text_of(answer: &Answer) -> String {
    match answer {
        Ok(text) | Err(CellError::Failed(text)) => (*text).to_owned(),
        Err(CellError::Panicked(panic)) => panic.message().to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn sol_90_what_is_kept_is_as_the_cell_was_told() {
    // Rule 3. How each end is kept, in each way to keep.
    play(|h, pool| async move {
        for keep in [Keep::Nothing, Keep::Values, Keep::ValuesAndErrors] {
            for end in ENDS {
                let cell = Text::new(keep);
                for _ in 0..2 {
                    let answer = cell.get(&pool, move |_| async move { end.come() }).await;
                    assert_eq!(text_of(&answer), end.text());
                    h.settled().await;
                }
                let (runs, kept) = (cell.runs(), cell.kept().is_some());
                let is_kept = end.is_kept(keep);
                let expected = (if is_kept { 1 } else { 2 }, is_kept);
                assert_eq!((runs, kept), expected, "{end:?} {keep:?}");
            }
        }
    });
}

#[test]
fn sol_90_a_pool_that_stops_answers_those_who_wait() {
    // L7. Also if the run has not begun, and nothing of it is kept.
    play(|h, pool| async move {
        let (begun, told) = (
            Text::new(Keep::ValuesAndErrors),
            Text::new(Keep::ValuesAndErrors),
        );
        let waits = tokio::spawn({
            let (cell, pool) = (begun.clone(), pool.clone());
            async move { cell.get(&pool, bar).await }
        });
        h.idle().await;
        let late = told.get(&pool, bar);
        let mut late = std::pin::pin!(late);
        // It has joined, and its run was not polled.
        assert!(late.as_mut().now_or_never().is_none());
        let ending = h.tree().stop_within(Duration::ZERO);
        let (late, ended) = h.wait(async { join!(late, ending) }).await;
        ended.expect("a stop is no failure");
        assert!(matches!(late, Err(CellError::Stopped)), "{late:?}");
        let waits = waits.await.expect("no panic");
        assert!(matches!(waits, Err(CellError::Stopped)), "{waits:?}");
        assert!(begun.kept().is_none() && told.kept().is_none());
        let refused = told.get(&pool, bar).await;
        assert!(
            matches!(refused, Err(CellError::NotStarted(_))),
            "{refused:?}"
        );
    });
}

/// Something that happens to a cell.
#[derive(Clone, Copy, Debug)]
enum Step {
    Join,
    /// One of those who wait leaves, if there is one.
    Leave(usize),
    /// The run ends, if there is one.
    End(End),
}

/// What a cell should be: the reference.
#[derive(Debug, Default)]
struct Reference {
    runs: u64,
    phase: Phase,
    /// Who waits for the run, or for its end to start another.
    waiting: Vec<usize>,
    answers: Vec<Option<&'static str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Running,
    Unwinding,
    Kept(End),
}

impl Reference {
    fn join(&mut self) {
        let answer = match self.phase {
            Phase::Kept(end) => Some(end.text()),
            _ => None,
        };
        self.answers.push(answer);
        if answer.is_none() {
            self.waiting.push(self.answers.len() - 1);
        }
        self.start();
    }

    fn start(&mut self) {
        if self.phase == Phase::Idle && !self.waiting.is_empty() {
            (self.phase, self.runs) = (Phase::Running, self.runs + 1);
        }
    }

    fn leave(&mut self, at: usize) -> usize {
        let gone = self.waiting.remove(at);
        if self.phase == Phase::Running && self.waiting.is_empty() {
            self.phase = Phase::Unwinding;
        }
        gone
    }

    fn end(&mut self, end: End, keep: Keep) {
        let is_told = self.phase == Phase::Running || end == End::Value;
        let is_kept = is_told && end.is_kept(keep);
        if self.phase == Phase::Running || is_kept {
            for waiter in self.waiting.drain(..) {
                self.answers[waiter] = Some(end.text());
            }
        }
        self.phase = if is_kept {
            Phase::Kept(end)
        } else {
            Phase::Idle
        };
        self.start();
    }
}

/// A cell, and the run of it that lives, which ends as it is told to.
struct Played {
    cell: Text,
    pool: Pool,
    live: Arc<Mutex<Option<oneshot::Sender<End>>>>,
    waiters: Vec<JoinHandle<Answer>>,
}

impl Played {
    fn join(&mut self) {
        let (cell, pool) = (self.cell.clone(), self.pool.clone());
        let live = self.live.clone();
        let run = move |_| async move {
            let (ends, end) = oneshot::channel();
            let before = live.lock().replace(ends);
            assert!(before.is_none(), "two runs live");
            end.await.expect("it is told how to end").come()
        };
        let get = async move { cell.get(&pool, run).await };
        self.waiters.push(tokio::spawn(get));
    }

    fn end(&self, end: End) {
        let ends = self.live.lock().take().expect("a run lives");
        ends.send(end).expect("it waits for that");
    }

    async fn expect(&mut self, reference: &Reference) {
        let phase = reference.phase;
        let is_live = matches!(phase, Phase::Running | Phase::Unwinding);
        assert_eq!(self.live.lock().is_some(), is_live, "{reference:?}");
        assert_eq!(self.cell.runs(), reference.runs);
        let kept = self.cell.kept().as_ref().map(text_of);
        let expected = match phase {
            Phase::Kept(end) => Some(end.text().to_owned()),
            _ => None,
        };
        assert_eq!(kept, expected);
        if phase == Phase::Running {
            assert_eq!(self.cell.waiters(), reference.waiting.len());
        }
        for (waiter, expected) in reference.answers.iter().enumerate() {
            let handle = &self.waiters[waiter];
            let is_answered = handle.is_finished() && !reference.has_left(waiter);
            assert_eq!(is_answered, expected.is_some(), "{waiter}: {reference:?}");
        }
    }
}

impl Reference {
    fn has_left(&self, waiter: usize) -> bool {
        self.answers[waiter].is_none() && !self.waiting.contains(&waiter)
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Join),
        3 => any::<usize>().prop_map(Step::Leave),
        2 => proptest::sample::select(&ENDS[..]).prop_map(Step::End),
    ];
    proptest::collection::vec(step, 1..30)
}

fn compare(keep: Keep, steps: Vec<Step>) {
    play(|h, pool| async move {
        let mut reference = Reference::default();
        let mut played = Played {
            cell: Text::new(keep).grace(Grace::Infinite),
            pool,
            live: Arc::default(),
            waiters: Vec::new(),
        };
        for step in steps {
            match step {
                Step::Join => {
                    reference.join();
                    played.join();
                }
                Step::Leave(which) if !reference.waiting.is_empty() => {
                    let gone = reference.leave(which % reference.waiting.len());
                    played.waiters[gone].abort();
                }
                Step::End(end) if played.live.lock().is_some() => {
                    reference.end(end, keep);
                    played.end(end);
                }
                Step::Leave(_) | Step::End(_) => {}
            }
            h.idle().await;
            played.expect(&reference).await;
        }
        finish(&h, played, &reference).await;
    });
}

/// Sees that each was told what it should have been told, and ends what still lives.
async fn finish(h: &Harness, played: Played, reference: &Reference) {
    for (waiter, expected) in played.waiters.into_iter().zip(&reference.answers) {
        match expected {
            Some(text) => assert_eq!(text_of(&waiter.await.expect("no panic")), *text),
            None => waiter.abort(),
        }
    }
    h.idle().await;
    let live = played.live.lock().take();
    if let Some(ends) = live {
        ends.send(End::Transient).expect("it waits for that");
    }
    h.settled().await;
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn sol_92_a_cell_is_as_its_reference(
        keep in proptest::sample::select(
            &[Keep::Nothing, Keep::Values, Keep::ValuesAndErrors][..],
        ),
        steps in steps(),
    ) {
        // Rules 2, 3. One run at most, and each waiter is answered once, or has left.
        compare(keep, steps);
    }
}
