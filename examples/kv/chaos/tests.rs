//! Who may be killed, and who is.

use std::{collections::BTreeSet, future::pending};

use perennial::{Supervisor, Tree, What, runnable};

use super::*;

fn path(text: &str) -> Path {
    let names = text.split('.').skip(1);
    names.fold(Path::root(), |path, name| {
        path.child(name.try_into().unwrap())
    })
}

/// A tree of three parts under a chaos that may kill two of them.
fn exposed(chaos: &Arc<Chaos>) -> Supervisor {
    let root = |ctx: Context| async move {
        for part in ["store", "expiry", "reporter"] {
            let backoff = perennial::Backoff::none();
            ctx.run(
                part,
                runnable(|_| pending::<()>())
                    .healthy_at_start()
                    .backoff(backoff),
            )?;
        }
        ctx.done();
        Ok::<(), perennial::RunError>(())
    };
    let chaos = chaos.clone();
    Supervisor::new(root).interpose(move |ctx, run| chaos.clone().expose(ctx, run))
}

/// Kills so many, one after the other, and answers who was.
async fn strike(chaos: &Arc<Chaos>, times: usize) -> Vec<String> {
    let supervisor = exposed(chaos);
    let mut events = supervisor.events();
    let tree: Tree = supervisor.start();
    tree.settled().await;
    for _ in 0..times {
        chaos.clone().strike().await;
        // On one thread the victim has its turn before the tree is asked.
        tree.settled().await;
    }
    tree.stop().await.unwrap();
    let mut killed = Vec::new();
    while let Some(event) = events.next().await {
        let event = event.unwrap();
        if matches!(event.what, What::StartedAgain) {
            killed.push(event.path.to_string());
        }
    }
    killed
}

#[test]
fn parts_are_known_by_their_paths() {
    for (text, part) in [
        ("root.store", Some(Part::Store)),
        ("root.expiry", Some(Part::Expiry)),
        ("root.reporter", Some(Part::Reporter)),
        ("root.listener", Some(Part::Listener)),
        ("root.connections.7", Some(Part::Connection)),
        ("root.connections", None),
        ("root.chaos", None),
        ("root", None),
    ] {
        assert_eq!(Part::at(&path(text)), part, "{text}");
    }
}

#[tokio::test]
async fn each_strike_kills_one_of_the_parts_that_were_chosen() {
    let chaos = Chaos::new(
        Duration::from_millis(1),
        vec![Part::Store, Part::Expiry],
        Some(7),
    );
    let chaos = Arc::new(chaos);
    let killed = strike(&chaos, 50).await;
    assert_eq!((killed.len(), chaos.kills()), (50, 50));
    let different: BTreeSet<_> = killed.iter().map(String::as_str).collect();
    assert_eq!(different, BTreeSet::from(["root.expiry", "root.store"]));
}

#[tokio::test]
async fn a_seed_repeats_who_is_killed() {
    let chaos = || {
        let parts = vec![Part::Store, Part::Expiry, Part::Reporter];
        Arc::new(Chaos::new(Duration::from_millis(1), parts, Some(7)))
    };
    assert_eq!(strike(&chaos(), 50).await, strike(&chaos(), 50).await);
}
