//! Places by their paths (R16).

use crate::tree::orders::OrderKind;
use crate::tree::tests::world::{World, plain};

/// More children than are looked through one by one.
const MANY: usize = 40;

fn wide() -> World {
    let mut world = World::new();
    for number in 0..MANY {
        world.child("root", &format!("child-{number}"));
    }
    world
}

#[test]
fn a_path_leads_to_its_place() {
    // R16.
    let mut world = World::new();
    let p = world.child("root", "p");
    let c = world.child("p", "c");
    let root = world.core.root();
    for (path, place) in [("root", root), ("root.p", p), ("root.p.c", c)] {
        assert_eq!(world.core.find(path), Some(place), "{path}");
    }
}

#[test]
fn a_path_that_no_node_has_leads_nowhere() {
    // R16.
    let mut world = World::new();
    world.child("root", "p");
    for path in [
        "", ".", "p", "root.", "root.q", "root.p.", "root.p.c", ".root", "ROOT", "root p",
    ] {
        assert_eq!(world.core.find(path), None, "{path:?}");
    }
}

#[test]
fn among_many_children_each_is_found() {
    // R16.
    let mut world = wide();
    for number in 0..MANY {
        let path = format!("root.child-{number}");
        let slot = world.core.find(&path).unwrap().slot();
        assert_eq!(world.core.nodes[slot].path, *path.as_str());
    }
    assert_eq!(world.core.find("root.child-40"), None);
}

#[test]
fn the_index_knows_who_comes_and_who_goes() {
    // R16, R1.
    let mut world = wide();
    assert!(world.core.find("root.child-7").is_some());
    world.ordered("child-7", OrderKind::Remove).unwrap();
    world.returns("child-7");
    assert_eq!(world.core.find("root.child-7"), None);
    let again = world.child_with("root", "child-7", plain());
    assert_eq!(world.core.find("root.child-7"), Some(again));
    let late = world.child("root", "late");
    assert_eq!(world.core.find("root.late"), Some(late));
}

#[test]
fn the_index_goes_with_the_incarnation_of_the_parent() {
    // R16, L10.
    let mut world = wide();
    let old = world.core.find("root.child-7");
    world.healthy("root");
    world.fails("root");
    world.all_return();
    assert_eq!(world.core.find("root.child-7"), None);
    for number in 0..MANY {
        world.child("root", &format!("child-{number}"));
    }
    let new = world.core.find("root.child-7");
    assert!(new.is_some() && new != old);
}

#[test]
fn a_node_is_found_in_every_state_until_it_is_discarded() {
    // R16, R2.
    for state in crate::tree::tests::signals::STATES {
        let mut world = crate::tree::tests::signals::world_with(state);
        let place = world.core.place(world.id("n").slot);
        assert_eq!(world.core.find("root.p.n"), Some(place), "{state}");
    }
}
