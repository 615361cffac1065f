//! Names, paths and exits: the words the core is made of (R1, R5, R18).

use std::collections::BTreeSet;
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use crate::exit::{Exit, IntoExit, Panic};
use crate::name::{NAME_LENGTH_MAX, Name, NameError};
use crate::path::Path;
use crate::tree::tests::world::name;

fn path(text: &str) -> Path {
    let names = text.split('.').skip(1);
    names.fold(Path::root(), |path, text| path.child(name(text)))
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_name_is_checked_as_a_whole() {
    // R1.
    let longest = "x".repeat(NAME_LENGTH_MAX);
    for good in ["a", "0", "_", "-", "http-2", "a_b-c9", longest.as_str()] {
        assert_eq!(Name::parse(good).unwrap().as_str(), good);
    }
    for bad in ["A", "a.b", "a b", "a/b", "é", "a\n", ".", "root.a"] {
        assert!(
            matches!(Name::parse(bad), Err(NameError::Character { .. })),
            "{bad:?}"
        );
    }
}

#[test]
fn a_bad_name_is_an_error_that_says_which_and_why() {
    // R1.
    let text = |name: &str| Name::parse(name).unwrap_err().to_string();
    assert_eq!(text(""), "a name must not be empty");
    assert_eq!(
        text("eth0.100"),
        "name \"eth0.100\" has '.': only a-z, 0-9, _ and - are allowed"
    );
    let long = "y".repeat(NAME_LENGTH_MAX + 1);
    assert!(text(&long).ends_with("has 65 characters: 64 at most are allowed"));
    assert!(
        text(&"Z".repeat(10_000)).len() < 200,
        "an error does not repeat a whole book"
    );
}

proptest! {
    #[test]
    fn any_text_can_be_made_a_name(text in ".*") {
        // R1.
        let name = Name::sanitize(&text);
        prop_assert_eq!(Name::parse(&name), Ok(name.clone()));
        prop_assert_eq!(Name::sanitize(name.as_str()), name);
    }

    #[test]
    fn paths_compare_as_their_names_do(
        a in proptest::collection::vec("[ab_-]{1,3}", 0..4),
        b in proptest::collection::vec("[ab_-]{1,3}", 0..4),
    ) {
        // R1.
        let [left, right] = [&a, &b].map(|names| {
            names.iter().fold(Path::root(), |path, text| path.child(name(text)))
        });
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        prop_assert_eq!(left == right, a == b);
        prop_assert!(left != right || hash(&left) == hash(&right));
        prop_assert!(left == *left.to_string());
        prop_assert_eq!(left == *right.to_string(), a == b);
    }
}

#[test]
fn a_good_name_is_left_as_it_is_and_others_become_alike() {
    // R1. Different texts may become the same name.
    assert_eq!(Name::sanitize("http-2"), name("http-2"));
    assert_eq!(Name::sanitize("Eth0.100"), Name::sanitize("eth0/100"));
    assert_eq!(Name::sanitize(""), name("-"));
    assert_eq!(
        Name::sanitize(&"ü".repeat(100)).as_str(),
        "-".repeat(NAME_LENGTH_MAX)
    );
}

#[test]
fn a_path_is_root_and_names_joined_by_dots() {
    // R1.
    let reader = path("root.pipeline.reader");
    assert_eq!(reader.to_string(), "root.pipeline.reader");
    assert_eq!(format!("{reader:?}"), "root.pipeline.reader");
    assert_eq!((reader.depth(), reader.name().as_str()), (2, "reader"));
    assert_eq!(reader.parent(), Some(&path("root.pipeline")));
    assert_eq!((Path::root().parent(), Path::root().depth()), (None, 0));
}

#[test]
fn a_path_equals_its_text_and_no_other() {
    // R1.
    let reader = path("root.a.b");
    assert!(reader == "root.a.b" && reader == *"root.a.b");
    for other in ["root.a", "root.a.b.c", "root.a.bb", "root.ab", "a.b", ""] {
        assert!(reader != other, "{other}");
    }
}

#[test]
fn a_parent_sorts_before_its_children_and_siblings_by_name() {
    // R1.
    let sorted = ["root", "root.a", "root.a.z", "root.b"].map(path);
    let shuffled: BTreeSet<_> = [2, 0, 3, 1].map(|at: usize| sorted[at].clone()).into();
    assert!(shuffled.iter().eq(&sorted));
}

#[test]
fn a_path_of_any_depth_is_dropped_without_a_stack() {
    // R1.
    let child = name("x");
    let deep = (0..200_000).fold(Path::root(), |path, _| path.child(child.clone()));
    assert_eq!(deep.depth(), 200_000);
    drop(deep);
}

#[test]
fn what_a_runnable_returns_becomes_an_exit() {
    // R5.
    assert!(().into_exit().is_ok());
    assert!(
        Ok::<(), Box<dyn Error + Send + Sync>>(())
            .into_exit()
            .is_ok()
    );
    let failed = Err::<(), _>("no such device").into_exit();
    assert_eq!(failed.error().unwrap().to_string(), "no such device");
    let nested: Result<Result<(), String>, String> = Ok(Err("inner".to_owned()));
    assert_eq!(nested.into_exit().error().unwrap().to_string(), "inner");
    assert!(Exit::Aborted.into_exit().error().is_none());
}

#[test]
fn a_panic_says_what_where_and_is_cheap_to_clone() {
    // R18.
    let panic = Panic::new("divided by zero", Some("src/math.rs:3:9".to_owned()));
    let exit = Exit::Panicked(panic.clone());
    assert_eq!(
        exit.to_string(),
        "panicked at src/math.rs:3:9: divided by zero"
    );
    assert_eq!(
        (panic.message(), panic.location()),
        ("divided by zero", Some("src/math.rs:3:9"))
    );
    assert!(panic.backtrace().is_none());
    assert_eq!(Panic::new("x", None).to_string(), "with x");
}

#[test]
fn the_chain_of_an_error_names_all_of_its_sources() {
    // R9, R18.
    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the store")]
    struct Outer(#[source] std::fmt::Error);
    let text = crate::exit::chain(&Outer(std::fmt::Error));
    assert_eq!(text, format!("cannot open the store: {}", std::fmt::Error));
}
