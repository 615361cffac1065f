//! Options that are changed hold from the next start (R16).

use std::sync::Arc;

use crate::tree::options::{OnSpent, Options, Restart, Stops, Strategy};
use crate::tree::orders::{OrderKind, Refusal};
use crate::tree::state::{Down, State};
use crate::tree::tests::shape::restarts;
use crate::tree::tests::world::{World, delayed, plain, secs, temporary};

impl World {
    fn reconfigure(&mut self, node: &str, options: Options) -> Result<(), Refusal> {
        let place = self.core.place(self.id(node).slot);
        self.core.reconfigure(place, Arc::new(options))
    }
}

fn world_of(a: Options) -> World {
    let mut world = World::new();
    world.group_with("root", Strategy::OneForOne, vec![("a", a), ("b", plain())]);
    world.all_healthy(["root", "a", "b"]);
    world
}

fn left(world: &World) -> Vec<u32> {
    let snapshot = world.core.snapshot(world.now);
    let budgets = snapshot.find("root.a").unwrap().budgets.iter();
    budgets.map(|budget| budget.left).collect()
}

#[test]
fn the_present_incarnation_keeps_what_it_was_started_with() {
    // R16, R5. It is still permanent when it fails, and temporary after that.
    let mut world = world_of(plain());
    world.reconfigure("a", temporary()).unwrap();
    world.fails("a");
    assert_eq!(world.state("a"), State::Starting);
    world.fails("a");
    assert_eq!(world.node("a").unwrap().down_reason(), Some(Down::Failed));
}

#[test]
fn the_delay_before_the_next_start_is_that_of_the_last() {
    // R16, R8.
    let mut world = world_of(delayed(7));
    world.reconfigure("a", delayed(1)).unwrap();
    world.fails("a");
    assert_eq!(world.due("a"), Some(secs(7)));
    world.drive();
    world.fails("a");
    assert_eq!(world.due("a"), Some(secs(1)));
}

#[test]
fn each_kind_of_start_takes_them() {
    // R16.
    let starts: [fn(&mut World); 4] = [
        |world| world.fails("a"),
        |world| world.restarts("a"),
        |world| {
            world.ordered("a", OrderKind::Restart).unwrap();
            world.returns("a");
        },
        |world| {
            world.ordered("a", OrderKind::Terminate).unwrap();
            world.returns("a");
            world.ordered("a", OrderKind::Start).unwrap();
        },
    ];
    for start in starts {
        let mut world = world_of(plain());
        world.reconfigure("a", temporary()).unwrap();
        start(&mut world);
        assert_eq!(world.state("a"), State::Starting);
        assert_eq!(world.node("a").unwrap().options.restart, Restart::Temporary);
    }
}

#[test]
fn the_last_change_counts() {
    // R16.
    let mut world = world_of(plain());
    world.reconfigure("a", temporary()).unwrap();
    world.reconfigure("a", delayed(3)).unwrap();
    world.fails("a");
    world.fails("a");
    assert_eq!(world.due("a"), Some(secs(3)));
}

#[test]
fn a_place_that_was_down_takes_them_too() {
    // R16.
    let mut world = world_of(temporary());
    world.returns("a");
    world.reconfigure("a", delayed(3)).unwrap();
    assert_eq!(world.state("a"), State::Down);
    world.ordered("a", OrderKind::Start).unwrap();
    world.fails("a");
    assert_eq!(world.due("a"), Some(secs(3)));
}

#[test]
fn the_parents_next_incarnation_declares_what_it_wants() {
    // R16, L4. The place is gone, and what was chosen for it.
    let mut world = world_of(plain());
    world.reconfigure("a", temporary()).unwrap();
    world.fails("root");
    world.all_return();
    world.child("root", "a");
    assert_eq!(world.node("a").unwrap().options.restart, Restart::Permanent);
}

#[test]
fn a_budget_that_stays_as_it_was_keeps_its_count() {
    // R16, R9.
    let budget = |restart| Options {
        intensity: Some(restarts(2)),
        restart,
        ..plain()
    };
    let mut world = world_of(budget(Restart::Permanent));
    world.fails("a");
    world.reconfigure("a", budget(Restart::Transient)).unwrap();
    world.fails("a");
    assert_eq!(left(&world), [0]);
}

#[test]
fn a_budget_keeps_its_count_when_only_that_of_the_children_changes() {
    // R16, R9.
    let own = Options {
        intensity: Some(restarts(2)),
        ..plain()
    };
    let both = Options {
        children_intensity: Some(restarts(5)),
        ..own.clone()
    };
    let mut world = world_of(own);
    world.reconfigure("a", both).unwrap();
    world.fails("a");
    assert_eq!(left(&world), [1, 5]);
}

#[test]
fn a_new_budget_begins_with_its_start() {
    // R16, R9.
    let mut world = world_of(plain());
    world.fails("a");
    let budget = Options {
        intensity: Some(restarts(1)),
        on_spent: OnSpent::StayDown,
        ..plain()
    };
    world.reconfigure("a", budget).unwrap();
    world.fails("a");
    assert_eq!(left(&world), [1]);
    world.fails("a");
    world.fails("a");
    assert_eq!(world.node("a").unwrap().down_reason(), Some(Down::Spent));
}

#[test]
fn a_node_may_become_a_provider() {
    // R16, R10.
    let mut world = world_of(plain());
    let provider = Options {
        stops: Stops::AfterUsers,
        ..plain()
    };
    world.reconfigure("a", provider).unwrap();
    world.fails("a");
    world.fails("root");
    assert_eq!(world.states(["a", "b"]), [State::Starting, State::Stopping]);
}

#[test]
fn who_takes_no_orders_takes_no_options() {
    // R16.
    let mut world = world_of(plain());
    assert_eq!(world.reconfigure("root", plain()), Err(Refusal::Root));
    let place = world.core.place(world.id("a").slot);
    world.stop();
    assert_eq!(world.reconfigure("a", plain()), Err(Refusal::TreeStops));
    world.all_return();
    let answer = world.core.reconfigure(place, Arc::new(plain()));
    assert!(answer.is_err());
}

#[test]
fn a_place_that_is_gone_takes_no_options() {
    // R16, L10.
    let mut world = world_of(plain());
    let place = world.core.place(world.id("a").slot);
    world.ordered("a", OrderKind::Remove).unwrap();
    world.returns("a");
    let answer = world.core.reconfigure(place, Arc::new(plain()));
    assert_eq!(answer, Err(Refusal::Gone));
}
