#![cfg(feature = "testing")]
#[path = "stage/serve.rs"]
mod serve;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::*;
use serve::serve;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
const S: Duration = Duration::from_secs(1);

fn above(
    pool: &Pool,
) -> impl Fn(Context) -> futures::future::BoxFuture<'static, Result<(), RunError>> + Send + Sync + use<>
{
    let pool = pool.clone();
    move |ctx: Context| {
        let pool = pool.clone();
        Box::pin(async move {
            ctx.run("pool", pool)?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        })
    }
}

#[test]
fn task_with_leaked_hold_terminated() {
    let pool = Pool::new();
    let kept = Arc::new(Mutex::new(None));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let other = pool.start(serve).unwrap();
        let keeps = kept.clone();
        let task = pool
            .task(|ctx: Context| async move {
                *keeps.lock() = Some(ctx.hold("file").unwrap());
                ctx.healthy();
                ctx.cancelled().await;
                Ok::<_, String>(7)
            })
            .unwrap();
        h.idle().await;
        let order = task.child().terminate();
        let r = h.wait(timeout(S * 60, task)).await;
        println!("task {r:?} at {:?}", h.now());
        println!("order {:?}", h.wait(timeout(S * 60, order)).await);
        println!("{}", h.snapshot().await);
        println!("other {:?}", h.wait(timeout(S * 60, other.ended())).await);
        println!("children {}", pool.children());
        println!("drain {:?}", h.wait(timeout(S * 60, pool.drain())).await);
        drop(kept.lock().take());
        h.idle().await;
        println!("{}", h.snapshot().await);
        println!("children {}", pool.children());
    });
}

#[test]
fn task_with_leaked_hold_returns() {
    let pool = Pool::new();
    let kept = Arc::new(Mutex::new(None));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let other = pool.start(serve).unwrap();
        let keeps = kept.clone();
        let task = pool
            .task(|ctx: Context| async move {
                *keeps.lock() = Some(ctx.hold("file").unwrap());
                ctx.healthy();
                Ok::<_, String>(7)
            })
            .unwrap();
        h.idle().await;
        let child = task.child().clone();
        let r = h.wait(timeout(S * 60, task)).await;
        println!("task {r:?} at {:?}", h.now());
        println!(
            "child.ended {:?}",
            h.wait(timeout(S * 60, child.ended())).await
        );
        println!("{}", h.snapshot().await);
        println!("other {:?}", h.wait(timeout(S * 60, other.ended())).await);
        println!("children {}", pool.children());
        drop(kept.lock().take());
        h.idle().await;
        println!("{}", h.snapshot().await);
        println!("children {}", pool.children());
    });
}

#[test]
fn pool_as_root() {
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(pool.clone());
        h.settled().await;
        println!("{:?}", pool.start(serve));
        println!("{}", h.snapshot().await);
    });
}
#[test]
fn stop_leaked() {
    let pool = Pool::new();
    let p = pool.clone();
    let kept = Arc::new(Mutex::new(None));
    Harness::run(None, |h| async move {
        let keeps = kept.clone();
        h.start(
            runnable(move |ctx: Context| {
                let pool = p.clone();
                let keeps = keeps.clone();
                async move {
                    ctx.run("pool", pool.clone())?;
                    ctx.healthy();
                    let task = pool
                        .task(move |ctx: Context| async move {
                            *keeps.lock() = Some(ctx.hold("file").unwrap());
                            ctx.healthy();
                            ctx.cancelled().await;
                            Ok::<_, String>(7)
                        })
                        .unwrap();
                    ctx.cancelled().await;
                    println!("result {:?}", task.await);
                    Ok::<_, RunError>(())
                }
            })
            .grace(S * 60),
        );
        h.settled().await;
        println!("{} at {:?}", h.stop().await.unwrap(), h.now());
    });
}
#[test]
fn plain_child_ended_in_cleanup() {
    for fall in [false, true] {
        Harness::run(None, |h| async move {
            h.start(move |ctx: Context| async move {
                ctx.run(
                    "sup",
                    runnable(|ctx: Context| async move {
                        let child = ctx.run("child", |ctx: Context| async move {
                            serve(ctx).await;
                            sleep(S).await;
                            Err::<(), _>("x")
                        })?;
                        ctx.healthy();
                        ctx.cancelled().await;
                        println!("ended {:?}", child.ended().await);
                        Ok::<_, RunError>(())
                    })
                    .restart(Restart::Temporary),
                )?;
                serve(ctx).await;
                Ok::<_, RunError>(())
            });
            h.settled().await;
            if fall {
                h.wait(h.tree().node("root.sup").restart()).await.unwrap();
            } else {
                println!("{}", h.stop().await.unwrap());
            }
            println!("{:?}", h.now());
            assert_eq!(h.now(), S);
        });
    }
}
