//! What a node has chosen for a spent budget: escalate, stay down, or stop the tree (R9).

use crate::tree::options::{OnSpent, Options, Strategy};
use crate::tree::report::Outcome;
use crate::tree::state::{Down, State};
use crate::tree::tests::shape::restarts;
use crate::tree::tests::world::{World, delayed, plain, secs};

const CHOICES: [OnSpent; 3] = [OnSpent::Escalate, OnSpent::StayDown, OnSpent::StopTree];

/// How a budget is spent, and what a node is down for then.
#[derive(Clone, Copy, Debug)]
enum Why {
    GaveUp,
    Spent,
    Leaked,
}

const WHYS: [(Why, Down); 3] = [
    (Why::GaveUp, Down::GaveUp),
    (Why::Spent, Down::Spent),
    (Why::Leaked, Down::Leaked),
];

/// `p` below the root, and below it a group of `a`, `b` and `c`; below `b` a child.
fn world_of(strategy: Strategy, on_spent: OnSpent) -> World {
    let b = Options {
        on_spent,
        intensity: Some(restarts(1)),
        ..plain()
    };
    let mut world = World::new();
    world.child("root", "p");
    let members = vec![("a", plain()), ("b", b), ("c", plain())];
    world.group_with("p", strategy, members);
    world.child("b", "below");
    world.all_healthy(["root", "p", "a", "below", "b", "c"]);
    world
}

/// `b`, which falls alone, has spent its budget; nothing is left below it.
fn spent(on_spent: OnSpent, why: Why) -> World {
    let mut world = world_of(Strategy::OneForOne, on_spent);
    match why {
        Why::GaveUp => world.gives_up("b"),
        Why::Spent => {
            world.fails("b");
            world.returns("below");
            world.healthy("b");
            return fails_again(world);
        }
        Why::Leaked => world.fails_leaving("b", 1),
    }
    world.returns("below");
    if matches!(why, Why::Leaked) {
        world.passes(secs(5));
        world.passes(secs(5));
    }
    world
}

fn fails_again(mut world: World) -> World {
    world.fails("b");
    world
}

#[test]
fn escalate_makes_the_parent_fall() {
    // R9, R10.
    for (why, reason) in WHYS {
        let world = spent(OnSpent::Escalate, why);
        assert_eq!(
            world.node("b").unwrap().down_reason(),
            Some(reason),
            "{why:?}"
        );
        assert!(world.laws.has("b", "escalated to root.p"), "{why:?}");
        assert_eq!(
            world.states(["root", "p"]),
            [State::Healthy, State::Stopping]
        );
    }
}

#[test]
fn stay_down_keeps_the_node_down_and_nobody_else_notices() {
    // R9.
    for (why, reason) in WHYS {
        let world = spent(OnSpent::StayDown, why);
        assert_eq!(
            world.node("b").unwrap().down_reason(),
            Some(reason),
            "{why:?}"
        );
        assert_eq!(world.states(["root", "p", "a", "c"]), [State::Healthy; 4]);
        assert!(world.core.is_settled(), "{why:?}");
    }
}

#[test]
fn stop_the_tree_ends_it_with_the_evidence() {
    // R9, R11.
    for (why, _) in WHYS {
        let mut world = spent(OnSpent::StopTree, why);
        assert!(world.laws.has("b", "escalated: the tree ends"), "{why:?}");
        assert_eq!(world.state("root"), State::Stopping);
        world.all_return();
        let failure = world.laws.failure();
        assert_eq!(
            failure.evidence.as_ref().unwrap().path,
            "root.p.b",
            "{why:?}"
        );
    }
}

#[test]
fn a_fall_that_stays_down_stops_those_that_its_strategy_takes() {
    // R9, R6. Each of them is down when all of them are out.
    let cases = [
        (Strategy::OneForAll, [State::Stopping, State::Stopping]),
        (Strategy::RestForOne, [State::Healthy, State::Stopping]),
        (Strategy::OneForOne, [State::Healthy, State::Healthy]),
    ];
    for (strategy, states) in cases {
        let mut world = world_of(strategy, OnSpent::StayDown);
        world.gives_up("b");
        assert_eq!(world.states(["a", "c"]), states, "{strategy:?}");
        assert_eq!(world.state("b"), State::Down);
        world.all_return_but(&["root", "p", "a", "c"]);
        for (member, state) in ["a", "c"].into_iter().zip(states) {
            if state == State::Stopping {
                world.returns(member);
            }
        }
        for (member, state) in ["a", "c"].into_iter().zip(states) {
            let is_down = world.node(member).unwrap().down_reason() == Some(Down::GaveUp);
            assert_eq!(is_down, state == State::Stopping, "{strategy:?}, {member}");
        }
        assert!(world.core.is_settled(), "{strategy:?}");
    }
}

#[test]
fn a_leak_in_a_fall_that_its_top_keeps_down_keeps_all_of_it_down() {
    // R10, R9.
    let mut world = world_of(Strategy::OneForAll, OnSpent::StayDown);
    world.fails("b");
    world.returns("below");
    world.returns("a");
    world.passes(secs(5));
    world.passes(secs(5));
    let reasons = ["a", "b", "c"].map(|member| world.node(member).unwrap().down_reason());
    assert_eq!(reasons, [Some(Down::Leaked); 3]);
    assert_eq!(world.state("p"), State::Healthy);
    assert!(world.core.is_settled());
}

#[test]
fn every_death_of_a_fall_that_stays_down_is_answered() {
    // L3, R9. `a` died first, and waits; the budget that is spent is that of `b`.
    let mut world = World::new();
    let stays = |options: Options| Options {
        on_spent: OnSpent::StayDown,
        ..options
    };
    let members = vec![("a", stays(plain())), ("b", delayed(3))];
    world.group_with("root", Strategy::RestForOne, members);
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    world.gives_up("a");
    assert_eq!(world.states(["a", "b"]), [State::Down; 2]);
    assert_eq!(world.laws.answers("b"), ["down"]);
    assert!(world.core.is_settled());
}

#[test]
fn a_member_of_a_fall_that_stays_down_neither_falls_nor_rises() {
    // R6, R9. `c` is still stopping when `a` fails.
    let mut world = world_of(Strategy::RestForOne, OnSpent::StayDown);
    world.gives_up("b");
    world.returns("below");
    world.fails("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Starting, State::Down, State::Stopping]
    );
    world.returns("c");
    assert_eq!(world.state("c"), State::Down);
}

#[test]
fn a_root_has_nobody_to_stay_down_for() {
    // R9, R11.
    for on_spent in CHOICES {
        let root = Options {
            on_spent,
            ..plain()
        };
        let mut world = World::with(crate::tree::options::Settings::default(), root);
        world.child("root", "a");
        world.all_healthy(["root", "a"]);
        world.gives_up("root");
        world.all_return();
        assert_eq!(world.laws.failure().evidence.as_ref().unwrap().path, "root");
    }
}

#[test]
fn a_tree_of_which_all_that_is_left_is_down_has_finished() {
    // R11, R9. Nobody waits for what stays down.
    let mut world = World::new();
    let a = Options {
        on_spent: OnSpent::StayDown,
        ..plain()
    };
    world.child_with("root", "a", a);
    world.finishes("root");
    world.gives_up("a");
    assert_eq!(world.laws.report().outcome, Outcome::Finished);
}
