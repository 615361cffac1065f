//! Keys: what is found again, and under which names.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial::solver::{Edge, Input};

use crate::kit::{Kit, after, by_content, play, play_with};
use crate::stores::{Fault, TestStore};

/// Builds something in a job of its own, and gives its value.
async fn build(kit: &Kit, edge: &Edge<u64>) -> u64 {
    let job = kit.job("a");
    let built = kit.h.wait(job.build(edge)).await;
    let value = *built.expect("all is well");
    job.finish().await;
    value
}

/// A leaf of a name that nothing else has.
fn leaf(kit: &Kit, seed: &str, value: u64) -> Edge<u64> {
    let leaf = kit.leaf(&kit.fresh_name(), seed, value);
    leaf.vertex().build().output(0)
}

/// A node of a name that nothing else has.
fn node(
    kit: &Kit,
    seed: &str,
    value: u64,
    inputs: impl IntoIterator<Item = Input<u64>>,
) -> Edge<u64> {
    let node = kit.node(&kit.fresh_name(), seed, value, inputs);
    node.output(0)
}

fn selected(input: impl Into<Input<u64>>, selector: &str) -> Input<u64> {
    input.into().selector(selector)
}

#[test]
fn sol_43_a_result_is_found_by_the_seed_and_not_by_the_name() {
    // Rule 4. What has another seed is made.
    play(|kit| async move {
        assert_eq!(build(&kit, &leaf(&kit, "seed0", 0)).await, 0);
        kit.expect(1, 1, 0);
        assert_eq!(build(&kit, &leaf(&kit, "seed1", 1)).await, 1);
        kit.expect(1, 1, 0);
        assert_eq!(build(&kit, &leaf(&kit, "seed0", 2)).await, 0);
        kit.expect(1, 0, 1);
    });
}

#[test]
fn sol_44_an_input_that_has_become_the_same_changes_nothing() {
    // Rules 4 and 5. It is made to be looked at, and the other input is neither made nor loaded.
    play(|kit| async move {
        let v0 = |seed_of_v2: &str| {
            let v1 = leaf(&kit, "seed1", 1).into();
            let v2 = by_content(leaf(&kit, seed_of_v2, 2));
            node(&kit, "seed0", 7, [v1, v2])
        };
        assert_eq!(build(&kit, &v0("seed2")).await, 7);
        kit.expect(3, 3, 0);
        assert_eq!(build(&kit, &v0("another")).await, 7);
        kit.expect(3, 1, 1);
    });
}

#[test]
fn sol_45_the_content_of_an_input_is_remembered() {
    // Rules 4 and 5. What has not changed is not loaded to be looked at.
    play(|kit| async move {
        let v0 = |seed_of_v1: &str, seed_of_v2: &str| {
            let inputs = [(seed_of_v1, 1), (seed_of_v2, 2)];
            let inputs = inputs.map(|(seed, value)| by_content(leaf(&kit, seed, value)));
            node(&kit, "seed0", 7, inputs)
        };
        assert_eq!(build(&kit, &v0("seed1", "seed2")).await, 7);
        kit.expect(3, 3, 0);
        assert_eq!(build(&kit, &v0("seed1", "another")).await, 7);
        kit.expect(3, 1, 1);
        assert_eq!(build(&kit, &v0("third", "fourth")).await, 7);
        kit.expect(3, 2, 1);
    });
}

#[test]
fn sol_46_a_vertex_is_found_by_the_content_of_its_input_alone() {
    // Rule 4. Name and seed of the input are others; and its value is, in the end.
    play(|kit| async move {
        let v0 = |seed: &str, value, own| {
            let input = by_content(leaf(&kit, seed, value));
            node(&kit, "seed0", own, [input])
        };
        assert_eq!(build(&kit, &v0("seed1", 1, 7)).await, 7);
        kit.expect(2, 2, 0);
        assert_eq!(build(&kit, &v0("another", 1, 8)).await, 7);
        kit.expect(2, 1, 1);
        assert_eq!(build(&kit, &v0("third", 3, 9)).await, 9);
        kit.expect(2, 2, 0);
    });
}

