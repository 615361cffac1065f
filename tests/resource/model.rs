//! Random operations, played to references and to a model of them.

use std::collections::{BTreeMap, BTreeSet};

use perennial::resource::{CloseExclusiveError, Closed, Releaser, Shared, TakeError, WeakShared};
use perennial::testing::Harness;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::probe::{Diary, Probe};
use crate::scene::root;

/// An operation; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Op {
    Open,
    Derive(usize),
    Dup(usize),
    Close(usize),
    Drop(usize),
    CloseExclusive(usize),
    Take(usize),
    Project(usize),
    Weaken(usize),
    Upgrade(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let one = any::<usize>;
    let op = prop_oneof![
        1 => Just(Op::Open),
        2 => one().prop_map(Op::Derive),
        4 => one().prop_map(Op::Dup),
        3 => one().prop_map(Op::Close),
        3 => one().prop_map(Op::Drop),
        1 => one().prop_map(Op::CloseExclusive),
        1 => one().prop_map(Op::Take),
        1 => one().prop_map(Op::Project),
        1 => one().prop_map(Op::Weaken),
        2 => one().prop_map(Op::Upgrade),
    ];
    prop::collection::vec(op, 1..60)
}

/// What there should be: resources with the references to them, a set of numbers, and their
/// parents.
#[derive(Default)]
struct Model {
    resources: BTreeMap<usize, Resource>,
    opened: usize,
    handles: usize,
    /// In the order in which they were released.
    released: Vec<usize>,
}

struct Resource {
    handles: BTreeSet<usize>,
    /// The resource it is derived from, and its own handle of that.
    parent: Option<(usize, usize)>,
}

impl Model {
    fn open(&mut self, parent: Option<usize>) -> (usize, usize) {
        let resource = self.opened;
        self.opened += 1;
        let parent = parent.map(|parent| (parent, self.dup(parent)));
        let handles = BTreeSet::new();
        self.resources
            .insert(resource, Resource { handles, parent });
        (resource, self.dup(resource))
    }

    fn dup(&mut self, resource: usize) -> usize {
        self.handles += 1;
        let resource = self.resources.get_mut(&resource).expect("it is live");
        resource.handles.insert(self.handles);
        self.handles
    }

    /// Closes a handle, and says how many are left.
    fn close(&mut self, resource: usize, handle: usize) -> usize {
        let left = self.let_go(resource, handle);
        if left == 0 {
            self.released.push(resource);
            self.end(resource);
        }
        left
    }

    fn let_go(&mut self, resource: usize, handle: usize) -> usize {
        let resource = self.resources.get_mut(&resource).expect("it is live");
        assert!(resource.handles.remove(&handle));
        resource.handles.len()
    }

    /// What was kept goes after it.
    fn end(&mut self, resource: usize) {
        let ended = self.resources.remove(&resource).expect("it was live");
        if let Some((parent, handle)) = ended.parent {
            self.close(parent, handle);
        }
    }

    fn refs(&self, resource: usize) -> usize {
        self.resources
            .get(&resource)
            .map_or(0, |it| it.handles.len())
    }
}

/// A reference beside its number in the model.
struct Handle {
    resource: usize,
    number: usize,
    reference: Shared<Probe>,
    is_part: bool,
}

struct Play {
    model: Model,
    releaser: Releaser,
    diary: Diary,
    handles: Vec<Handle>,
    weaks: Vec<(usize, WeakShared<Probe>)>,
    taken: usize,
}

const NAMES: [&str; 64] = {
    let mut names = [""; 64];
    let digits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839\
                  404142434445464748495051525354555657585960616263";
    let mut at = 0;
    while at < names.len() {
        let (_, rest) = digits.split_at(2 * at);
        names[at] = rest.split_at(2).0;
        at += 1;
    }
    names
};

impl Play {
    fn keep(&mut self, (resource, number): (usize, usize), reference: Shared<Probe>) {
        self.handles.push(Handle {
            resource,
            number,
            reference,
            is_part: false,
        });
    }

    fn choose(&mut self, which: usize) -> Option<Handle> {
        if self.handles.is_empty() {
            return None;
        }
        let index = which % self.handles.len();
        Some(self.handles.swap_remove(index))
    }

    async fn act(&mut self, op: Op) {
        match op {
            Op::Open => {
                let probe = self.diary.sound(NAMES[self.model.opened]);
                let reference = self.releaser.open("one", probe);
                let opened = self.model.open(None);
                self.keep(opened, reference);
            }
            Op::Weaken(which) => {
                if let Some(handle) = self.choose(which) {
                    if !handle.is_part {
                        let weak = handle.reference.downgrade();
                        self.weaks.push((handle.resource, weak));
                    }
                    self.handles.push(handle);
                }
            }
            Op::Upgrade(which) => self.upgrade(which),
            Op::Derive(which)
            | Op::Dup(which)
            | Op::Close(which)
            | Op::Drop(which)
            | Op::CloseExclusive(which)
            | Op::Take(which)
            | Op::Project(which) => {
                if let Some(handle) = self.choose(which) {
                    self.act_on(op, handle).await;
                }
            }
        }
    }

