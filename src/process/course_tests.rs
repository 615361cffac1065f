//! The course of a program as tables: what is done, and when.

use super::*;
use crate::process::Signal;

const SECOND: Duration = Duration::from_secs(1);

/// A course, and a clock that moves when a test says so.
struct World {
    course: Course,
    start: Instant,
    now: Instant,
}

impl World {
    fn new(scope: Scope, ladder: &Ladder, outputs: usize) -> Self {
        let now = Instant::now();
        Self {
            course: Course::new(scope, ladder, true, outputs),
            start: now,
            now,
        }
    }

    fn acts(&mut self) -> Vec<Act> {
        std::iter::from_fn(|| self.course.next_act()).collect()
    }

    /// Goes to the next time that the course named, and returns how far it is from the start.
    fn skip_to_due(&mut self) -> Option<Duration> {
        self.now = self.course.next_due()?;
        self.course.due(self.now);
        let next = self.course.next_due();
        assert!(next.is_none_or(|due| due > self.now), "it is due for ever");
        Some(self.now - self.start)
    }

    fn stop(&mut self, within: Option<Duration>) {
        self.course.stop(self.now, within);
    }

    fn exited(&mut self) {
        self.course.exited(self.now);
    }
}

fn polite() -> Ladder {
    Ladder::new()
        .close_stdin(SECOND)
        .signal(Signal::TERM, 2 * SECOND)
}

#[test]
fn nothing_is_due_while_a_program_runs() {
    // L8. No tick.
    let world = World::new(Scope::Group, &polite(), 2);
    assert_eq!(world.course.next_due(), None);
}

#[test]
fn a_program_that_heeds_nothing_is_taken_up_the_whole_ladder() {
    // L9. The time of each rung is its patience, and the last is SIGKILL.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.stop(None);
    assert_eq!(world.acts(), [Act::Rung(Rung::CloseStdin)]);
    assert_eq!(world.skip_to_due(), Some(SECOND));
    assert_eq!(world.acts(), [Act::Rung(Rung::Signal(Signal::TERM))]);
    assert_eq!(world.skip_to_due(), Some(3 * SECOND));
    assert_eq!(world.acts(), [Act::Rung(Rung::Kill)]);
    assert_eq!(world.course.next_due(), None);
    world.exited();
    assert_eq!(world.acts(), [Act::Sweep, Act::Reap, Act::Look]);
    world.course.looked(world.now, 0);
    assert!(world.course.is_over());
    let (taken, took) = world.course.report(world.now);
    let times: Vec<_> = taken.iter().map(|taken| taken.after).collect();
    assert_eq!(times, [Duration::ZERO, SECOND, 3 * SECOND]);
    assert_eq!(took, 3 * SECOND);
}

#[test]
fn a_deadline_squeezes_all_rungs_alike() {
    // L9, R10. Each keeps its share, so the last is not the one that pays.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.stop(Some(Duration::from_millis(300)));
    assert_eq!(world.skip_to_due(), Some(Duration::from_millis(100)));
    assert_eq!(world.skip_to_due(), Some(Duration::from_millis(300)));
    let acts = world.acts();
    assert_eq!(acts.last(), Some(&Act::Rung(Rung::Kill)), "{acts:?}");
}

#[test]
fn of_two_deadlines_the_tighter_holds() {
    // L9, R11. A stop is shared: a second one never grants more time.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.stop(Some(300 * SECOND));
    world.stop(Some(Duration::from_millis(30)));
    world.stop(Some(200 * SECOND));
    world.stop(None);
    assert_eq!(world.skip_to_due(), Some(Duration::from_millis(10)));
    assert_eq!(world.skip_to_due(), Some(Duration::from_millis(30)));
    assert_eq!(world.acts().last(), Some(&Act::Rung(Rung::Kill)));
}

#[test]
fn a_patience_without_end_gives_way_to_a_deadline() {
    // L9, R11. Such as the kill that comes with the last handle.
    let ladder = Ladder::new().signal(Signal::TERM, Duration::MAX);
    let mut world = World::new(Scope::Group, &ladder, 0);
    world.stop(None);
    assert_eq!(world.acts(), [Act::Rung(Rung::Signal(Signal::TERM))]);
    assert!(world.course.next_due().is_some());
    world.stop(Some(Duration::ZERO));
    assert_eq!(world.acts(), [Act::Rung(Rung::Kill)]);
}

