//! Sections G and K: how many children a pool may have, what each of them costs, and several pools.

use std::time::{Duration, Instant};

use perennial::testing::{Fault, Harness};
use perennial::{Context, Pool, RunError};

use crate::pooled::{above, above_all, counts};
use crate::serve::serve;
use crate::sup::{children, node};

/// Serves above a child of its own.
async fn supervises(ctx: Context) -> Result<(), RunError> {
    ctx.run("worker", serve)?;
    serve(ctx).await;
    Ok(())
}

#[test]
fn otp_90_the_counts_follow_thousands_of_children() {
    // R13. Those with children of their own count as one. When all were killed, nothing is left.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for _ in 0..1000 {
            pool.start(serve).expect("it stands");
        }
        assert_eq!(counts(&h, &pool).await, (1000, 1000));
        let started: Vec<_> = (0..1000).map(|_| pool.start(supervises)).collect();
        assert_eq!(counts(&h, &pool).await, (2000, 2000));
        assert_eq!(h.snapshot().await.nodes.len(), 3002);
        for child in started {
            h.inject(Fault::kill(child.expect("it stands").path().to_string()));
        }
        h.settled().await;
        assert_eq!(counts(&h, &pool).await, (1000, 1000));
        for number in 1..=1000 {
            h.inject(Fault::kill(format!("root.pool.{number}")));
        }
        h.settled().await;
        assert_eq!(counts(&h, &pool).await, (0, 0));
        assert_eq!(h.snapshot().await.nodes.len(), 2);
        assert_eq!(node(&h, "root.pool").await.restarts, 0);
    });
}

/// How long a child takes from its start to its end, in a pool of so many others. At best: others
/// use the machine, too.
fn cost_among(others: usize) -> Duration {
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for _ in 0..others {
            pool.start(serve).expect("it stands");
        }
        assert_eq!(counts(&h, &pool).await, (others, others));
        let mut best = Duration::MAX;
        for _ in 0..20 {
            let begun = Instant::now();
            for _ in 0..50 {
                let child = pool.start(|_: Context| async {}).expect("it stands");
                child.ended().await;
            }
            best = best.min(begun.elapsed() / 50);
        }
        assert_eq!(pool.children(), others);
        best
    })
}

#[test]
fn otp_91_a_child_among_many_costs_no_more_than_one_among_few() {
    // R13. Within the bound that OTP has for itself.
    let [few, many] = [10, 10_000].map(cost_among);
    assert!(many < few * 10, "{few:?} among ten, {many:?} among many");
}

#[test]
#[ignore = "it takes half a minute"]
fn otp_91_a_child_among_a_hundred_thousand_costs_no_more_than_one_among_few() {
    // R13. So many stay while others come and go, and all stop with their pool.
    let [few, many] = [10, 100_000].map(cost_among);
    assert!(many < few * 10, "{few:?} among ten, {many:?} among many");
}

/// How long it takes to terminate so many children, each by its handle, and how long to stop a pool
/// of as many.
fn stop_of(number: usize) -> [Duration; 2] {
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let start = || {
            (0..number)
                .map(|_| pool.start(serve).expect("it stands"))
                .collect::<Vec<_>>()
        };
        let all = start();
        h.settled().await;
        let begun = Instant::now();
        for child in all {
            child.terminate().await.expect("it runs");
        }
        let one_by_one = begun.elapsed();
        assert_eq!(pool.children(), 0);
        let _all = start();
        h.settled().await;
        let begun = Instant::now();
        h.tree()
            .node("root.pool")
            .terminate()
            .await
            .expect("it stands");
        let together = begun.elapsed();
        assert_eq!(pool.children(), 0);
        [one_by_one, together]
    })
}

#[test]
fn otp_91_the_stop_of_ten_times_as_many_takes_about_ten_times_as_long() {
    // R13. OTP allows fifty times.
    let [few, many] = [1_000, 10_000].map(stop_of);
    assert!(
        many[0] < few[0] * 50 && many[1] < few[1] * 50,
        "{few:?} {many:?}"
    );
}

#[test]
fn otp_121_several_pools_of_one_kind_are_told_apart_by_key() {
    // R13. Each key has one pool, and the keys of one that is stopped are refused alone.
    let names = ["shard-0", "shard-1", "shard-2", "shard-3"];
    let shards = names.map(|_| Pool::new());
    let of = |key: usize| &shards[key % shards.len()];
    let declared: [_; 4] = std::array::from_fn(|number| (names[number], &shards[number]));
    let root = above_all(declared);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        for key in 0..12 {
            let child = of(key)
                .start_named(format!("key-{key}"), serve)
                .expect("it is free");
            let path = format!("root.shard-{}.key-{key}", key % 4);
            assert_eq!(child.path().to_string(), path);
        }
        h.settled().await;
        assert_eq!(
            children(&h, "root.shard-1").await,
            "key-1 healthy, key-5 healthy, key-9 healthy"
        );

        for number in 0..4 {
            let shard = h.tree().node(format!("root.shard-{number}"));
            shard.terminate().await.expect("it stands");
            let open = (0..12).filter(|key| of(*key).start(serve).is_ok());
            assert_eq!(open.count(), 9 - 3 * number);
        }
        for number in 0..4 {
            let shard = h.tree().node(format!("root.shard-{number}"));
            shard.start().await.expect("it is down");
            assert_eq!(of(number).children(), 0, "it is empty then");
            of(number).start(serve).expect("it takes children again");
        }
    });
}
