//! The spawner: one thread that starts all programs, one after another.
//!
//! A program inherits the signal mask of the thread that starts it, and some ties to its parent
//! are ties to that thread. This one lives as long as the process, and its mask is empty while it
//! starts a program; at other times it leaves all signals to the threads of our user. A file
//! system that hangs holds up it, and no program that runs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::Hold;

use super::cell::{Cell, Grip};
use super::command::Command;
use super::error::StartError;
use super::guard;
use super::handle::Process;
use super::keeper::{Keeper, Kept, Order, block_signals};
use super::spawn::{self, Spawned};
use super::stdin::StdinWriter;

/// A program that somebody wants started.
pub(super) struct Request {
    pub(super) command: Arc<Command>,
    pub(super) cell: Arc<Cell>,
    pub(super) hold: Option<Hold>,
    /// If nobody waits any more, the handle is dropped, which kills the program.
    pub(super) reply: oneshot::Sender<Result<Process, StartError>>,
}

/// Asks the spawner, which is started when it is first asked.
pub(super) fn ask(request: Request) -> Result<(), StartError> {
    static SPAWNER: Mutex<Option<mpsc::Sender<Request>>> = Mutex::new(None);
    let mut spawner = SPAWNER.lock();
    if spawner.is_none() {
        match start() {
            Ok(started) => *spawner = Some(started),
            Err(error) => {
                let error = StartError::of_system(request.command.name(), error);
                request.cell.never_started(error.clone());
                return Err(error);
            }
        }
    }
    // It never returns.
    let _ = spawner.as_ref().map(|spawner| spawner.send(request));
    Ok(())
}

fn start() -> io::Result<mpsc::Sender<Request>> {
    let keeper = Keeper::of_this_process()?;
    let (asked, requests) = mpsc::channel::<Request>();
    let name = "perennial-spawner".to_owned();
    thread::Builder::new().name(name).spawn(move || {
        block_signals();
        for request in requests {
            serve(&keeper, request);
        }
    })?;
    Ok(asked)
}

fn serve(keeper: &Keeper, request: Request) {
    static KEYS: AtomicU64 = AtomicU64::new(0);
    let key = KEYS.fetch_add(1, Ordering::Relaxed);
    let Request {
        command,
        cell,
        hold,
        reply,
    } = request;
    let spawned = catch_unwind(AssertUnwindSafe(|| spawn::spawn(&command, key)));
    let spawned = spawned.unwrap_or_else(|_| {
        let source = io::Error::other("the thread that starts programs panicked");
        Err(StartError::of_system(command.name(), source))
    });
    let started = match spawned {
        Ok(spawned) => Ok(hand_over(keeper, key, &command, cell, spawned, hold)),
        Err(error) => {
            cell.never_started(error.clone());
            drop(hold);
            Err(error)
        }
    };
    drop(reply.send(started));
}

/// Gives a program that runs to the keeper, and makes its handle.
fn hand_over(
    keeper: &Keeper,
    key: u64,
    command: &Command,
    cell: Arc<Cell>,
    spawned: Spawned,
    hold: Option<Hold>,
) -> Process {
    let Spawned {
        identity,
        pipes,
        raw,
        terminal,
        cgroup,
        containment,
    } = spawned;
    guard::remember(identity.id, identity.session);
    let id = identity.id;
    let grip = Grip {
        pid: identity.pid,
        pidfd: identity.pidfd.clone(),
        scope: command.scope,
        terminal,
    };
    cell.started(grip);
    let has_stdin = pipes.stdin.is_some();
    let stdin = has_stdin.then(|| StdinWriter::new(keeper.clone(), key));
    let belongings = (cgroup, hold);
    let kept = Kept::new(key, command, cell.clone(), identity, pipes, belongings);
    keeper.order(Order::Keep(Box::new(kept)));
    let keeper = (keeper.clone(), key);
    Process::new(command.name(), id, containment, cell, keeper, (stdin, raw))
}