#[test]
fn without_time_it_is_killed_at_once() {
    // L9. A deadline of zero is legal.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.stop(Some(Duration::ZERO));
    assert_eq!(world.acts(), [Act::Rung(Rung::Kill)]);
}

#[test]
fn a_standard_input_that_we_do_not_hold_takes_no_time() {
    // R10. The rung is passed over.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.course.stdin_closed();
    world.stop(None);
    assert_eq!(world.acts(), [Act::Rung(Rung::Signal(Signal::TERM))]);
}

#[test]
fn what_a_crashed_leader_leaves_is_killed_before_it_is_reaped() {
    // L1. Its number is pinned until then, so no stranger is hit.
    let mut world = World::new(Scope::Group, &polite(), 1);
    world.exited();
    assert_eq!(world.acts(), [Act::Sweep, Act::Reap, Act::Look]);
    for after in [1, 3, 7] {
        world.course.looked(world.now, 2);
        assert_eq!(world.skip_to_due(), Some(Duration::from_millis(after)));
        assert_eq!(world.acts(), [Act::Look]);
    }
    world.course.looked(world.now, 0);
    world.course.output_ended();
    assert!(world.course.is_over());
}

#[test]
fn what_a_stopped_leader_leaves_has_the_rest_of_the_ladder() {
    // L1, R10. Workers may finish after their master; the ladder goes on until all are gone.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.stop(None);
    world.exited();
    assert_eq!(world.acts(), [Act::Rung(Rung::CloseStdin), Act::Look]);
    let mut rungs = Vec::new();
    while let Some(after) = world.skip_to_due() {
        rungs.extend(world.acts().into_iter().map(|act| (act, after)));
        if rungs.iter().any(|(act, _)| *act == Act::Sweep) {
            break;
        }
        world.course.looked(world.now, 1);
    }
    rungs.retain(|(act, _)| !matches!(act, Act::Look));
    let term = Act::Rung(Rung::Signal(Signal::TERM));
    let end = 3 * SECOND;
    assert_eq!(rungs, [(term, SECOND), (Act::Sweep, end), (Act::Reap, end)]);
}

#[test]
fn what_cannot_be_killed_is_named_and_not_waited_for() {
    // L9. A process that the system does not end holds nothing up without limit.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.exited();
    world.acts();
    while !world.course.is_over() {
        let after = world.skip_to_due().expect("it comes to an end");
        assert!(after <= EMPTY_MAX + PAUSE.1);
        world.course.looked(world.now, 1);
    }
    let acts = world.acts();
    assert!(acts.ends_with(&[Act::NameSurvivors]));
}

#[test]
fn an_output_that_a_stranger_holds_is_read_until_it_is_silent() {
    // L9. Each chunk buys another idle time, and all together have a limit.
    let mut world = World::new(Scope::Leader, &polite(), 1);
    world.exited();
    assert_eq!(world.acts(), [Act::Reap]);
    world.now += IDLE_MAX / 2;
    world.course.output_moved(world.now);
    assert_eq!(world.skip_to_due(), Some(IDLE_MAX / 2 + IDLE_MAX));
    assert_eq!(world.acts(), [Act::CutOutput]);

    let mut world = World::new(Scope::Leader, &polite(), 1);
    world.exited();
    while !world.course.is_over() {
        world.course.output_moved(world.now);
        let due = world.course.next_due().expect("it drains");
        world.now = due.min(world.now + IDLE_MAX / 2);
        world.course.due(world.now);
    }
    assert_eq!(world.now - world.start, DRAIN_MAX);
}

#[test]
fn an_exit_between_two_rungs_is_followed_by_no_signal() {
    // R10. Who has left is not pursued.
    let mut world = World::new(Scope::Group, &polite(), 0);
    world.stop(None);
    world.acts();
    world.exited();
    world.course.looked(world.now, 0);
    assert_eq!(world.acts(), [Act::Look, Act::Reap]);
    assert_eq!(world.course.next_due(), None);
    assert_eq!(world.course.report(world.now).0.len(), 1);
}