#[test]
fn sol_47_another_part_of_an_input_is_another_vertex() {
    // Rule 4. The input is loaded, and the vertex made.
    play(|kit| async move {
        let v0 = |selector: &str, value| {
            let input = selected(leaf(&kit, "seed1", 1), selector);
            node(&kit, "seed0", value, [input])
        };
        assert_eq!(build(&kit, &v0("sel0", 7)).await, 7);
        kit.expect(2, 2, 0);
        assert_eq!(build(&kit, &v0("sel0", 8)).await, 7);
        kit.expect(2, 0, 1);
        assert_eq!(build(&kit, &v0("sel1", 9)).await, 9);
        kit.expect(2, 1, 1);
    });
}

#[test]
fn sol_48_another_part_of_equal_content_is_the_same_vertex() {
    // Rule 4. The input is loaded to be looked at, and then the vertex is.
    play(|kit| async move {
        let v0 = |selector: &str, value| {
            let input = selected(by_content(leaf(&kit, "seed1", 1)), selector);
            node(&kit, "seed0", value, [input])
        };
        assert_eq!(build(&kit, &v0("sel0", 7)).await, 7);
        kit.expect(2, 2, 0);
        assert_eq!(build(&kit, &v0("sel1", 8)).await, 7);
        kit.expect(2, 0, 2);
    });
}

#[test]
fn sol_49_nothing_below_what_is_stored_is_loaded() {
    // Rule 5. Also if the vertex takes its time to say its key.
    play(|kit| async move {
        let v0 = |value| {
            let v2 = leaf(&kit, "seed2", 2);
            let v1 = node(&kit, "seed1", 1, [selected(by_content(v2), "sel0")]);
            let v0 = kit.leaf(&kit.fresh_name(), "seed0", value);
            let v0 = v0.before_key(after(50)).vertex();
            v0.input(v1).build().output(0)
        };
        assert_eq!(build(&kit, &v0(7)).await, 7);
        kit.expect(3, 3, 0);
        assert_eq!(build(&kit, &v0(8)).await, 7);
        kit.expect(3, 0, 1);
    });
}

#[test]
fn sol_50_only_what_has_changed_is_made_to_be_looked_at() {
    // Rules 4 and 5. It is far below; of all else only the top is loaded.
    play(|kit| async move {
        let vmain = |seed_of_v3: &str, value| {
            let v3 = by_content(leaf(&kit, seed_of_v3, 3));
            let v1 = kit.leaf(&kit.fresh_name(), "seed1", 1);
            let v1 = v1.before_key(after(100)).vertex().input(v3).build();
            let v2 = by_content(leaf(&kit, "seed2", 2));
            let v0 = node(&kit, "seed0", 0, [v1.output(0).into(), v2]);
            node(&kit, "main", value, [v0.into()])
        };
        assert_eq!(build(&kit, &vmain("seed3", 7)).await, 7);
        kit.expect(5, 5, 0);
        assert_eq!(build(&kit, &vmain("another", 8)).await, 7);
        kit.expect(5, 1, 1);
    });
}

