//! The guard, seen from the process that it guards.
//!
//! The guard is our own binary again, which `guard()` makes out at the head of `main`. It reads
//! from a pipe who is to be ended, and the end of the pipe, which comes with ours, is the word to
//! do it.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio, exit};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};

use super::cgroup::Cgroup;
use super::containment::Containment;
use super::keeper::block_signals;
use super::stage;
use super::table::{ProcessId, Row};
use super::watchman;

/// Says what this process is, when it is not what its binary seems to be.
pub(super) const ROLE: &str = "PERENNIAL_PROCESS_ROLE";
/// The binary that we are, even if its file is replaced.
pub(super) const SELF: &str = "/proc/self/exe";

/// A guard that lives shorter than this is not replaced at once.
const LIFE_MIN: Duration = Duration::from_secs(1);

static GUARD: OnceLock<Guarding> = OnceLock::new();

/// What this process has told its guard.
struct Guarding {
    cgroup: Option<Cgroup>,
    wards: Mutex<Wards>,
}

struct Wards {
    /// The way to the present guard; none while there is no guard.
    pipe: Option<ChildStdin>,
    /// The number of the guard that the way leads to.
    guard: Option<Pid>,
    /// The leaders to be ended with us, with their sessions.
    leaders: BTreeMap<ProcessId, i32>,
}

/// Sees to it that programs do not outlive this process, however it ends. The first line of `main`.
///
/// It starts a small process, the guard: this binary once more, which waits for our end and then
/// ends all programs. If this process may make control groups (version 2), programs are put into
/// one, so that nothing of them escapes. It returns how well that went, as
/// [`containment`] does later.
///
/// It comes first because the binary is started again for the guard, and for a moment in the place
/// of some programs: to give them a terminal, a ready descriptor or their control group before they
/// run. Then this function does that and does not return, and nothing before it should have been
/// done.
///
/// A guard that dies is replaced. Calling it again changes nothing.
///
/// # Examples
///
/// ```no_run
/// use perennial::process::{self, Containment};
///
/// fn main() {
///     if process::guard() < Containment::Guard {
///         eprintln!("programs may outlive this process");
///     }
///     // .. build a runtime, run a tree ..
/// }
/// ```
pub fn guard() -> Containment {
    match env::var(ROLE).as_deref() {
        Ok("guard") => exit(watchman::watch()),
        Ok("stage") => exit(stage::play()),
        Ok(_) | Err(_) => {}
    }
    if GUARD.get().is_none() {
        // Without a guard there are process groups, which `containment` tells.
        let _ = install();
    }
    containment()
}

/// How well programs are contained that are started now.
#[must_use]
pub fn containment() -> Containment {
    match GUARD.get() {
        None => Containment::ProcessGroup,
        Some(guarding) if guarding.wards.lock().pipe.is_none() => Containment::ProcessGroup,
        Some(guarding) if guarding.cgroup.is_none() => Containment::Guard,
        Some(_) => Containment::Cgroup,
    }
}

/// Whether this binary makes roles out.
pub(super) fn is_installed() -> bool {
    GUARD.get().is_some()
}

/// Makes the control group for a program.
pub(super) fn cgroup_for(key: u64) -> io::Result<Option<Cgroup>> {
    let cgroup = GUARD.get().and_then(|guarding| guarding.cgroup.as_ref());
    cgroup.map(|cgroup| cgroup.child(key)).transpose()
}

/// Has the guard end this leader, too.
pub(super) fn remember(leader: ProcessId, session: i32) {
    if let Some(guarding) = GUARD.get() {
        let mut wards = guarding.wards.lock();
        wards.leaders.insert(leader, session);
        wards.tell(&added(leader, session));
    }
}

/// The leader is about to be reaped, and its number to be free.
pub(super) fn forget(leader: ProcessId) {
    if let Some(guarding) = GUARD.get() {
        let mut wards = guarding.wards.lock();
        if wards.leaders.remove(&leader).is_some() {
            wards.tell(&format!("- {} {}\n", leader.pid(), leader.started()));
        }
    }
}

fn install() -> io::Result<()> {
    let own = i32::try_from(std::process::id()).ok().and_then(Row::read);
    let own = own.ok_or(ErrorKind::NotFound)?;
    let cgroup = Cgroup::of_this_process(own.id()).ok();
    let guarding = Guarding {
        cgroup,
        wards: Mutex::new(Wards {
            pipe: None,
            guard: None,
            leaders: BTreeMap::new(),
        }),
    };
    let child = guarding.start_guard().inspect_err(|_| {
        guarding.cgroup.as_ref().map(Cgroup::remove);
    })?;
    if GUARD.set(guarding).is_ok() {
        let name = "perennial-guard".to_owned();
        thread::Builder::new().name(name).spawn(move || {
            block_signals();
            replace_for_ever(child);
        })?;
    }
    Ok(())
}

/// Waits for the guard's end and starts another. It ends before us only by accident.
fn replace_for_ever(mut child: Child) {
    loop {
        let begun = Instant::now();
        let ended = child.wait();
        let guarding = GUARD.get().expect("it was set before this thread began");
        guarding.wards.lock().pipe = None;
        tracing::warn!(target: "perennial::process", ?ended, "the guard has ended: another begins");
        thread::sleep(LIFE_MIN.saturating_sub(begun.elapsed()));
        child = loop {
            match guarding.start_guard() {
                Ok(child) => break child,
                Err(error) => {
                    tracing::error!(target: "perennial::process", %error, "there is no guard");
                    thread::sleep(LIFE_MIN);
                }
            }
        };
    }
}

impl Guarding {
    /// Starts a guard and tells it everything.
    fn start_guard(&self) -> io::Result<Child> {
        let mut child = Command::new(SELF)
            .arg0("perennial-guard")
            .env(ROLE, "guard")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut wards = self.wards.lock();
        wards.pipe = child.stdin.take();
        wards.guard = Some(Pid::from_child(&child));
        if let Some(cgroup) = &self.cgroup {
            wards.tell(&format!("cgroup {}\n", cgroup.path().display()));
        }
        let leaders: String = wards
            .leaders
            .iter()
            .map(|(id, at)| added(*id, *at))
            .collect();
        wards.tell(&leaders);
        if let Some(pipe) = &wards.pipe {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(child)
    }
}

impl Wards {
    /// Tells the guard. One that cannot hear is dead, and one that does not listen, because it is
    /// suspended, must hold nobody up: either is replaced, and the next is told everything.
    fn tell(&mut self, words: &str) {
        let Some(pipe) = &mut self.pipe else {
            return;
        };
        let Err(error) = pipe.write_all(words.as_bytes()) else {
            return;
        };
        let deaf = self.guard.filter(|_| error.kind() == ErrorKind::WouldBlock);
        if let Some(guard) = deaf {
            // While the pipe is full somebody has its other end, so the number is still the
            // guard's. It dies before it sees the end of the pipe, which means that we are dead.
            let _ = kill_process(guard, Signal::KILL);
        }
        self.pipe = None;
    }
}

fn added(leader: ProcessId, session: i32) -> String {
    format!("+ {} {} {session}\n", leader.pid(), leader.started())
}
