//! Where the socket is, and that one daemon has it at a time.

use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::UnixListener;

/// The folder of a daemon, for nobody but who runs it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    owner: u32,
}

/// Why there is no place for a socket.
#[derive(Debug, Error)]
pub(crate) enum PlaceError {
    #[error("{} cannot be used: {source}", .path.display())]
    System { path: PathBuf, source: io::Error },
    #[error("{} is not ours alone", .path.display())]
    Foreign { path: PathBuf },
    #[error("it is up already")]
    Taken,
}

impl Place {
    /// Makes the folder, or sees that it is ours alone. The one that it is in has to be there.
    pub(crate) fn make(folder: PathBuf) -> Result<Self, PlaceError> {
        // Our own process belongs to who runs it.
        let owner = look(Path::new("/proc/self"), |path| fs::metadata(path))?.uid();
        make_private(&folder, owner)?;
        Ok(Self { folder, owner })
    }

    /// Takes the place until the lock is dropped, or we end.
    pub(crate) fn take(&self) -> Result<File, PlaceError> {
        let lock = self.lock()?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(PlaceError::Taken),
            Err(TryLockError::Error(source)) => Err(self.fail(source)),
        }
    }

    /// Waits until whoever has the place has ended, and takes it.
    pub(crate) fn wait_and_take(&self) -> Result<File, PlaceError> {
        let lock = self.lock()?;
        lock.lock().map_err(|source| self.fail(source))?;
        Ok(lock)
    }

    /// The file that a daemon has locked as long as it lives.
    fn lock(&self) -> Result<File, PlaceError> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        look(&self.folder.join("lock"), |path| options.open(path))
    }

    fn fail(&self, source: io::Error) -> PlaceError {
        let path = self.folder.clone();
        PlaceError::System { path, source }
    }

    /// Whether the system takes the path of the socket: it takes short ones only.
    pub(crate) fn check(&self) -> Result<(), PlaceError> {
        look(&self.socket(), |path| SocketAddr::from_pathname(path)).map(drop)
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
