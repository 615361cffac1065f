//! One start of a program.
//!
//! The standard library starts a program without copying our memory as long as nothing has to be
//! done between fork and exec: a process group of its own, a directory and pipes are within that.
//! What is more goes through the stage.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command as System, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::getsid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::tcsetwinsize;

use super::cgroup::Cgroup;
use super::command::{Command, Environment, Output, Scope, Stdin, TerminalSize};
use super::containment::Containment;
use super::error::StartError;
use super::guard;
use super::keeper::{Identity, Pipes};
use super::lookup;
use super::stage::{self, Plan};
use super::table::Row;

/// How long the stage may take to become the program.
const STAGE_MAX: Duration = Duration::from_secs(30);

/// A program that runs, and our ends of all that it was given.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) identity: Identity,
    pub(super) pipes: Pipes,
    pub(super) raw: Raw,
    pub(super) terminal: Option<OwnedFd>,
    pub(super) cgroup: Option<Cgroup>,
    pub(super) containment: Containment,
}

/// Our ends of the outputs that somebody else reads.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// A pipe to us from what will be the program.
struct Pipe {
    ours: OwnedFd,
    theirs: OwnedFd,
}

/// What the stage is told, with what belongs to that.
struct Staging {
    status: Pipe,
    ready: Option<Pipe>,
    cgroup: Option<Cgroup>,
    plan: Plan,
}

pub(super) fn spawn(command: &Command, key: u64) -> Result<Spawned, StartError> {
    let file = lookup::find(command)?;
    let containment = check(command)?;
    let system_said = |error| StartError::of_system(command.name(), error);
    let cgroup = match containment {
        Containment::Cgroup => guard::cgroup_for(key).map_err(system_said)?,
        Containment::Guard | Containment::ProcessGroup => None,
    };
    let spawned = spawn_in(command, file, cgroup.clone());
    if let (Err(_), Some(cgroup)) = (&spawned, cgroup) {
        cgroup.kill();
        cgroup.remove();
    }
    spawned.map(|spawned| Spawned {
        containment,
        ..spawned
    })
}

/// Whether the program can be started from here as it wants to be.
fn check(command: &Command) -> Result<Containment, StartError> {
    if ignores_sigchld() {
        return Err(StartError::SigchldIgnored);
    }
    let needs = [
        (command.terminal.is_some(), "a terminal"),
        (command.ready.needs_descriptor(), "a ready descriptor"),
    ];
    let missing = needs.into_iter().find(|(needed, _)| *needed);
    if let Some((_, what)) = missing.filter(|_| !guard::is_installed()) {
        return Err(StartError::NeedsGuard { what });
    }
    let present = level(command);
    if present < command.required {
        return Err(StartError::Uncontained {
            program: command.name(),
            required: command.required,
            present,
        });
    }
    Ok(present)
}

/// How well the program can be contained. What a leader leaves is to live on, so that is not put
/// into a group that is killed.
pub(super) fn level(command: &Command) -> Containment {
    match command.scope {
        Scope::Group => guard::containment(),
        Scope::Leader => guard::containment().min(Containment::Guard),
    }
}

/// Whether the system reaps our children by itself, so that nobody learns how they ended.
fn ignores_sigchld() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = 1 << (Signal::CHILD.as_raw() - 1);
    ignored.is_some_and(|mask| mask & bit != 0)
}

fn spawn_in(
    command: &Command,
    file: PathBuf,
    cgroup: Option<Cgroup>,
) -> Result<Spawned, StartError> {
    let system_said = |error: io::Error| StartError::of_system(command.name(), error);
    let is_staged =
        cgroup.is_some() || command.terminal.is_some() || command.ready.needs_descriptor();
    let staging = is_staged.then(|| Staging::new(command, cgroup));
    let staging = staging.transpose().map_err(system_said)?;
    let mut system = match &staging {
        Some(staging) => staged(command, file, &staging.plan),
        None => direct(command, file),
    };
    let terminal = command.terminal.map(open_terminal).transpose();
    let terminal = terminal.map_err(system_said)?;
    wire(command, &mut system, terminal.as_ref()).map_err(system_said)?;
    let spawned = with_empty_mask(|| system.spawn());
    let mut child = spawned.map_err(|error| lookup::judge(command, error))?;
    // With our copies of its terminal's ends, which would keep it open.
    drop(system);
    let terminal = terminal.map(|terminal| terminal.ours);
    let taken = take(command, &mut child, staging, terminal);
    let pid = Pid::from_child(&child);
    if taken.is_err() && is_child(pid) {
        // Nobody else knows of it, nor of what it may have started by now.
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = child.kill();
        let _ = child.wait();
    }
    taken
}

