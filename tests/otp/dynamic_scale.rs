//! Sections G and K: how many children a pool may have, and several pools.

use perennial::testing::{Fault, Harness};
use perennial::{Context, Down, Pool, RunError};

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

#[test]
fn otp_91_children_come_and_go_among_ten_thousand_others() {
    // R13. What each costs is measured by `cargo bench --bench pools`.
    const OTHERS: usize = 10_000;
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for _ in 0..OTHERS {
            pool.start(serve).expect("it stands");
        }
        assert_eq!(counts(&h, &pool).await, (OTHERS, OTHERS));
        for _ in 0..1000 {
            let child = pool.start(|_: Context| async {}).expect("it stands");
            assert_eq!(child.ended().await.down, Some(Down::Finished));
            assert_eq!(pool.children(), OTHERS);
        }
        h.tree()
            .node("root.pool")
            .terminate()
            .await
            .expect("it stands");
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn otp_91_ten_thousand_children_are_terminated_one_by_one() {
    // R13, R16.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let start = |_| pool.start(serve).expect("it stands");
        let all: Vec<_> = (0..10_000).map(start).collect();
        h.settled().await;
        for (number, child) in all.iter().enumerate() {
            child.terminate().await.expect("it runs");
            assert_eq!(pool.children(), all.len() - 1 - number);
        }
    });
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
