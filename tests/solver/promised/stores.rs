//! What the public documentation promises of stores, and what is anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::solver::{
    BoxError, Codec, DiskStore, Edge, LayeredStore, MemoryStore, Output, ResultStore,
};
use perennial::store::{Digest, Limits, Store};

use super::{build, build_and_warn};
use crate::kit::{Kit, by_content, play, play_with};

/// A value on disk: in as few bytes as it can be, so that 0 is none.
struct Number;

impl Codec<u64> for Number {
    fn encode(&self, value: &u64) -> Result<Vec<u8>, BoxError> {
        match *value {
            666 => Err("that is not written down".into()),
            value => Ok(value.to_string().trim_start_matches('0').into()),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<u64, BoxError> {
        match std::str::from_utf8(bytes)? {
            "" => Ok(0),
            "13" => Err("that is not read".into()),
            text => Ok(text.parse()?),
        }
    }
}

/// A folder with the results of one solver after another.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn store(&self) -> DiskStore<Number> {
        let opened = Store::open(self.0.path(), Limits::default());
        // Not in the runtime of the test, which is on this thread.
        let store = std::thread::scope(|scope| {
            let opening = scope.spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.build().expect("a runtime").block_on(opened)
            });
            opening.join().expect("it does not panic")
        });
        DiskStore::new(store.expect("the folder is good"), Number)
    }

    /// Plays with a solver that knows what is here and nothing else.
    fn play<Fut: Future<Output = ()>>(&self, test: impl FnOnce(Kit) -> Fut) {
        play_with(|solver| solver.store(self.store()), test);
    }
}

/// A store that fails in all that it is asked.
struct Broken;

fn fails<T: Send + 'static>() -> BoxFuture<'static, Result<T, BoxError>> {
    async { Err("it is broken".into()) }.boxed()
}

impl ResultStore<u64> for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn find(&self, _: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        fails()
    }

    fn load(&self, _: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<u64>>>, BoxError>> {
        fails()
    }

    fn save<'a>(&'a self, _: Digest, _: &'a [Output<u64>]) -> BoxFuture<'a, Result<(), BoxError>> {
        fails()
    }

    fn alias(&self, _: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        fails()
    }

    fn set_alias(&self, _: Digest, _: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        fails()
    }
}

/// A store that several solvers of a test have.
#[derive(Clone, Default)]
struct Common(Arc<MemoryStore<u64>>);

impl ResultStore<u64> for Common {
    fn name(&self) -> &str {
        "common"
    }

    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        self.0.find(key)
    }

    fn load(&self, key: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<u64>>>, BoxError>> {
        self.0.load(key)
    }

    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<u64>],
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.0.save(key, outputs)
    }

    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        self.0.alias(of)
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        self.0.set_alias(of, to)
    }
}

/// The sum of a vertex that has changed, by its content, and of another one.
fn by_what_it_became(kit: &Kit, definition: &str, other: u64) -> Edge<u64> {
    let changes = kit.node(definition, definition, 3, None::<Edge<u64>>);
    let other = kit.constant(other);
    let inputs = [by_content(changes.output(0)), other.output(0).into()];
    kit.node("top", "top", 9, inputs).output(0)
}

#[test]
fn a_layer_that_has_it_makes_up_for_one_that_is_broken() {
    // A store that fails is passed over while another one has what is asked for.
    let common = Common::default();
    play_with(
        |solver| solver.store(common.clone()),
        |kit| async move {
            build(&kit, &by_what_it_became(&kit, "v1", 4))
                .await
                .expect("it builds");
        },
    );
    let broken_last = LayeredStore::new(common.clone()).over(Broken);
    let broken_first = LayeredStore::new(Broken).over(common);
    for layers in [broken_last, broken_first] {
        play_with(
            |solver| solver.store(layers),
            |kit| async move {
                let built = build(&kit, &by_what_it_became(&kit, "v1", 4)).await;
                assert_eq!((built.expect("it builds"), kit.counts().runs), (9, 0));
            },
        );
    }
}

