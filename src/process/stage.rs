//! The stage: what has to be done in a program's place before it runs.
//!
//! Other libraries do this between fork and exec, where next to nothing is allowed and a big heap
//! makes the fork slow. Here it is a whole process: our own binary, started in the fast way, which
//! becomes the program by an exec. Its process number, its parent and its pipes are the program's.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::PathBuf;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{ioctl_tiocsctty, setsid};

use super::cgroup::Cgroup;
use super::guard::ROLE;

/// The number that a program expects its ready descriptor to have.
const READY: RawFd = 3;
/// Says to the owner that the stage is on its way.
pub(super) const HELLO: u8 = 1;
/// Says that what comes next is the number of an error, of the exec or of what was before it.
pub(super) const FAILED_EXEC: u8 = 2;
pub(super) const FAILED_BEFORE: u8 = 3;

/// What is to be done, as it is passed in the first arguments; those of the program follow.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Who starts the program, and has the descriptors.
    pub(super) owner: u32,
    /// The descriptor of our owner where a failure is told; the exec closes it.
    pub(super) status: RawFd,
    /// That where the program says that it is ready.
    pub(super) ready: Option<RawFd>,
    /// Whether standard input is to be the terminal of a session of its own.
    pub(super) takes_terminal: bool,
    pub(super) cgroup: Option<PathBuf>,
}

const FIELDS: usize = 5;

impl Plan {
    pub(super) fn to_args(&self) -> [OsString; FIELDS] {
        [
            self.owner.to_string().into(),
            self.status.to_string().into(),
            self.ready
                .map(|fd| fd.to_string())
                .unwrap_or_default()
                .into(),
            if self.takes_terminal { "terminal" } else { "" }.into(),
            self.cgroup.clone().unwrap_or_default().into(),
        ]
    }

    fn from_args(args: &[OsString; FIELDS]) -> Option<Self> {
        let [owner, status, ready, terminal, cgroup] = args;
        let number = |text: &OsStr| text.to_str()?.parse().ok();
        Some(Self {
            owner: owner.to_str()?.parse().ok()?,
            status: number(status)?,
            ready: number(ready),
            takes_terminal: terminal == "terminal",
            cgroup: (!cgroup.is_empty()).then(|| cgroup.into()),
        })
    }
}

/// Prepares everything and becomes the program. If it returns, it has failed, and has told why.
pub(super) fn play() -> i32 {
    let mut args = env::args_os().skip(1);
    let plan = std::array::from_fn(|_| args.next().unwrap_or_default());
    let Some(plan) = Plan::from_args(&plan) else {
        return 2;
    };
    // Before the status is opened, whose number would be in the way.
    let ready = plan.ready.map(|fd| take_ready(plan.owner, fd)).transpose();
    let Ok(mut status) = owners(plan.owner, plan.status) else {
        return 2;
    };
    let hello = status.write_all(&[HELLO]);
    let prepared = hello.and(ready).and_then(|ready| {
        prepare(&plan)?;
        Ok(ready)
    });
    let (what, error) = match prepared {
        Err(error) => (FAILED_BEFORE, error),
        Ok(_ready) => (FAILED_EXEC, become_program(args)),
    };
    let number = error.raw_os_error().unwrap_or_default().to_ne_bytes();
    let _ = status.write_all(&[&[what], &number[..]].concat());
    1
}

fn prepare(plan: &Plan) -> io::Result<()> {
    if let Some(cgroup) = &plan.cgroup {
        Cgroup::at(cgroup.clone()).enter()?;
    }
    if plan.takes_terminal {
        setsid()?;
        ioctl_tiocsctty(io::stdin().as_fd())?;
    }
    Ok(())
}

/// Becomes the program, or says why not.
fn become_program(mut args: impl Iterator<Item = OsString>) -> io::Error {
    let (file, name) = (
        args.next().unwrap_or_default(),
        args.next().unwrap_or_default(),
    );
    let mut program = Command::new(file);
    program.arg0(name).args(args).env_remove(ROLE).exec()
}

/// The writing end of a pipe that our owner has, which is our parent. If it is not, our owner has
/// died: we have another by now, whose descriptors are none of our business.
fn owners(owner: u32, fd: RawFd) -> io::Result<File> {
    if parent_id() != owner {
        return Err(io::ErrorKind::NotFound.into());
    }
    let path = format!("/proc/{owner}/fd/{fd}");
    OpenOptions::new().write(true).open(path)
}

/// The owner's ready descriptor, under the number that the program expects, and open for it.
fn take_ready(owner: u32, fd: RawFd) -> io::Result<OwnedFd> {
    let ready = OwnedFd::from(owners(owner, fd)?);
    if ready.as_raw_fd() != READY {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fcntl_setfd(&ready, FdFlags::empty())?;
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_from_its_arguments() {
        // L7. What the stage does is what was planned.
        let plans = [
            Plan {
                owner: 7,
                status: 9,
                ..Plan::default()
            },
            Plan {
                owner: 8,
                status: 10,
                ready: Some(11),
                takes_terminal: true,
                cgroup: Some(PathBuf::from("/a b/c")),
            },
        ];
        for plan in plans {
            assert_eq!(Plan::from_args(&plan.to_args()), Some(plan));
        }
        assert_eq!(Plan::from_args(&Default::default()), None);
    }
}
