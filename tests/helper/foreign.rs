//! Go's build cache, as somebody else has written it.

use std::fs;

use bytes::Bytes;
use perennial::helper::CloseAnswer;
use perennial::helper::gocache::GoCache;
use perennial::process::Command;
use perennial::store::Digest;
use tempfile::TempDir;

use crate::common::alone;
use crate::guest;

/// The program, which is given no network: it tells its makers of each start.
fn depot(folder: &TempDir) -> Command {
    for shelf in 0..=u8::MAX {
        let shelf = folder.path().join(format!("{shelf:02x}"));
        fs::create_dir(shelf).expect("there is room");
    }
    let command = guest::command("unshare", folder.path()).arg("--net");
    let command = match rustix::process::geteuid().is_root() {
        true => command,
        false => command.arg("--map-root-user"),
    };
    let command = command.arg(guest::find("depot"));
    let command = command.args(["gocache", "--token", "none", "--dir"]);
    command.arg(folder.path())
}

#[test]
fn a_cache_of_others_is_asked_and_killed_and_asked_again() {
    // Helper_24 and 33, of a program that knows nothing of us.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let cache = GoCache::new(depot(&folder));
        let tree = guest::run(cache.helper());
        let known = cache.helper().capabilities().await.unwrap();
        assert!(known.get && known.put && known.close, "{known:?}");

        for size in [0, 1, 4096, 3_000_000] {
            let body: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
            let action = Digest::of(&size.to_le_bytes()).as_bytes().to_vec();
            let output = Digest::of(&body).as_bytes().to_vec();
            assert_eq!(cache.get(&action).await.unwrap(), None);
            let put = cache.put(&action, &output, Bytes::from(body.clone()));
            let path = put.await.unwrap().unwrap();
            assert!(fs::read(path).unwrap() == body, "{size} bytes");

            let (entry, ()) = tokio::join!(cache.get(&action), guest::kill(cache.helper()));
            // It may have been answered in time: then the next program is asked.
            drop(entry.unwrap());
            let entry = cache.get(&action).await.unwrap().unwrap();
            assert_eq!((entry.output, entry.size), (output, u64::from(size)));
            assert!(fs::read(entry.path).unwrap() == body, "{size} bytes");
        }
        assert_eq!(guest::restarts(&tree).await, 4);

        let report = cache.close().await.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.answer, CloseAnswer::Closed);
        assert_eq!(report.gone.exit.code(), Some(0));
        drop(tree.stop().await);
    });
}