    async fn act_on(&mut self, op: Op, handle: Handle) {
        let refs = self.model.refs(handle.resource);
        assert_eq!(handle.reference.refs(), refs);
        match op {
            Op::Derive(_) => {
                let probe = self.diary.sound(NAMES[self.model.opened]);
                let derived = handle.reference.derive("derived", probe);
                let opened = self.model.open(Some(handle.resource));
                self.handles.push(handle);
                self.keep(opened, derived);
            }
            Op::Dup(_) => {
                let number = self.model.dup(handle.resource);
                let reference = handle.reference.dup();
                let Handle {
                    resource, is_part, ..
                } = handle;
                self.handles.push(handle);
                self.handles.push(Handle {
                    resource,
                    number,
                    reference,
                    is_part,
                });
            }
            Op::Close(_) => {
                let left = self.model.close(handle.resource, handle.number);
                let closed = handle.reference.close().await.expect("all are sound");
                match left {
                    0 => assert_eq!(closed, Closed::Released),
                    left => assert_eq!(closed, Closed::NotLast { left }),
                }
            }
            Op::Drop(_) => self.drop_one(handle),
            Op::CloseExclusive(_) => self.close_exclusive(handle, refs).await,
            Op::Take(_) => self.take(handle, refs),
            Op::Project(_) => {
                let reference = handle.reference.project(|probe| probe);
                self.handles.push(Handle {
                    reference,
                    is_part: true,
                    ..handle
                });
            }
            Op::Open | Op::Weaken(_) | Op::Upgrade(_) => unreachable!("they need no handle"),
        }
    }

    fn drop_one(&mut self, handle: Handle) {
        self.model.close(handle.resource, handle.number);
    }

    async fn close_exclusive(&mut self, handle: Handle, refs: usize) {
        let Handle {
            resource,
            number,
            is_part,
            reference,
        } = handle;
        match reference.close_exclusive().await {
            Ok(()) => {
                assert_eq!(refs, 1);
                self.model.close(resource, number);
            }
            Err(CloseExclusiveError::InUse(still)) => {
                assert_eq!(
                    (still.others(), still.holders().len()),
                    (refs - 1, refs - 1)
                );
                let reference = still.into_reference();
                self.handles.push(Handle {
                    resource,
                    number,
                    is_part,
                    reference,
                });
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn take(&mut self, handle: Handle, refs: usize) {
        let Handle {
            resource,
            number,
            is_part,
            reference,
        } = handle;
        match reference.take_exclusive() {
            Ok(probe) => {
                assert_eq!((refs, is_part), (1, false));
                assert_eq!(probe.name, NAMES[resource]);
                self.model.let_go(resource, number);
                self.model.end(resource);
                self.taken += 1;
            }
            Err(refused) => {
                let is_refused_as_part = matches!(refused, TakeError::Part(_));
                assert_eq!(is_refused_as_part, is_part);
                assert!(is_part || refs > 1);
                let reference = refused.into_reference();
                self.handles.push(Handle {
                    resource,
                    number,
                    is_part,
                    reference,
                });
            }
        }
    }

    fn upgrade(&mut self, which: usize) {
        if self.weaks.is_empty() {
            return;
        }
        let (resource, weak) = self.weaks[which % self.weaks.len()].clone();
        let upgraded = weak.upgrade();
        // A weak reference to the whole lives as long as any part of it is held.
        assert_eq!(upgraded.is_some(), self.model.refs(resource) > 0);
        if let Some(reference) = upgraded {
            let number = self.model.dup(resource);
            self.keep((resource, number), reference);
        }
    }

    /// Sees that what is live and what was released is what the model says.
    fn check(&self) {
        let live: Vec<_> = self
            .releaser
            .live()
            .iter()
            .map(|live| live.refs())
            .collect();
        let expected = self.model.resources.values();
        let expected: Vec<_> = expected.map(|it| it.handles.len()).collect();
        assert_eq!(live, expected);
        // Those that nobody awaits overtake one another, but not their own parents.
        let mut released = self.diary.entries();
        released.sort();
        let mut expected: Vec<_> = self.model.released.iter().map(|it| NAMES[*it]).collect();
        expected.sort_unstable();
        assert_eq!(released, expected);
    }
}

#[test]
fn res_39_random_operations_do_what_a_set_of_numbers_says() {
    // L9. And after each, what is live and how often is what it should be.
    let mut runner = TestRunner::new(Config {
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|it| it.parse().ok())
            .unwrap_or(64),
        failure_persistence: None,
        ..Config::default()
    });
    let played = runner.run(&ops(), |ops| {
        play(ops);
        Ok(())
    });
    played.unwrap();
}

fn play(ops: Vec<Op>) {
    let releaser = Releaser::new();
    let root = root(&releaser, |_| Ok(()));
    Harness::run(Some(1), |h| async move {
        h.start(root);
        h.settled().await;
        let mut play = Play {
            model: Model::default(),
            releaser,
            diary: Diary::default(),
            handles: Vec::new(),
            weaks: Vec::new(),
            taken: 0,
        };
        for op in ops {
            play.act(op).await;
            h.settled().await;
            play.check();
        }
        for handle in std::mem::take(&mut play.handles) {
            play.drop_one(handle);
        }
        h.settled().await;
        play.check();
        play.releaser
            .all_released()
            .unwrap_or_else(|left| panic!("{left}"));
        let released = play.diary.entries().len();
        assert_eq!(released + play.taken, play.model.opened);
    });
}
