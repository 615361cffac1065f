//! Random steps, taken by the store and by a naive model of it.

use std::time::{Duration, SystemTime};

use perennial::store::{Blob, Limits};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::scene::{Scene, count, filled, put, stamp};

const LIMIT: u64 = 2_000;

/// How many bytes an action has beside its metadata.
const RECORD_SIZE: u64 = 32 + 8 + 8 + 4 + 32;

#[derive(Clone, Debug)]
enum Step {
    Put(u64),
    Get(u64),
    PutAction { key: u8, blob: u64, metadata: u8 },
    GetAction(u8),
    Prune,
    Verify,
}

fn step() -> impl Strategy<Value = Step> {
    let (blob, key) = (0..12_u64, 0..6_u8);
    prop_oneof![
        4 => blob.clone().prop_map(Step::Put),
        4 => blob.clone().prop_map(Step::Get),
        4 => (key.clone(), blob, 0..100_u8)
            .prop_map(|(key, blob, metadata)| Step::PutAction { key, blob, metadata }),
        4 => key.prop_map(Step::GetAction),
        1 => Just(Step::Prune),
        1 => Just(Step::Verify),
    ]
}

/// A few, as each takes some hundred steps in the file system, unless more are asked for.
fn config() -> ProptestConfig {
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if is_set {
        ProptestConfig::default().cases
    } else {
        48
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_store_does_what_a_naive_model_does(steps in vec(step(), 1..40)) {
        // One step at a time, nothing is in use but what the step itself used.
        Builder::new_current_thread().build().unwrap().block_on(compare(steps));
    }
}

async fn compare(steps: Vec<Step>) {
    let scene = Scene::with(Limits::default().bytes_max(LIMIT)).await;
    let mut naive = Naive::default();
    let start = SystemTime::now() - Duration::from_secs(1_000_000);
    for step in steps {
        naive.now += 1;
        take(&scene, &mut naive, &step).await;
        let stat = scene.store.stat().await.expect("the system works");
        let (bytes, blobs) = (naive.bytes(), naive.blobs());
        assert_eq!((stat.bytes, stat.blobs), (bytes, blobs), "after {step:?}");
        assert!(count(scene.directory.path()) >= bytes);
        rest(&scene, start + Duration::from_secs(naive.now));
    }
}

/// Takes a step on both sides, which give the same answer.
async fn take(scene: &Scene, naive: &mut Naive, step: &Step) {
    let store = &scene.store;
    match *step {
        Step::Put(number) => {
            put(store, &body(number)).await;
            naive.put(Key::Blob(number), body(number).len() as u64, None);
        }
        Step::Get(number) => {
            let stored = store
                .get(Blob::of(&body(number)))
                .await
                .expect("the system works");
            assert_eq!(stored.is_some(), naive.get(Key::Blob(number)).is_some());
        }
        Step::PutAction {
            key,
            blob,
            metadata,
        } => {
            let metadata = vec![1; metadata.into()];
            let size = RECORD_SIZE + metadata.len() as u64;
            store
                .put_action(&[key], Blob::of(&body(blob)), &metadata)
                .await
                .expect("the system works");
            naive.put(Key::Action(key), size, Some(blob));
        }
        Step::GetAction(key) => {
            let action = store.get_action(&[key]).await.expect("the system works");
            let of = naive.get(Key::Action(key)).flatten();
            let of = of.filter(|blob| naive.get(Key::Blob(*blob)).is_some());
            let of = of.map(|blob| Blob::of(&body(blob)));
            assert_eq!(action.map(|action| action.blob), of);
        }
        Step::Prune => {
            assert_eq!(
                store.prune().await.expect("the system works").removed,
                0,
                "puts keep the limit"
            );
        }
        Step::Verify => {
            let verified = store.verify().await.expect("the system works");
            assert_eq!(verified.blobs, naive.blobs());
            assert!(verified.blobs_removed.is_empty() && verified.actions_removed.is_empty());
        }
    }
}

/// Lets what the step used be used then, and be in use no more.
fn rest(scene: &Scene, time: SystemTime) {
    let recent = SystemTime::now() - Duration::from_secs(3_600);
    for path in [scene.files("blobs"), scene.files("actions")].concat() {
        if path
            .metadata()
            .expect("the file is there")
            .modified()
            .expect("the file is there")
            > recent
        {
            stamp(&path, time);
        }
    }
}

fn body(number: u64) -> Vec<u8> {
    filled(number, 60 * number as usize + 8)
}

/// Blobs before actions, as they go when they were used at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Blob(u64),
    Action(u8),
}

struct Entry {
    used: u64,
    key: Key,
    size: u64,
    /// What an action is about.
    of: Option<u64>,
}

/// A list.
#[derive(Default)]
struct Naive {
    now: u64,
    entries: Vec<Entry>,
}

impl Naive {
    fn put(&mut self, key: Key, size: u64, of: Option<u64>) {
        let used = self.now;
        self.entries.retain(|entry| entry.key != key);
        self.entries.push(Entry {
            used,
            key,
            size,
            of,
        });
        if self.bytes() > LIMIT {
            self.entries.sort_by_key(|entry| (entry.used, entry.key));
            while self.bytes() > LIMIT - LIMIT / 10 && self.entries[0].used < self.now {
                self.entries.remove(0);
            }
        }
    }

    fn get(&mut self, key: Key) -> Option<Option<u64>> {
        let entry = self.entries.iter_mut().find(|entry| entry.key == key)?;
        entry.used = self.now;
        Some(entry.of)
    }

    fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }

    fn blobs(&self) -> u64 {
        let blobs = self
            .entries
            .iter()
            .filter(|entry| matches!(entry.key, Key::Blob(_)));
        blobs.count() as u64
    }
}