#[test]
fn what_a_later_layer_has_is_there_without_it_the_next_time() {
    // What a later layer has is copied to the first: results, and what contents were remembered.
    let (near, far) = (Common::default(), Common::default());
    play_with(
        |solver| solver.store(far.clone()),
        |kit| async move {
            build(&kit, &by_what_it_became(&kit, "v1", 4))
                .await
                .expect("it builds");
        },
    );
    let layers = LayeredStore::new(near.clone()).over(far);
    play_with(
        |solver| solver.store(layers),
        |kit| async move {
            let built = build(&kit, &by_what_it_became(&kit, "v1", 4)).await;
            assert_eq!((built.expect("it builds"), kit.counts().runs), (9, 0));
        },
    );
    play_with(
        |solver| solver.store(near),
        |kit| async move {
            let built = build(&kit, &by_what_it_became(&kit, "v1", 4)).await;
            assert_eq!((built.expect("it builds"), kit.counts().runs), (9, 0));
        },
    );
}

#[test]
fn layers_that_are_all_broken_fail_no_build() {
    // Stores fail no build, and each failure is a warning to the jobs that share the vertex.
    let layers = LayeredStore::new(Broken).over(Broken);
    play_with(
        |solver| solver.store(layers),
        |kit| async move {
            let (built, warnings) = build_and_warn(&kit, &by_what_it_became(&kit, "v1", 4)).await;
            assert_eq!((built, kit.counts().runs), (9, 3));
            assert!(warnings >= 3, "{warnings} warnings");
        },
    );
}

#[test]
fn a_new_solver_finds_on_disk_what_the_last_one_made() {
    // A result is found again when it was made before, by any solver with the store.
    let disk = Disk::new();
    disk.play(|kit| async move {
        build(&kit, &by_what_it_became(&kit, "v1", 4))
            .await
            .expect("it builds");
        kit.expect(3, 3, 0);
    });
    disk.play(|kit| async move {
        let built = build_and_warn(&kit, &by_what_it_became(&kit, "v1", 4)).await;
        assert_eq!((built, kit.counts().runs), ((9, 0), 0));
    });
}

#[test]
fn a_new_solver_makes_only_what_has_changed_to_look_at_it() {
    // An input counts by its content: what was made of equal content is found, over a restart.
    let disk = Disk::new();
    disk.play(|kit| async move {
        build(&kit, &by_what_it_became(&kit, "v1", 4))
            .await
            .expect("it builds");
    });
    disk.play(|kit| async move {
        let built = build(&kit, &by_what_it_became(&kit, "v2", 4)).await;
        assert_eq!((built.expect("it builds"), kit.counts().runs), (9, 1));
    });
    disk.play(|kit| async move {
        // Another part of another thing: the contents are remembered, and nothing is looked at.
        let built = build(&kit, &by_what_it_became(&kit, "v2", 5)).await;
        assert_eq!((built.expect("it builds"), kit.counts().runs), (9, 2));
    });
}

#[test]
fn a_new_solver_finds_a_result_by_any_of_its_names() {
    // An operation may have several names, and is found by any of them.
    let disk = Disk::new();
    disk.play(|kit| async move {
        let op = kit.leaf("file", "stamp 1", 8).or_seed("bytes");
        build(&kit, &op.vertex().build().output(0))
            .await
            .expect("it builds");
    });
    for stamp in ["stamp 2", "stamp 2", "stamp 1"] {
        disk.play(|kit| async move {
            let op = kit.leaf("file", stamp, 0).or_seed("bytes");
            let top = kit.sum(1, [op.vertex().build().output(0)]);
            let built = build(&kit, &top.output(0)).await;
            assert_eq!(built.expect("it builds"), 9);
        });
    }
}

#[test]
fn results_of_any_number_of_outputs_come_back_from_disk() {
    // All outputs of a result are kept as they were, empty ones too. A result that has not what is
    // asked for is made again, since that may be the fault of the store.
    let disk = Disk::new();
    for runs in [3, 1] {
        disk.play(|kit| async move {
            let of = |name: &str, values: &'static [u64]| {
                let op = kit.op(name, name, move |_, _| async move { Ok(values.to_vec()) });
                op.vertex().build()
            };
            let (none, empty, many) = (of("none", &[]), of("empty", &[0]), of("many", &[0, 7, 0]));
            let error = build(&kit, &none.output(0))
                .await
                .expect_err("there is none");
            assert_eq!(error.to_string(), "none has 0 outputs, and no output 0");
            assert_eq!(build(&kit, &empty.output(0)).await.expect("it builds"), 0);
            assert_eq!(build(&kit, &many.output(1)).await.expect("it builds"), 7);
            assert_eq!(build(&kit, &many.output(2)).await.expect("it builds"), 0);
            assert_eq!(kit.counts().runs, runs);
        });
    }
}

