//! Finding the file to run, and saying what is wrong when it cannot be run.
//!
//! The system has one answer, "no such file", for a program, a directory and an interpreter that
//! are missing, so we look for ourselves. A path besides keeps the spawn on its fast way: with a
//! name and an environment of its own the standard library would fork.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{self, Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::command::Command;
use super::error::StartError;

/// Finds the file of the program.
pub(super) fn find(command: &Command) -> Result<PathBuf, StartError> {
    let program = command.name();
    if command.holds_nul() {
        return Err(StartError::Nul { program });
    }
    if let Some(directory) = command.directory().filter(|path| !path.is_dir()) {
        let directory = directory.to_owned();
        return Err(StartError::DirectoryMissing { program, directory });
    }
    let base = base(command);
    let name = command.program.as_os_str();
    if name.as_bytes().contains(&b'/') {
        let path = base.join(name);
        return match look(&path) {
            Found::Runs => Ok(path),
            Found::Denied => Err(StartError::Denied { program }),
            Found::Nothing => Err(StartError::ProgramMissing { program }),
        };
    }
    search(command, name, &base)
}

/// Where the relative paths of the program start, as they are seen from here: it is run in its
/// directory, where one that is relative to ours would lead elsewhere. Empty if that is ours.
fn base(command: &Command) -> PathBuf {
    let Some(directory) = command.directory() else {
        return PathBuf::new();
    };
    path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}

fn search(command: &Command, name: &OsStr, base: &Path) -> Result<PathBuf, StartError> {
    let own = command.environment.said("PATH").map(OsStr::to_owned);
    let path = own.or_else(|| env::var_os("PATH")).unwrap_or_default();
    let mut was_denied = false;
    for folder in env::split_paths(&path).filter(|_| !name.is_empty()) {
        // An empty or relative folder starts where the program will.
        let folder = base.join(folder);
        let file = folder.join(name);
        match look(&file) {
            // Without a slash it would be looked for once more.
            Found::Runs if folder.as_os_str().is_empty() => return Ok(Path::new(".").join(file)),
            Found::Runs => return Ok(file),
            Found::Denied => was_denied = true,
            Found::Nothing => {}
        }
    }
    let program = command.name();
    Err(match was_denied {
        true => StartError::Denied { program },
        false => StartError::ProgramMissing { program },
    })
}

enum Found {
    Runs,
    Denied,
    Nothing,
}

fn look(path: &Path) -> Found {
    match path.metadata() {
        Ok(meta) if meta.is_dir() => Found::Denied,
        Ok(_) if access(path, Access::EXEC_OK).is_ok() => Found::Runs,
        Ok(_) => Found::Denied,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::Denied,
        Err(_) => Found::Nothing,
    }
}

/// What the system meant when it refused to run a file that we had found.
pub(super) fn judge(command: &Command, error: io::Error) -> StartError {
    let program = command.name();
    let not_executable = |why| StartError::NotExecutable {
        program: command.name(),
        why,
    };
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        None if error.kind() == io::ErrorKind::InvalidInput => StartError::Nul { program },
        Some(Errno::NOENT | Errno::NOTDIR) => not_executable("its interpreter is missing"),
        Some(Errno::NOEXEC) => not_executable("the system knows no such format"),
        Some(Errno::ACCESS | Errno::PERM) => StartError::Denied { program },
        Some(Errno::TOOBIG) => StartError::TooLong { program },
        Some(_) | None => StartError::of_system(program, error),
    }
}
