//! The table of states and orders: accepted or why not, and what follows (R16).

use crate::tree::orders::{OrderKind, Refusal};
use crate::tree::state::{Down, State, Wait};
use crate::tree::tests::histories::obeys;
use crate::tree::tests::shape::ORDERS;
use crate::tree::tests::signals::{STATES, world_with};
use crate::tree::tests::world::{World, delayed, pool, secs, temporary};

/// The rows of a table with a cell for each order.
fn rows(table: &str) -> impl Iterator<Item = (State, Vec<&str>)> {
    let rows = table.lines().filter(|line| !line.trim().is_empty());
    rows.skip(1).zip(STATES).map(|(row, state)| {
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells[0], state.to_string());
        (state, cells[1..].to_vec())
    })
}

fn shown(world: &World, name: &str) -> String {
    world
        .node(name)
        .map_or_else(|| "gone".to_owned(), |node| node.state.to_string())
}

#[test]
fn every_order_in_every_state_is_accepted_or_refused_as_the_table_says() {
    // R16. What an accepted one makes of the node at once, or why it is refused.
    let table = "
                   start      restart    terminate  remove
        waiting    starting   starting   down       gone
        starting   !running   stopping   stopping   stopping
        healthy    !running   stopping   stopping   stopping
        finishing  !running   stopping   stopping   stopping
        done       waiting    canceled   down       down
        stopping   !stopping  !stopping  stopping   stopping
        dead       dead       dead       down       down
        canceled   canceled   canceled   down       down
        down       waiting    waiting    down       down
    ";
    for (state, cells) in rows(table) {
        for (cell, order) in cells.into_iter().zip(ORDERS) {
            let mut world = world_with(state);
            let answer = match world.ordered("n", order) {
                Ok(()) => shown(&world, "n"),
                Err(Refusal::Running) => "!running".to_owned(),
                Err(Refusal::Stopping) => "!stopping".to_owned(),
                Err(other) => panic!("{state}, {order}: {other}"),
            };
            assert_eq!(answer, cell, "{state}, {order}");
        }
    }
}

#[test]
fn when_everybody_has_obeyed_an_order_is_done() {
    // R16. The sibling is always up in the end, as only the node was ordered to go.
    let table = "
                   start      restart    terminate  remove
        waiting    healthy    healthy    down       gone
        starting   -          healthy    down       gone
        healthy    -          healthy    down       gone
        finishing  -          healthy    down       gone
        done       healthy    healthy    down       gone
        stopping   -          -          down       gone
        dead       healthy    healthy    down       gone
        canceled   healthy    healthy    down       gone
        down       healthy    healthy    down       gone
    ";
    for (state, cells) in rows(table) {
        for (cell, order) in cells.into_iter().zip(ORDERS) {
            let mut world = world_with(state);
            let before = world.id("n");
            let is_refused = world.ordered("n", order).is_err();
            assert_eq!(is_refused, cell == "-", "{state}, {order}");
            obeys(&mut world);
            if !is_refused {
                assert_eq!(shown(&world, "n"), cell, "{state}, {order}");
                // Who waits has the number of its next incarnation already.
                let is_new = world
                    .node("n")
                    .is_none_or(|n| n.incarnation != before.incarnation);
                let may_be_old = cell == "down" || state == State::Waiting;
                assert!(is_new || may_be_old, "{state}, {order}");
            }
            assert_eq!(shown(&world, "s"), "healthy", "{state}, {order}");
            let snapshot = world.core.snapshot(world.now);
            // Who is finishing has still to return by itself.
            let is_over = world.core.is_settled() || is_refused;
            assert!(is_over, "{state}, {order}\n{snapshot}");
        }
    }
}

#[test]
fn what_is_terminated_is_down_for_that_reason_in_every_state() {
    // R16, R2. A node that was down stays down for its own reason.
    for state in STATES {
        let mut world = world_with(state);
        let before = world.node("n").unwrap().down_reason();
        world.ordered("n", OrderKind::Terminate).unwrap();
        obeys(&mut world);
        let reason = world.node("n").unwrap().down_reason();
        assert_eq!(reason, before.or(Some(Down::Terminated)), "{state}");
    }
}

#[test]
fn no_order_counts_as_a_failure() {
    // R16, R8.
    for state in STATES {
        for order in [OrderKind::Start, OrderKind::Restart] {
            let mut world = world_with(state);
            let attempt = world.attempt("n");
            let accepted = world.ordered("n", order).is_ok();
            obeys(&mut world);
            if accepted {
                assert_eq!(world.attempt("n"), attempt, "{state}, {order}");
            }
        }
    }
}

