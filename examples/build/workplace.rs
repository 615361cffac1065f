//! The files that are worked on: what is in place, and what is put there.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perennial::solver::BoxError;
use perennial::store::{Digest, GetError, Limits, OpenError, PutError, Store, Stored};
use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::artifacts::Artifact;
use crate::locks::Locks;
use crate::memory::{Memory, Stamp};

/// What a server knows of files, and where it keeps them.
#[derive(Debug)]
pub(crate) struct Workplace {
    pub(crate) memory: Memory,
    pub(crate) store: Store,
    pub(crate) locks: Locks,
}

/// Why a server has no place for what it keeps.
#[derive(Debug, Error)]
pub(crate) enum WorkplaceError {
    #[error("{} cannot be used: {source}", .path.display())]
    Memory { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] OpenError),
}

/// Why a file is not where it belongs.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error("{}: {source}", .path.display())]
    System { path: PathBuf, source: io::Error },
    #[error("{} is in the store no more", .path.display())]
    Gone { path: PathBuf },
    #[error("{} was damaged in the store, and is made again the next time", .path.display())]
    Damaged { path: PathBuf },
    #[error("{} cannot be taken from the store", .path.display())]
    Get { path: PathBuf, source: GetError },
    #[error("{} cannot be put into the store", .path.display())]
    Put { path: PathBuf, source: PutError },
    #[error("{} is stored in a way that is not understood", .path.display())]
    Strange { path: PathBuf, source: BoxError },
}

/// How the bytes of a stored file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Sound,
    Damaged,
}

impl Workplace {
    /// Opens what a server keeps in this folder, of which it is the only one.
    pub(crate) async fn open(folder: &Path) -> Result<Self, WorkplaceError> {
        let path = folder.join("memory");
        let memory = async {
            let file = path.clone();
            let opened = blocking(move || Memory::open(&file)).await;
            opened.map_err(|source| WorkplaceError::Memory { path, source })
        };
        let store = async {
            let opened = Store::open(folder.join("store"), Limits::default()).await;
            opened.map_err(WorkplaceError::from)
        };
        let (memory, store) = tokio::try_join!(memory, store)?;
        Ok(Self {
            memory,
            store,
            locks: Locks::default(),
        })
    }

    /// Sees that a file is in its place, and takes it from the store if it is not. Whoever calls
    /// this holds it.
    pub(crate) async fn put(
        self: &Arc<Self>,
        folder: &Path,
        artifact: &Artifact,
    ) -> Result<(), FileError> {
        let path = folder.join(&artifact.path);
        let blob = artifact.blob().map_err(|source| {
            let path = path.clone();
            FileError::Strange { path, source }
        })?;
        let (mode, looks) = (artifact.mode, (self.clone(), path.clone()));
        let is_there = blocking(move || {
            let (this, path) = looks;
            let id = this.memory.id(&path)?;
            let seen = this.memory.look(id, &mut 0);
            Ok(seen.is_ok_and(|seen| seen.digest == blob.digest && seen.stamp.mode() == mode))
        });
        if is_there.await.map_err(at(&path))? {
            return Ok(());
        }
        let stored = self.store.get(blob).await.map_err(|source| {
            let path = path.clone();
            FileError::Get { path, source }
        })?;
        let Some(stored) = stored else {
            return Err(FileError::Gone { path });
        };
        let (this, to) = (self.clone(), path.clone());
        let copied = blocking(move || this.copy(&stored, &to, mode));
        if copied.await.map_err(at(&path))? == Condition::Damaged {
            // Whoever asks for it the next time finds none, and has it made again.
            let verified = self.store.verify().await;
            verified.map_err(|error| at(&path)(io::Error::other(error)))?;
            return Err(FileError::Damaged { path });
        }
        Ok(())
    }

    /// Puts a copy in the place of whatever is there, whole at any time; if it is sound.
    fn copy(&self, stored: &Stored, to: &Path, mode: u32) -> io::Result<Condition> {
        let folder = to.parent().unwrap_or(to);
        let bytes = fs::read(&stored.path)?;
        if Digest::of(&bytes) != stored.blob.digest {
            return Ok(Condition::Damaged);
        }
        fs::create_dir_all(folder)?;
        let mut fresh = NamedTempFile::new_in(folder)?;
        fresh.write_all(&bytes)?;
        fs::set_permissions(fresh.path(), Permissions::from_mode(mode))?;
        fresh.persist(to)?;
        let id = self.memory.id(to)?;
        self.memory
            .remember(id, Stamp::of(to)?, stored.blob.digest)?;
        Ok(Condition::Sound)
    }

    /// Stores a file that a command has made and nobody writes to any more; `None` if there is
    /// none.
    pub(crate) async fn take(
        self: &Arc<Self>,
        folder: &Path,
        path: &Path,
    ) -> Result<Option<Artifact>, FileError> {
        let place = folder.join(path);
        let stamp = match Stamp::of(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            stamp => stamp.map_err(at(&place))?,
        };
        let file = tokio::fs::File::open(&place).await.map_err(at(&place))?;
        let put = self.store.put(stamp.size(), file).await;
        let stored = put.map_err(|source| {
            let path = place.clone();
            FileError::Put { path, source }
        })?;
        let remembered = || {
            let id = self.memory.id(&place)?;
            self.memory.remember(id, stamp, stored.blob.digest)
        };
        remembered().map_err(at(&place))?;
        let path = path.to_string_lossy().into_owned();
        Ok(Some(Artifact::new(path, stored.blob, stamp.mode())))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::System { path, source }
}

/// The error of a file, with its path.
pub(crate) fn named(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Looks at files on a thread that may wait for them.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}
