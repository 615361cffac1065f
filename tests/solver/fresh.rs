//! Freshness.

use perennial::solver::{Vertex, VertexBuilder};

use crate::kit::{Kit, by_content, play};

/// A vertex of this name and value; all of one test have one seed.
fn named(kit: &Kit, name: &str, value: u64) -> VertexBuilder<u64> {
    kit.leaf(name, "seed0", value).vertex()
}

fn child(kit: &Kit, value: u64) -> VertexBuilder<u64> {
    kit.leaf("child", "of child", value).vertex()
}

fn parent(kit: &Kit, value: u64, child: &Vertex<u64>) -> VertexBuilder<u64> {
    let parent = kit.leaf("parent", "of parent", value).vertex();
    parent.input(child.output(0))
}

/// Builds it in a job of its own.
async fn build_alone(kit: &Kit, vertex: &Vertex<u64>) -> u64 {
    let job = kit.job("alone");
    let value = *job.build(&vertex.output(0)).await.expect("nothing fails");
    job.finish().await;
    value
}

#[test]
fn sol_59_what_is_fresh_is_made_anew_and_what_is_made_of_it() {
    // Rule 6. It is the definition of its input by which the parent is known.
    play(|kit| async move {
        let top = parent(&kit, 1, &child(&kit, 1).build()).build();
        assert_eq!(build_alone(&kit, &top).await, 1);
        kit.expect(2, 2, 0);
        let top = parent(&kit, 2, &child(&kit, 2).fresh().build()).fresh();
        assert_eq!(build_alone(&kit, &top.build()).await, 2);
        kit.expect(2, 2, 0);
        let top = parent(&kit, 3, &child(&kit, 3).fresh().build()).build();
        assert_eq!(build_alone(&kit, &top).await, 3);
        kit.expect(2, 2, 0);
    });
}

#[test]
fn sol_59_what_was_made_anew_is_found_afterwards() {
    // Rule 6. It is stored as ever, in place of what was there.
    play(|kit| async move {
        assert_eq!(build_alone(&kit, &child(&kit, 1).build()).await, 1);
        assert_eq!(build_alone(&kit, &child(&kit, 2).fresh().build()).await, 2);
        kit.expect(2, 2, 0);
        assert_eq!(build_alone(&kit, &child(&kit, 3).build()).await, 2);
        kit.expect(1, 0, 1);
    });
}

#[test]
fn sol_60_a_fresh_input_that_has_become_the_same_changes_nothing() {
    // Rules 4, 6. The parent looks at the content of its child.
    play(|kit| async move {
        let parent = |value, child: Vertex<u64>| {
            let parent = kit.leaf("parent", "of parent", value).vertex();
            parent.input(by_content(child.output(0))).build()
        };
        let top = parent(7, child(&kit, 1).build());
        assert_eq!(build_alone(&kit, &top).await, 7);
        kit.expect(2, 2, 0);
        let top = parent(8, child(&kit, 1).fresh().build());
        assert_eq!(build_alone(&kit, &top).await, 7);
        kit.expect(2, 1, 1);
        let top = parent(9, child(&kit, 2).fresh().build());
        assert_eq!(build_alone(&kit, &top).await, 9);
        kit.expect(2, 2, 0);
    });
}

#[test]
fn sol_61_who_asks_for_fresh_work_does_not_join_other_work() {
    // Rule 6. Both are live, and equal but for that.
    play(|kit| async move {
        let (a, b) = (kit.job("a"), kit.job("b"));
        let normal = named(&kit, "v0", 0).build().output(0);
        let fresh = named(&kit, "v0", 1).fresh().build().output(0);
        assert_eq!(*a.build(&normal).await.unwrap(), 0);
        assert_eq!(*b.build(&fresh).await.unwrap(), 1);
        kit.expect(2, 2, 0);
        a.finish().await;
        b.finish().await;
    });
}

#[test]
fn sol_62_fresh_work_of_one_key_is_joined_by_all() {
    // Rule 6. None of them is another by its name.
    play(|kit| async move {
        let job = kit.job("a");
        let normal = |name, value| named(&kit, name, value).build().output(0);
        let fresh = |name, value| named(&kit, name, value).fresh().build().output(0);
        assert_eq!(*job.build(&normal("v2", 2)).await.unwrap(), 2);
        kit.expect(1, 1, 0);
        assert_eq!(*job.build(&fresh("v3", 3)).await.unwrap(), 3);
        kit.expect(1, 1, 0);
        assert_eq!(*job.build(&fresh("v4", 4)).await.unwrap(), 3);
        assert_eq!(*job.build(&normal("v5", 5)).await.unwrap(), 3);
        kit.expect(2, 0, 0);
        job.finish().await;
    });
}

#[test]
fn sol_63_fresh_work_of_one_name_is_joined_by_all() {
    // Rule 6. The first one is fresh.
    play(|kit| async move {
        let jobs = ["a", "b", "c"].map(|id| kit.job(id));
        let all = [
            named(&kit, "v0", 1).fresh().build(),
            named(&kit, "v0", 2).build(),
            named(&kit, "v0", 3).fresh().build(),
        ];
        for (job, vertex) in jobs.iter().zip(&all) {
            assert_eq!(*job.build(&vertex.output(0)).await.unwrap(), 1);
        }
        kit.expect(1, 1, 0);
        for job in jobs {
            job.finish().await;
        }
    });
}

#[test]
fn sol_64_a_fresh_input_is_made_though_what_is_made_of_it_is_live() {
    // Rule 6. The parents are equal, and not fresh themselves.
    play(|kit| async move {
        let (a, b) = (kit.job("a"), kit.job("b"));
        let before = parent(&kit, 1, &child(&kit, 1).build()).build();
        assert_eq!(*a.build(&before.output(0)).await.unwrap(), 1);
        kit.expect(2, 2, 0);
        let after = parent(&kit, 2, &child(&kit, 2).fresh().build()).build();
        assert_eq!(before.digest(), after.digest());
        assert_eq!(*b.build(&after.output(0)).await.unwrap(), 2);
        kit.expect(2, 2, 0);
        a.finish().await;
        b.finish().await;
    });
}
