//! What charges a budget, and which one (R9).

use crate::tree::options::{GroupOptions, Options, Settings, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::State;
use crate::tree::tests::shape::restarts;
use crate::tree::tests::world::{World, plain};

/// Whose budget it is.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Own,
    Group,
    Children,
}

const ALL: [Whose; 3] = [Whose::Own, Whose::Group, Whose::Children];

/// A group of `a`, `b` and `c` below `p`, all healthy, with so many restarts.
fn world_of(whose: Whose, strategy: Strategy, count: u32) -> World {
    let intensity = Some(restarts(count));
    let mut p = plain();
    let mut member = plain();
    let mut group = GroupOptions::from(strategy);
    match whose {
        Whose::Own => member.intensity = intensity,
        Whose::Group => group.intensity = intensity,
        Whose::Children => p.children_intensity = intensity,
    }
    let mut world = World::new();
    world.child_with("root", "p", p);
    let members = ["a", "b", "c"].map(|name| (name, member.clone()));
    world.group_with("p", group, members.to_vec());
    world.all_healthy(["root", "p", "a", "b", "c"]);
    world.laws.log.clear();
    world
}

fn has_spent(world: &World, node: &str) -> bool {
    world.laws.has(node, "down: budget spent")
}

/// What is left of all budgets that cover `a`.
fn left(world: &World) -> Vec<u32> {
    let snapshot = world.core.snapshot(world.now);
    let budgets = ["root.p", "root.p.a"].map(|path| &snapshot.find(path).unwrap().budgets);
    let budgets = budgets.into_iter().flatten();
    budgets.map(|budget| budget.left).collect()
}

#[test]
fn so_many_deaths_are_restarts_and_the_next_one_escalates() {
    // R9. The budget is checked before the attempt.
    for whose in ALL {
        for count in [0, 1, 3] {
            let mut world = world_of(whose, Strategy::OneForOne, count);
            for left in (0..count).rev() {
                world.fails("a");
                assert_eq!(world.state("a"), State::Starting, "{whose:?}, {left} left");
            }
            world.fails("a");
            assert!(has_spent(&world, "a"), "{whose:?}, {count}");
            assert!(world.laws.has("a", "escalated to root.p"));
            assert_eq!(world.state("p"), State::Stopping);
        }
    }
}

#[test]
fn a_shared_budget_counts_the_deaths_of_all() {
    // R9.
    for whose in [Whose::Group, Whose::Children] {
        let mut world = world_of(whose, Strategy::OneForOne, 2);
        world.fails("a");
        world.fails("b");
        world.fails("c");
        assert!(has_spent(&world, "c"), "{whose:?}");
    }
}

#[test]
fn a_budget_of_its_own_counts_only_its_own_deaths() {
    // R9.
    let mut world = world_of(Whose::Own, Strategy::OneForOne, 1);
    for member in ["a", "b", "c"] {
        world.fails(member);
    }
    assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
}

#[test]
fn each_reading_as_dead_is_a_death_however_it_came() {
    // R5, R9.
    let deaths: [fn(&mut World); 4] = [
        |world| world.returns("a"),
        |world| world.panics("a"),
        |world| world.vanishes("a"),
        |world| {
            world.owned_panics("a");
            world.returns("a");
        },
    ];
    for dies in deaths {
        let mut world = world_of(Whose::Own, Strategy::OneForOne, 2);
        dies(&mut world);
        assert_eq!(left(&world), [1]);
    }
}

#[test]
fn planned_restarts_and_orders_do_not_count() {
    // R9, R4, R16.
    for whose in ALL {
        let mut world = world_of(whose, Strategy::OneForOne, 1);
        for _ in 0..3 {
            world.restarts("a");
            world.drive();
            world.healthy("a");
            world.ordered("a", OrderKind::Restart).unwrap();
            world.returns("a");
            world.healthy("a");
        }
        assert_eq!(left(&world), [1], "{whose:?}");
    }
}

#[test]
fn who_merely_falls_along_is_not_counted() {
    // R9.
    let mut world = world_of(Whose::Own, Strategy::OneForAll, 1);
    world.fails("b");
    world.fails("a");
    world.panics("c");
    assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
    assert_eq!(left(&world), [1]);
}