#[test]
fn sol_51_each_name_of_an_operation_stands_for_all() {
    // Rule 4. It is asked for no more of them than it takes to find one that is known.
    play(|kit| async move {
        let root = |seed: &str, value| kit.leaf(&kit.fresh_name(), seed, value);
        let asked = Arc::new(AtomicUsize::new(0));
        let first = root("s0", 7).or_seed("s1").or_seed("s2");
        assert_eq!(build(&kit, &first.vertex().build().output(0)).await, 7);
        kit.expect(1, 1, 0);
        let second = root("s1", 8).or_counted("s3", &asked);
        assert_eq!(build(&kit, &second.vertex().build().output(0)).await, 7);
        kit.expect(1, 0, 1);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        let third = root("s3", 9).or_counted("s2", &asked);
        assert_eq!(build(&kit, &third.vertex().build().output(0)).await, 7);
        kit.expect(1, 0, 1);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn sol_52_a_vertex_is_found_by_any_name_of_its_input() {
    // Rule 4. And the input is not loaded.
    play(|kit| async move {
        let v0 = |seed: &str, value| {
            let root = kit.leaf(&kit.fresh_name(), seed, 1).or_seed("s2");
            node(
                &kit,
                "seed0",
                value,
                [root.vertex().build().output(0).into()],
            )
        };
        assert_eq!(build(&kit, &v0("s1", 7)).await, 7);
        kit.expect(2, 2, 0);
        assert_eq!(build(&kit, &v0("another", 8)).await, 7);
        kit.expect(2, 0, 1);
    });
}

/// A store that has the result of a leaf, which is 7 there.
fn filled() -> TestStore {
    let extra = TestStore::default();
    let own = extra.clone();
    play_with(
        |builder| builder.store(own),
        |kit| async move { assert_eq!(build(&kit, &leaf(&kit, "seed0", 7)).await, 7) },
    );
    assert_eq!((extra.len(), extra.loads()), (1, 0));
    extra
}

/// The same leaf, with a store of its own besides the solver's.
fn with_store(kit: &Kit, value: u64, store: &TestStore) -> Edge<u64> {
    let leaf = kit.leaf(&kit.fresh_name(), "seed0", value);
    leaf.vertex().store(store.clone()).build().output(0)
}

#[test]
fn sol_54_a_store_of_a_vertex_is_asked_after_the_solvers_own() {
    // Rule 7. What it has is kept in the solver's from then on, with the way to it.
    let extra = filled();
    play(|kit| async move {
        assert_eq!(build(&kit, &with_store(&kit, 8, &extra)).await, 7);
        assert_eq!(extra.loads(), 1);
        kit.expect(1, 0, 0);
        assert_eq!(build(&kit, &with_store(&kit, 9, &extra)).await, 7);
        assert_eq!(extra.loads(), 1);
        kit.expect(1, 0, 1);
    });
}

#[test]
fn sol_54_a_store_of_a_vertex_that_fails_has_nothing() {
    // Rule 7. The vertex is made, and kept in the solver's own store.
    let extra = TestStore::with(Fault::Fails);
    play(|kit| async move {
        assert_eq!(build(&kit, &with_store(&kit, 8, &extra)).await, 8);
        kit.expect(1, 1, 0);
        assert_eq!(build(&kit, &with_store(&kit, 9, &extra)).await, 8);
        kit.expect(1, 0, 1);
    });
}

#[test]
fn sol_55_a_sub_build_uses_the_stores_of_what_builds_it() {
    // Rule 8. Without that store it is made.
    let extra = filled();
    play(|kit| async move {
        let parent = |seed: &str| {
            let below = leaf(&kit, "seed0", 8);
            kit.sub_build(&kit.fresh_name(), seed, below).vertex()
        };
        let with = parent("with").store(extra.clone()).build().output(0);
        assert_eq!(build(&kit, &with).await, 7);
        assert_eq!(extra.loads(), 1);
        kit.expect(2, 1, 0);
    });
    let extra = filled();
    play(|kit| async move {
        let below = leaf(&kit, "seed0", 8);
        let without = kit.sub_build("parent", "without", below);
        assert_eq!(build(&kit, &without.vertex().build().output(0)).await, 8);
        assert_eq!(extra.loads(), 0);
    });
}

#[test]
fn sol_56_what_has_no_key_is_made_each_time() {
    // Rule 4. So is what is made of it; but not what looks at what it has become.
    play(|kit| async move {
        let nameless = || {
            let leaf = kit.leaf(&kit.fresh_name(), "", 1).without_key();
            leaf.vertex().build().output(0)
        };
        for _ in 0..2 {
            let by_definition = node(&kit, "seed0", 7, [nameless().into()]);
            assert_eq!(build(&kit, &by_definition).await, 7);
            kit.expect(2, 2, 0);
        }
        let looks = |value| node(&kit, "seed1", value, [by_content(nameless())]);
        assert_eq!(build(&kit, &looks(8)).await, 8);
        kit.expect(2, 2, 0);
        assert_eq!(build(&kit, &looks(9)).await, 8);
        kit.expect(2, 1, 1);
    });
}
