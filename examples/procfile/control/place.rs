//! Where the socket is, and that one daemon has it at a time.

use std::env;
use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf, absolute};

use thiserror::Error;
use tokio::net::UnixListener;

use crate::Code;

/// The folder of one file's daemon.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    owner: u32,
}

/// Why there is no place for a socket.
#[derive(Debug, Error)]
pub(crate) enum PlaceError {
    #[error("cannot be read: {0}")]
    NoFile(#[source] io::Error),
    #[error("{} cannot be used: {source}", .path.display())]
    System { path: PathBuf, source: io::Error },
    #[error("{} is not ours alone", .path.display())]
    Foreign { path: PathBuf },
    #[error("it is up already")]
    Taken,
}

impl PlaceError {
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::NoFile(_) | Self::Taken => Code::BadInput,
            Self::System { .. } | Self::Foreign { .. } => Code::Failed,
        }
    }
}

impl Place {
    /// The place of this file, for nobody but us. It is that of its name, under which it is read
    /// again, whatever becomes of the file.
    pub(crate) fn of(file: &Path) -> Result<Self, PlaceError> {
        let file = resolve(file).map_err(PlaceError::NoFile)?;
        // Our own process belongs to who runs it.
        let owner = look(Path::new("/proc/self"), |path| fs::metadata(path))?.uid();
        let above = above(owner)?;
        let folder = above.join(format!("{:016x}", hash(file.as_os_str().as_bytes())));
        for path in [&above, &folder] {
            make_private(path, owner)?;
        }
        let place = Self { folder, owner };
        // The system takes short paths only.
        look(&place.socket(), |path| SocketAddr::from_pathname(path))?;
        Ok(place)
    }

    /// Takes the place until the lock is dropped, or we end.
    pub(crate) fn take(&self) -> Result<File, PlaceError> {
        let lock = self.lock()?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(PlaceError::Taken),
            Err(TryLockError::Error(source)) => {
                let path = self.folder.clone();
                Err(PlaceError::System { path, source })
            }
        }
    }

    /// The file that a daemon has locked as long as it lives.
    pub(super) fn lock(&self) -> Result<File, PlaceError> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        look(&self.folder.join("lock"), |path| options.open(path))
    }

    /// Listens at the socket.
    pub(super) fn listen(&self) -> Result<UnixListener, PlaceError> {
        look(&self.socket(), |path| {
            // What a daemon left that was killed; nobody else has the place.
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => UnixListener::bind(path),
            }
        })
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub(super) const fn owner(&self) -> u32 {
        self.owner
    }
}

/// Does something with a path, and names it if that fails.
fn look<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, PlaceError> {
    act(path).map_err(|source| {
        let path = path.to_owned();
        PlaceError::System { path, source }
    })
}

/// The one name of a file, which need not be there. Links are followed up to its folder.
fn resolve(file: &Path) -> io::Result<PathBuf> {
    let file = absolute(file)?;
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(io::ErrorKind::IsADirectory.into());
    };
    Ok(folder.canonicalize()?.join(name))
}

/// A hash that stays what it is in the next version of us, which may speak to this one.
fn hash(bytes: &[u8]) -> u64 {
    // FNV-1a.
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The folder of all our daemons.
fn above(owner: u32) -> Result<PathBuf, PlaceError> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    let Some(runtime) = runtime.map(PathBuf::from) else {
        return Ok(env::temp_dir().join(format!("perennial-procfile-{owner}")));
    };
    // Whoever owns it could put another folder in the place of ours.
    let is = look(&runtime, |path| fs::metadata(path))?;
    if [owner, 0].contains(&is.uid()) {
        Ok(runtime.join("perennial-procfile"))
    } else {
        Err(PlaceError::Foreign { path: runtime })
    }
}

/// Makes a folder that nobody else may enter, or sees that it is one.
fn make_private(path: &Path, owner: u32) -> Result<(), PlaceError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => look(path, |_| made)?,
    }
    let is = look(path, |path| fs::symlink_metadata(path))?;
    if is.is_dir() && is.uid() == owner && is_private(&is) {
        Ok(())
    } else {
        let path = path.to_owned();
        Err(PlaceError::Foreign { path })
    }
}

fn is_private(folder: &Metadata) -> bool {
    folder.permissions().mode() & 0o077 == 0
}