/// Whether it is ours and unreaped: if not, the number may be a stranger's.
fn is_child(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(pid), options), Err(Errno::CHILD))
}

/// Finds out who the program is, and that it runs.
fn take(
    command: &Command,
    child: &mut Child,
    staging: Option<Staging>,
    terminal: Option<OwnedFd>,
) -> Result<Spawned, StartError> {
    let system_said = |error: io::Error| StartError::of_system(command.name(), error);
    let pid = Pid::from_child(child);
    let lost = || StartError::Lost {
        program: command.name(),
    };
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| match errno {
        Errno::SRCH => lost(),
        errno => system_said(errno.into()),
    })?;
    let (ready, cgroup) = match staging {
        Some(staging) => staging.wait(command, &pidfd)?,
        None => (None, None),
    };
    let row = Row::ask(pid.as_raw_nonzero().get());
    if !is_child(pid) {
        return Err(lost());
    }
    let row = row.and_then(|row| row.ok_or_else(|| io::Error::other("it is not in /proc")));
    let row = row.map_err(system_said)?;
    let session = match terminal {
        Some(_) => row.pid,
        // What the program is born into; it may have made one of its own since. In a namespace ours
        // may be one from outside: 0, which not all wrappers of this call can bear.
        None => getsid(None).map_or(row.session, nix::unistd::Pid::as_raw),
    };
    let mut pipes = ours(child, ready, terminal.as_ref()).map_err(system_said)?;
    let raw = Raw::of(command, &mut pipes);
    Ok(Spawned {
        identity: Identity {
            id: row.id(),
            pid,
            session,
            pidfd: Arc::new(pidfd),
        },
        pipes,
        raw,
        terminal,
        cgroup,
        containment: Containment::ProcessGroup,
    })
}

fn direct(command: &Command, file: PathBuf) -> System {
    let mut system = System::new(file);
    system.arg0(&command.program).args(&command.args);
    system.process_group(0);
    surround(command, &mut system);
    system
}

fn staged(command: &Command, file: PathBuf, plan: &Plan) -> System {
    let mut system = System::new(guard::SELF);
    system.arg0("perennial-stage").args(plan.to_args());
    system.arg(file).arg(&command.program).args(&command.args);
    // With a terminal it makes a session of its own, which the leader of a group may not.
    if command.terminal.is_none() {
        system.process_group(0);
    }
    surround(command, &mut system);
    system.env(guard::ROLE, "stage");
    system
}

/// Sets the environment and the directory.
fn surround(command: &Command, system: &mut System) {
    if command.environment.is_clean {
        system.env_clear();
    } else {
        for name in Environment::OURS.into_iter().chain([guard::ROLE]) {
            system.env_remove(name);
        }
    }
    for (name, value) in &command.environment.changes {
        match value {
            Some(value) => system.env(name, value),
            None => system.env_remove(name),
        };
    }
    if let Some(directory) = command.directory() {
        system.current_dir(directory);
    }
}

/// Connects the program with us, or with its terminal.
fn wire(command: &Command, system: &mut System, terminal: Option<&Pipe>) -> io::Result<()> {
    if let Some(Pipe { theirs, .. }) = terminal {
        system.stdin(theirs.try_clone()?);
        system.stdout(theirs.try_clone()?);
        system.stderr(theirs.try_clone()?);
        return Ok(());
    }
    system.stdin(match command.stdin {
        Stdin::Null => Stdio::null(),
        Stdin::Inherit => Stdio::inherit(),
        Stdin::Piped => Stdio::piped(),
    });
    let output = |plan| match plan {
        Output::Null => Stdio::null(),
        Output::Inherit => Stdio::inherit(),
        Output::Piped | Output::Raw => Stdio::piped(),
    };
    system.stdout(output(command.stdout));
    system.stderr(output(command.stderr));
    Ok(())
}