#[test]
fn deaths_that_come_together_in_a_one_for_all_group_count_once() {
    // R9, R6.
    let together = |strategy| {
        let mut world = world_of(Whose::Group, strategy, 1);
        world.together(|world| {
            world.fails("a");
            world.fails("b");
        });
        has_spent(&world, "b")
    };
    assert!(!together(Strategy::OneForAll));
    assert!(!together(Strategy::RestForOne));
    assert!(together(Strategy::OneForOne));
}

#[test]
fn a_member_that_stops_for_itself_in_a_fall_is_a_death_of_its_own() {
    // R9, R6.
    let mut world = world_of(Whose::Group, Strategy::OneForAll, 2);
    world.owned_panics("a");
    world.fails("b");
    world.returns("c");
    world.returns("a");
    assert_eq!(left(&world), [0]);
}

#[test]
fn a_member_that_stops_for_itself_may_spend_the_budget_of_the_fall_it_is_in() {
    // R9, R6. Its choice holds for the whole fall.
    let mut world = world_of(Whose::Group, Strategy::OneForAll, 1);
    world.owned_panics("a");
    world.fails("b");
    world.returns("a");
    assert!(has_spent(&world, "a"));
    assert!(world.laws.has("a", "escalated to root.p"));
    assert_eq!(world.laws.answers("b"), ["absorbed"]);
}

#[test]
fn a_node_that_never_gets_healthy_spends_its_budget() {
    // R9. Each attempt that fails counts.
    let mut world = world_of(Whose::Own, Strategy::OneForOne, 4);
    world.fails("a");
    for attempt in 2..=5 {
        assert_eq!(
            (world.state("a"), world.attempt("a")),
            (State::Starting, attempt)
        );
        world.fails("a");
    }
    assert!(has_spent(&world, "a"));
}

#[test]
fn each_of_several_budgets_is_charged_and_the_narrowest_is_named() {
    // R9. Node before group before all children.
    let p = Options {
        children_intensity: Some(restarts(1)),
        ..plain()
    };
    let a = Options {
        intensity: Some(restarts(1)),
        ..plain()
    };
    let mut world = World::new();
    world.child_with("root", "p", p);
    let group = GroupOptions::from(Strategy::OneForOne).intensity(restarts(1));
    world.group_with("p", group, vec![("a", a), ("b", plain())]);
    world.all_healthy(["root", "p", "a", "b"]);
    world.fails("a");
    assert_eq!(left(&world), [0; 3]);
    let mut other = world.clone();
    world.fails("a");
    assert!(
        world
            .laws
            .of("a")
            .iter()
            .any(|text| text.contains("spent its budget"))
    );
    other.fails("b");
    assert!(
        other
            .laws
            .of("b")
            .iter()
            .any(|text| text.contains("the budget of its group"))
    );
}

#[test]
fn the_evidence_of_a_spent_budget_leads_to_the_last_exit() {
    // R9, L3.
    let mut world = world_of(Whose::Group, Strategy::OneForOne, 0);
    world.fails("a");
    world.returns("p");
    let evidence = world.node("p").unwrap().evidence.clone().unwrap();
    assert_eq!(
        evidence.chain(),
        "root.p.a escalated to root.p: root.p.a spent the budget of its group, 0 restarts in \
         1000000s: root.p.a failed while healthy: out of luck"
    );
}

#[test]
fn a_parent_that_was_escalated_to_spends_a_restart_of_its_own() {
    // R9. Two in its budget above two in its child's: the leaf starts nine times.
    let twice = Options {
        intensity: Some(restarts(2)),
        ..plain()
    };
    let mut world = World::with(Settings::default(), plain());
    world.child_with("root", "p", twice.clone());
    world.healthy("root");
    let mut starts = 0;
    while !world.core.is_stopping() {
        world.child_with("p", "a", twice.clone());
        world.healthy("p");
        while world.node("a").is_some_and(|a| a.state == State::Starting) {
            starts += 1;
            world.fails("a");
        }
        world.returns("p");
    }
    assert_eq!(starts, 9);
    world.returns("root");
    assert!(
        world
            .laws
            .failure()
            .to_string()
            .starts_with("root.p spent its budget")
    );
}
