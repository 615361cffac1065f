//! States and signals (R2, R4), and a node in each state for other tables.

use crate::tree::options::{Options, Strategy};
use crate::tree::signal::Signal;
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, plain, temporary};

pub(super) const STATES: [State; 9] = [
    State::Waiting,
    State::Starting,
    State::Healthy,
    State::Finishing,
    State::Done,
    State::Stopping,
    State::Dead,
    State::Canceled,
    State::Down,
];

const SIGNALS: [Signal; 4] = [
    Signal::Healthy,
    Signal::Done,
    Signal::Restart,
    Signal::GiveUp,
];

/// A tree in which the node `n` is in this state: `root`, below it `p`, below that a one-for-all
/// group of `n` and `s`, and below `n` a child `c`, as far as these still exist.
pub(super) fn world_with(state: State) -> World {
    let mut world = World::new();
    world.child_with("root", "p", delayed(5));
    world.group_with(
        "p",
        Strategy::OneForAll,
        vec![("n", options_for(state)), ("s", plain())],
    );
    world.child("n", "c");
    world.all_healthy(["root", "p", "s", "c"]);
    match state {
        State::Starting => {}
        State::Healthy => world.healthy("n"),
        State::Finishing => world.done("n"),
        State::Done => world.finishes("n"),
        State::Stopping => world.fails("s"),
        State::Dead => world.fails("n"),
        State::Canceled => {
            world.fails("s");
            world.returns("n");
        }
        State::Waiting => {
            world.fails("n");
            world.returns("c");
            world.returns("s");
        }
        State::Down => world.returns("n"),
    }
    assert_eq!(world.state("n"), state);
    world.laws.log.clear();
    world
}

fn options_for(state: State) -> Options {
    match state {
        State::Waiting => delayed(10),
        State::Down => temporary(),
        State::Starting
        | State::Healthy
        | State::Finishing
        | State::Done
        | State::Stopping
        | State::Dead
        | State::Canceled => plain(),
    }
}

#[test]
fn every_signal_in_every_state_does_what_the_matrix_says() {
    // R2, R4. A dash is a signal that is ignored, which is an event.
    let matrix = "
                   healthy    done       restart    give_up
        waiting    -          -          -          -
        starting   healthy    finishing  starting   starting
        healthy    healthy    finishing  healthy    healthy
        finishing  finishing  finishing  finishing  finishing
        done       -          -          -          -
        stopping   -          -          -          -
        dead       -          -          -          -
        canceled   -          -          -          -
        down       -          -          -          -
    ";
    let rows = matrix
        .lines()
        .filter(|line| !line.trim().is_empty())
        .skip(1);
    for (row, state) in rows.zip(STATES) {
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells[0], state.to_string());
        for (cell, signal) in cells[1..].iter().zip(SIGNALS) {
            let mut world = world_with(state);
            world.says(world.id("n"), signal);
            let is_ignored = world.laws.has("n", &format!("signal {signal} ignored"));
            assert_eq!(is_ignored, *cell == "-", "{state}, {signal}");
            let next = world.state("n").to_string();
            let wanted = if is_ignored { cells[0] } else { cell };
            assert_eq!(next, wanted, "{state}, {signal}");
        }
    }
}

#[test]
fn a_repeated_signal_changes_nothing_and_is_no_event() {
    // R4.
    let mut world = world_with(State::Starting);
    world.healthy("n");
    world.healthy("n");
    world.done("n");
    world.done("n");
    world.healthy("n");
    assert_eq!(world.laws.of("n"), ["healthy", "finishing"]);
}

#[test]
fn done_implies_healthy() {
    // R4.
    let mut world = world_with(State::Starting);
    world.done("n");
    assert_eq!(world.laws.of("n"), ["healthy", "finishing"]);
    assert!(world.core.is_ready());
}

#[test]
fn give_up_beats_restart_and_restart_beats_done_in_any_order() {
    // R4.
    let orders = [
        (vec![Signal::Done, Signal::Restart], State::Canceled),
        (vec![Signal::Restart, Signal::Done], State::Canceled),
        (
            vec![Signal::GiveUp, Signal::Restart, Signal::Done],
            State::Down,
        ),
        (
            vec![Signal::Done, Signal::Restart, Signal::GiveUp],
            State::Down,
        ),
    ];
    for (signals, state) in orders {
        let mut world = world_with(State::Healthy);
        for signal in signals {
            world.says(world.id("n"), signal);
        }
        world.returns("n");
        assert_eq!(world.state("n"), state);
    }
}

#[test]
fn a_signal_of_an_ended_incarnation_is_ignored_counted_and_an_event() {
    // R4, L10.
    let mut world = world_with(State::Starting);
    let old = world.id("n");
    world.fails("n");
    world.returns("c");
    world.returns("s");
    assert_eq!(world.state("n"), State::Starting);
    let stale = world.core.stale();
    world.says(old, Signal::Done);
    assert_eq!(world.core.stale(), stale + 1);
    assert_eq!(world.state("n"), State::Starting);
    assert!(world.laws.has("n", "signal done ignored"));
}

#[test]
fn what_was_said_before_the_exit_counts_however_late_it_was_said() {
    // R4, L6. The last word is done: the return is no death.
    let mut world = world_with(State::Starting);
    world.together(|world| {
        world.done("n");
        world.returns("n");
    });
    assert_eq!(world.state("n"), State::Done);
}