#[test]
fn a_start_joins_the_present_epoch_alone() {
    // R16. Done or down, nobody else notices.
    for state in [State::Done, State::Down] {
        let mut world = world_with(state);
        let sibling = world.id("s");
        world.ordered("n", OrderKind::Start).unwrap();
        assert_eq!(world.node("n").unwrap().wait, Wait::Ending);
        assert_eq!(world.states(["c", "s"]), [State::Stopping, State::Healthy]);
        world.returns("c");
        assert_eq!(world.state("n"), State::Starting);
        assert_eq!(world.id("s"), sibling);
    }
}

#[test]
fn a_restart_of_a_done_node_takes_its_group() {
    // R16, R6.
    let mut world = world_with(State::Done);
    world.ordered("n", OrderKind::Restart).unwrap();
    assert_eq!(
        world.states(["n", "c", "s"]),
        [State::Canceled, State::Stopping, State::Stopping]
    );
}

#[test]
fn a_waiting_fall_starts_as_a_whole_and_at_once() {
    // R16. Ordered by any of its members.
    for (member, order) in [("n", OrderKind::Start), ("s", OrderKind::Restart)] {
        let mut world = world_with(State::Waiting);
        assert_eq!(world.due("n"), Some(secs(10)));
        world.ordered(member, order).unwrap();
        assert_eq!(world.states(["n", "s"]), [State::Starting; 2]);
        assert_eq!(world.laws.answers("n"), ["started again"]);
        assert_eq!(world.core.next_deadline(), None);
    }
}

#[test]
fn terminate_is_idempotent() {
    // R16.
    let mut world = world_with(State::Healthy);
    world.ordered("n", OrderKind::Terminate).unwrap();
    world.ordered("n", OrderKind::Terminate).unwrap();
    obeys(&mut world);
    world.ordered("n", OrderKind::Terminate).unwrap();
    let events = world.laws.of("n");
    let downs = events.iter().filter(|text| *text == "down: terminated");
    assert_eq!((downs.count(), world.state("n")), (1, State::Down));
}

#[test]
fn a_removal_after_a_termination_frees_the_name() {
    // R16.
    let mut world = world_with(State::Starting);
    world.ordered("n", OrderKind::Terminate).unwrap();
    obeys(&mut world);
    world.ordered("n", OrderKind::Remove).unwrap();
    assert!(world.node("n").is_none());
    assert!(world.laws.has("n", "removed"));
}

#[test]
fn a_termination_after_a_removal_does_not_save_it() {
    // R16, R5. The stronger reason decides.
    let mut world = world_with(State::Healthy);
    world.ordered("n", OrderKind::Remove).unwrap();
    world.ordered("n", OrderKind::Terminate).unwrap();
    obeys(&mut world);
    assert!(world.node("n").is_none());
}

#[test]
fn a_pool_takes_orders_as_any_node() {
    // R16, R13.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "job", temporary());
    world.all_healthy(["root", "job"]);
    world.ordered("pool", OrderKind::Restart).unwrap();
    assert_eq!(
        world.states(["pool", "job"]),
        [State::Canceled, State::Stopping]
    );
    world.returns("job");
    assert_eq!(world.state("pool"), State::Healthy);
    world.ordered("pool", OrderKind::Terminate).unwrap();
    assert_eq!(world.state("pool"), State::Down);
    world.ordered("pool", OrderKind::Start).unwrap();
    assert_eq!(world.state("pool"), State::Healthy);
    world.ordered("pool", OrderKind::Remove).unwrap();
    assert!(world.node("pool").is_none());
}

#[test]
fn a_pools_child_that_is_terminated_is_forgotten() {
    // R16, R13.
    for order in [OrderKind::Terminate, OrderKind::Remove] {
        let mut world = World::new();
        world.child_with("root", "pool", pool());
        world.child_with("pool", "job", delayed(5));
        world.all_healthy(["root", "job"]);
        world.fails("job");
        assert_eq!(world.state("job"), State::Waiting);
        world.ordered("job", order).unwrap();
        assert!(world.node("job").is_none(), "{order}");
        assert_eq!(world.state("pool"), State::Healthy);
    }
}

#[test]
fn a_terminated_node_keeps_its_place_and_its_last_exit() {
    // R16, R8.
    let mut world = world_with(State::Healthy);
    let place = world.core.place(world.id("n").slot);
    world.ordered("n", OrderKind::Terminate).unwrap();
    world.fails("n");
    world.returns("c");
    let view = world.core.view(place).unwrap();
    assert_eq!(view.state, State::Down);
    let exit = view.last_exit.unwrap();
    assert_eq!(exit.chain(), "root.p.n failed while stopping: out of luck");
}

#[test]
fn an_order_is_an_event_and_a_refused_one_is_none() {
    // R16, R17.
    let mut world = world_with(State::Healthy);
    world.ordered("n", OrderKind::Start).unwrap_err();
    assert_eq!(world.laws.of("n"), [""; 0]);
    world.ordered("n", OrderKind::Terminate).unwrap();
    assert_eq!(
        world.laws.of("n"),
        [
            "ordered to terminate",
            "stopping, told by order terminate (root.p.n)"
        ]
    );
}