#[test]
fn what_cannot_be_written_or_read_is_made_each_time() {
    // What a store cannot keep or load is a warning, and fails none.
    let disk = Disk::new();
    for _ in 0..2 {
        disk.play(|kit| async move {
            for value in [666, 13] {
                let (built, _) = build_and_warn(&kit, &kit.constant(value).output(0)).await;
                assert_eq!(built, value);
            }
            assert_eq!(kit.counts().runs, 2);
            let (_, warnings) = build_and_warn(&kit, &kit.constant(666).output(0)).await;
            assert_eq!(warnings, 1);
            let (_, warnings) = build_and_warn(&kit, &kit.constant(13).output(0)).await;
            assert_eq!(warnings, 1);
        });
    }
}

#[test]
fn a_blob_that_was_damaged_is_made_anew_and_kept() {
    // It is a cache: what it loses is made again, and found again after that.
    let disk = Disk::new();
    for runs in [1, 1, 0] {
        disk.play(|kit| async move {
            let built = build(&kit, &kit.constant(1_234).output(0)).await;
            assert_eq!(
                (built.expect("it builds"), kit.counts().runs),
                (1_234, runs)
            );
        });
        if runs == 1 && !disk.0.path().join("damaged").exists() {
            std::fs::write(disk.0.path().join("damaged"), "").expect("written");
            cut_short(&disk.0.path().join("blobs"));
        }
    }
}

/// Takes a byte from each file below.
fn cut_short(folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            cut_short(&path);
        } else {
            let bytes = std::fs::read(&path).expect("a blob");
            std::fs::remove_file(&path).expect("removed");
            std::fs::write(&path, &bytes[1..]).expect("written");
        }
    }
}

#[test]
fn a_store_in_memory_forgets_what_was_used_longest_ago() {
    // It keeps the results that were used last, and no more than it was told.
    play_with(
        |solver| solver.store(MemoryStore::bounded(2)),
        |kit| async move {
            for (value, runs) in [(1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4)] {
                let built = build(&kit, &kit.constant(value).output(0)).await;
                assert_eq!(built.expect("it builds"), value);
                assert_eq!(kit.counts().runs, runs, "{value}");
            }
        },
    );
}

#[test]
fn later_jobs_read_what_is_anew_while_earlier_ones_keep_the_old() {
    // Who wants it as ever has what is kept anew, before the other; who has the old one keeps it.
    play(|kit| async move {
        let made = Arc::new(AtomicUsize::new(0));
        let index = || {
            let made = made.clone();
            let op = kit.op("index", "index", move |_, _| {
                let number = made.fetch_add(1, Ordering::Relaxed);
                async move { Ok(vec![number as u64]) }
            });
            op.vertex()
        };
        let (read, make) = (index().build().output(0), index().fresh().build().output(0));
        let (one, two, three) = (kit.job("1"), kit.job("2"), kit.job("3"));
        assert_eq!(*one.build(&read).await.expect("old"), 0);
        assert_eq!(*two.build(&make).await.expect("new"), 1);
        assert_eq!(*two.build(&make).await.expect("the job has it"), 1);
        assert_eq!(*three.build(&read).await.expect("new"), 1);
        assert_eq!(*one.build(&read).await.expect("new"), 1);
        drop((two, three));
        assert_eq!(
            build(&kit, &read).await.expect("stored"),
            1,
            "the old one is live"
        );
        one.finish().await;
        assert_eq!(build(&kit, &read).await.expect("stored"), 1);
    });
}

#[test]
fn what_is_fresh_is_found_by_a_later_solver() {
    // What comes of fresh work is stored as ever.
    let disk = Disk::new();
    disk.play(|kit| async move {
        let old = build(
            &kit,
            &kit.leaf("index", "index", 1).vertex().build().output(0),
        )
        .await;
        let new = kit
            .leaf("index", "index", 2)
            .vertex()
            .fresh()
            .build()
            .output(0);
        let new = build(&kit, &new).await;
        assert_eq!((old.expect("it builds"), new.expect("it builds")), (1, 2));
    });
    disk.play(|kit| async move {
        let found = build(
            &kit,
            &kit.leaf("index", "index", 3).vertex().build().output(0),
        )
        .await;
        assert_eq!((found.expect("it builds"), kit.counts().runs), (2, 0));
    });
}