/// Takes our ends, none of which ever waits.
fn ours(
    child: &mut Child,
    ready: Option<OwnedFd>,
    terminal: Option<&OwnedFd>,
) -> io::Result<Pipes> {
    let mut pipes = Pipes {
        stdin: child.stdin.take().map(Into::into),
        stdout: child.stdout.take().map(Into::into),
        stderr: child.stderr.take().map(Into::into),
        ready,
        is_terminal: terminal.is_some(),
    };
    if let Some(terminal) = terminal {
        pipes.stdin = Some(terminal.try_clone()?);
        pipes.stdout = Some(terminal.try_clone()?);
    }
    let all = [&pipes.stdin, &pipes.stdout, &pipes.stderr, &pipes.ready];
    for fd in all.into_iter().flatten() {
        ioctl_fionbio(fd, true)?;
    }
    Ok(pipes)
}

fn open_terminal(size: TerminalSize) -> io::Result<Pipe> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    unlockpt(&ours)?;
    tcsetwinsize(&ours, size.to_system())?;
    let theirs = ioctl_tiocgptpeer(&ours, flags)?;
    Ok(Pipe { ours, theirs })
}

/// Does this with no signal blocked, for a child that inherits that.
fn with_empty_mask<T>(act: impl FnOnce() -> T) -> T {
    let before = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let done = act();
    let restored = before.and_then(|before| before.thread_set_mask());
    debug_assert!(restored.is_ok(), "both masks are valid");
    done
}

impl Raw {
    /// Takes out what the keeper is not to read.
    fn of(command: &Command, pipes: &mut Pipes) -> Self {
        let is_raw = |plan| plan == Output::Raw && !pipes.is_terminal;
        let (of_stdout, of_stderr) = (is_raw(command.stdout), is_raw(command.stderr));
        Self {
            stdout: pipes.stdout.take_if(|_| of_stdout),
            stderr: pipes.stderr.take_if(|_| of_stderr),
        }
    }
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Self { ours, theirs })
    }
}

impl Staging {
    fn new(command: &Command, cgroup: Option<Cgroup>) -> io::Result<Self> {
        let status = Pipe::new()?;
        let needs_ready = command.ready.needs_descriptor();
        let ready = needs_ready.then(Pipe::new).transpose()?;
        let plan = Plan {
            owner: std::process::id(),
            status: status.theirs.as_raw_fd(),
            ready: ready.as_ref().map(|pipe| pipe.theirs.as_raw_fd()),
            takes_terminal: command.terminal.is_some(),
            cgroup: cgroup.as_ref().map(|cgroup| cgroup.path().to_owned()),
        };
        Ok(Self {
            status,
            ready,
            cgroup,
            plan,
        })
    }

    /// Waits until the stage has become the program: then the status is at its end.
    fn wait(
        self,
        command: &Command,
        pidfd: &OwnedFd,
    ) -> Result<(Option<OwnedFd>, Option<Cgroup>), StartError> {
        let Pipe { ours, theirs } = self.status;
        let system_said = |error: io::Error| StartError::of_system(command.name(), error);
        let mut word = Vec::new();
        let mut theirs = Some(theirs);
        while let Some(fresh) = read_status(&ours, pidfd).map_err(system_said)? {
            word.extend(fresh);
            // The stage has its own by now, so the end of it can be seen.
            theirs.take();
        }
        match word[..] {
            [stage::HELLO] => Ok((self.ready.map(|pipe| pipe.ours), self.cgroup)),
            [stage::HELLO, what, a, b, c, d] => {
                let error = match i32::from_ne_bytes([a, b, c, d]) {
                    0 => io::Error::other("descriptor 3 is taken"),
                    number => io::Error::from_raw_os_error(number),
                };
                Err(match what {
                    stage::FAILED_EXEC => lookup::judge(command, error),
                    _ => system_said(error),
                })
            }
            _ => Err(system_said(io::Error::other("its stage ended at once"))),
        }
    }
}

/// Reads more of the status; `None` at its end, or when the stage has ended without a word.
fn read_status(status: &OwnedFd, pidfd: &OwnedFd) -> io::Result<Option<Vec<u8>>> {
    let mut fds = [
        PollFd::new(status, PollFlags::IN),
        PollFd::new(pidfd, PollFlags::IN),
    ];
    let timeout = Timespec::try_from(STAGE_MAX).expect("half a minute is a time");
    if poll(&mut fds, Some(&timeout))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    if fds[0].revents().is_empty() {
        return Ok(None);
    }
    let mut word = [0; 8];
    let bytes = rustix::io::read(status, &mut word)?;
    Ok((bytes > 0).then(|| word[..bytes].to_vec()))
}
