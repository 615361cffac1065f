//! References that are duplicated, closed, upgraded and taken at once, with a releaser and without.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use perennial::resource::{CloseExclusiveError, Closed, Release, Releaser, Shared, WeakShared};
use perennial::{Context, RunError};
use shuttle::future::{JoinHandle, spawn, yield_now};

use crate::explore::explore;
use crate::site::{pause, pick};
use crate::world::World;

/// What became of a value.
#[derive(Clone, Default)]
struct Fate(Arc<[AtomicUsize; 3]>);

impl Fate {
    fn count(&self, which: usize) {
        self.0[which].fetch_add(1, Ordering::Relaxed);
    }

    fn all(&self) -> [usize; 3] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

const RELEASED: usize = 0;
const DROPPED: usize = 1;
/// Closes that were told that theirs was the last.
const LAST: usize = 2;

/// A value that notes how it ends.
struct Value(Fate);

impl Release for Value {
    type Error = Infallible;

    async fn release(self) -> Result<(), Infallible> {
        pause();
        self.0.count(RELEASED);
        Ok(())
    }

    fn release_now(self) {
        pause();
        self.0.count(RELEASED);
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.count(DROPPED);
    }
}

impl Value {
    /// Sees that it is there: in use, it is neither released nor dropped.
    fn check(&self) {
        pause();
        assert_eq!(self.0.all()[..2], [0, 0], "L9: it is used after its end");
    }
}

/// Has one reference, does something with it, and lets go of it in some way.
async fn act(one: Shared<Value>, fate: Fate) {
    let one = match pick(4) {
        0 => {
            let other = one.dup();
            spawn(async move { other.check() });
            one
        }
        1 => {
            let part: Shared<Value> = one.dup().project(|value| value);
            part.check();
            one
        }
        _ => one,
    };
    one.check();
    match pick(4) {
        0 => drop(one),
        1 => match one.close_exclusive().await {
            Ok(()) => fate.count(LAST),
            Err(CloseExclusiveError::InUse(still)) => {
                assert!(still.others() > 0);
                still.into_reference().check();
            }
            Err(other) => drop(other),
        },
        2 => match one.take_exclusive() {
            // There is no release: its drop is for the caller.
            Ok(value) => value.0.count(RELEASED),
            Err(refused) => refused.into_reference().check(),
        },
        _ => {
            if let Ok(Closed::Released) = one.close().await {
                fate.count(LAST);
                assert_eq!(fate.all()[RELEASED], 1, "L9: told before it was");
            }
        }
    }
}

/// Upgrades now and then.
async fn look(weak: WeakShared<Value>) {
    for _ in 0..2 {
        if let Some(one) = weak.upgrade() {
            one.check();
        }
        yield_now().await;
    }
}

/// Three that act and one that looks, at once.
fn scuffle(one: Shared<Value>, fate: &Fate) -> Vec<JoinHandle<()>> {
    let weak = one.downgrade();
    let looks = spawn(look(weak));
    let others = [one.dup(), one.dup(), one];
    let acts = others.map(|one| spawn(act(one, fate.clone())));
    acts.into_iter().chain([looks]).collect()
}

async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("it is not aborted");
    }
}

#[test]
fn a_value_is_released_once_and_never_while_it_is_used() {
    // L9. Without a releaser, hence at once, by whoever lets go of it last.
    explore(async || {
        let (releaser, fate) = (Releaser::new(), Fate::default());
        all(scuffle(releaser.open("one", Value(fate.clone())), &fate)).await;
        while !releaser.live().is_empty() {
            yield_now().await;
        }
        assert_eq!(fate.all()[..2], [1, 1], "L9: released and dropped once");
    });
}

#[test]
fn each_of_the_others_is_told_another_number() {
    // L9. As if they had closed one after the other.
    explore(async || {
        let releaser = Releaser::untracked();
        let one = releaser.open("one", Value(Fate::default()));
        let all = [one.dup(), one.dup(), one];
        let closing = all.map(|one| spawn(one.close()));
        let mut left = Vec::new();
        for closing in closing {
            match closing.await.expect("it is not aborted") {
                Ok(Closed::NotLast { left: others }) => left.push(others),
                // The last one, without a releaser.
                Err(_) => left.push(0),
                Ok(_) => unreachable!("there is no releaser"),
            }
        }
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2]);
    });
}

type Declared = BoxFuture<'static, Result<(), RunError>>;

/// A root with a releaser.
fn root(releaser: &Releaser) -> impl Fn(Context) -> Declared + Send + Sync + 'static + use<> {
    let node = releaser.node();
    move |ctx: Context| {
        let declared = ctx.run("releaser", node.clone());
        Box::pin(async move {
            declared?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        })
    }
}

/// Ends the tree in one of the ways there are. A node that provides serves until its turn, so what
/// it starts is below what was told to stop; the laws that other races are held to know no such.
async fn end(world: World) {
    let World { tree, hand, log } = world;
    match pick(3) {
        0 => drop(tree.stop().await),
        1 => drop(tree.stop_within(Duration::ZERO).await),
        _ => {
            let ended = tree.ended();
            drop(tree);
            drop(ended.await);
        }
    }
    drop((hand, log));
}

#[test]
fn nothing_is_lost_on_the_way_to_a_releaser_that_starts_and_stops() {
    // L3, L9. Whoever was last is told, and the value is released or taken, whatever the tree does.
    explore(async || {
        let (releaser, fate) = (Releaser::new(), Fate::default());
        let root = root(&releaser);
        let parent = releaser.open("parent", Value(Fate::default()));
        let child = parent.derive("child", Value(fate.clone()));
        drop(parent);
        let world = World::start(root);
        let tasks = scuffle(child, &fate);
        yield_now().await;
        match pick(3) {
            0 => drop(world.tree.node("root.releaser").terminate().await),
            1 => drop(world.tree.node("root.releaser").restart().await),
            _ => {}
        }
        end(world).await;
        all(tasks).await;
        while !releaser.live().is_empty() {
            yield_now().await;
        }
        let [released, dropped, last] = fate.all();
        assert_eq!(dropped, 1, "L9: dropped once");
        assert!(released <= 1, "L9: released once");
        assert!(last <= 1, "L9: one was last");
    });
}

#[test]
fn a_releaser_drains_before_it_returns() {
    // R10. What is given back in time is released in order, and the stop is plain.
    explore(async || {
        let (releaser, fate) = (Releaser::new(), Fate::default());
        let world = World::start(root(&releaser));
        world.tree.settled().await;
        let one = releaser.open("one", Value(fate.clone()));
        let other = one.dup();
        let closing = spawn(other.close());
        yield_now().await;
        let ending = world.tree.stop();
        drop(one);
        let report = ending.await.expect("a stop is no failure");
        assert!(report.stops.is_empty(), "L9: {report:?}");
        let closed = closing.await.expect("it is not aborted");
        assert!(closed.is_ok(), "L9: {closed:?}");
        while !releaser.live().is_empty() {
            yield_now().await;
        }
        assert_eq!(fate.all()[..2], [1, 1], "L9: released and dropped once");
        drop(world);
    });
}
