//! Where the socket is, and that one daemon has it at a time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The folder of one file's daemon.
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
    /// The place of this file: the same for every name of it, and for nobody but us.
    pub(crate) fn of(file: &Path) -> Result<Self, PlaceError> {
        let system = |path: &Path| {
            let path = path.to_owned();
            move |source| PlaceError::System { path, source }
        };
        let file = file.canonicalize().map_err(system(file))?;
        // Our own process belongs to who runs it.
        let owner = fs::metadata("/proc/self")
            .map_err(system(Path::new("/proc/self")))?
            .uid();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
        let above = match runtime {
            Some(runtime) => Path::new(&runtime).join("perennial-procfile"),
            None => std::env::temp_dir().join(format!("perennial-procfile-{owner}")),
        };
        let mut hasher = DefaultHasher::new();
        file.hash(&mut hasher);
        let folder = above.join(format!("{:016x}", hasher.finish()));
        for path in [&above, &folder] {
            make_private(path, owner)?;
        }
        Ok(Self { folder, owner })
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
        let path = self.folder.join("lock");
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        opened.map_err(|source| PlaceError::System { path, source })
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub(super) const fn owner(&self) -> u32 {
        self.owner
    }
}

/// Makes a folder that nobody else may enter, or sees that it is one.
fn make_private(path: &Path, owner: u32) -> Result<(), PlaceError> {
    let system = |source| {
        let path = path.to_owned();
        PlaceError::System { path, source }
    };
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(system)?,
    }
    let is = fs::symlink_metadata(path).map_err(system)?;
    let is_private = is.permissions().mode() & 0o077 == 0;
    if is.is_dir() && is.uid() == owner && is_private {
        Ok(())
    } else {
        let path = path.to_owned();
        Err(PlaceError::Foreign { path })
    }
}
