//! Programs that others wrote, as helpers. Each has a folder for all that it keeps.

use std::path::{Path, PathBuf};

use perennial::helper::{Helper, Protocol};
use perennial::process::{Command, Ladder, Signal};
use perennial::{Backoff, Context, RunError, Supervisor, Tree};
use rustix::process::{Pid, kill_process};

use crate::common::{PATIENCE, children};

/// A program of others, with this folder for its home.
pub(crate) fn command(program: &str, folder: &Path) -> Command {
    let command = Command::new(find(program)).current_dir(folder);
    let patient = Ladder::new().close_stdin(PATIENCE);
    let command = command.ladder(patient.signal(Signal::TERM, PATIENCE));
    command.env("HOME", folder).env("TMPDIR", folder)
}

/// Where a program is.
pub(crate) fn find(program: &str) -> PathBuf {
    let found = Command::new(program).look_up();
    found.unwrap_or_else(|error| panic!("{error}: ./tests/run installs it"))
}

/// A tree that runs this helper.
pub(crate) fn run<P: Protocol>(helper: &Helper<P>) -> Tree {
    let declared = helper.clone();
    let root = move |ctx: Context| {
        let node = declared.clone().runnable().backoff(Backoff::none());
        async move {
            ctx.run("guest", node)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    Supervisor::new(root).start()
}

/// Kills the program once it has said hello.
pub(crate) async fn kill<P: Protocol>(helper: &Helper<P>) {
    helper
        .capabilities()
        .await
        .expect("it is installed: ./tests/run does that");
    let killed = children().into_iter().filter_map(Pid::from_raw);
    for pid in killed {
        kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
    }
}

/// How often the program was started again, once it is up.
pub(crate) async fn restarts(tree: &Tree) -> u64 {
    tree.settled().await;
    let snapshot = tree.snapshot().await;
    snapshot.find("root.guest").expect("it stands").restarts
}
