//! `Store`: the handle, which takes file work off the threads that run tasks.

use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::spawn_blocking;

use super::directory::{Directory, Kind};
use super::verify::Condition;
use super::{
    Action, Blob, Digest, FileError, GetActionError, GetError, Limits, OpenError, Progress, Pruned,
    PutActionError, PutError, Stat, Stored, Verified,
};

/// How much of a body is in memory at a time.
const CHUNK_SIZE: usize = 256 << 10;

/// A content-addressed store on disk: [the module](super) says what it promises.
///
/// Clones share the store. A process may open the same directory more than once, and so may others.
///
/// # Panics
///
/// The methods run on tokio's blocking threads, and panic outside of a runtime.
///
/// # Cancel safety
///
/// A call that is dropped may have been done or not, and is never half done.
#[derive(Clone, Debug)]
pub struct Store(Arc<Directory>);

impl Store {
    /// Opens the store in `directory`, which is made if it is missing or empty.
    ///
    /// What processes that were killed have left is removed.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the directory holds something else, or a store of another version, and if
    /// the system fails.
    pub async fn open(directory: impl Into<PathBuf>, limits: Limits) -> Result<Self, OpenError> {
        let root = directory.into();
        let opening = root.clone();
        let opened = blocking(move || Directory::open(&opening, limits)).await;
        let directory = opened.unwrap_or_else(|stopped| Err(FileError::at(&root)(stopped).into()));
        Ok(Self(Arc::new(directory?)))
    }

    /// Puts the blob that `body` gives, and says its digest and where it is.
    ///
    /// The body is read to its end, which has to come after `size` bytes. 256 KiB of it are in
    /// memory at a time. If the blob is there already it is replaced by its like.
    ///
    /// # Errors
    ///
    /// [`PutError`] if `size` is more than the store keeps, if the body fails, is short or long, or
    /// if the system fails.
    pub async fn put(&self, size: u64, body: impl AsyncRead) -> Result<Stored, PutError> {
        self.receive(size, None, body).await
    }

    /// Puts the blob that `body` gives if it is `blob`. Otherwise as [`put`](Self::put).
    ///
    /// # Errors
    ///
    /// Those of [`put`](Self::put), and [`PutError::Digest`] if the body has another digest.
    pub async fn put_as(&self, blob: Blob, body: impl AsyncRead) -> Result<Stored, PutError> {
        self.receive(blob.size, Some(blob.digest), body).await
    }

    /// Gives the blob, marked as used now; `None` if it is not there.
    ///
    /// Its size is compared, and its bytes are not read.
    ///
    /// # Errors
    ///
    /// [`GetError`] if the blob is corrupt or was asked for with a wrong size, or if the system
    /// fails.
    pub async fn get(&self, blob: Blob) -> Result<Option<Stored>, GetError> {
        self.run(move |directory| directory.get(blob)).await
    }

    /// Puts what came of the work that `key` stands for, in place of what was there for it.
    ///
    /// The blob ought to be there: without it the action is not given.
    ///
    /// # Errors
    ///
    /// [`PutActionError`] if there are more than [`METADATA_SIZE_MAX`](super::METADATA_SIZE_MAX)
    /// bytes of metadata, and if the system fails.
    pub async fn put_action(
        &self,
        key: &[u8],
        blob: Blob,
        metadata: &[u8],
    ) -> Result<(), PutActionError> {
        let (key, metadata) = (key.to_owned(), metadata.to_owned());
        self.run(move |directory| directory.put_action(&key, blob, metadata))
            .await
    }

    /// Gives what came of the work that `key` stands for; `None` if it or its blob is not there.
    ///
    /// Both are marked as used now.
    ///
    /// # Errors
    ///
    /// [`GetActionError`] if the action or its blob is corrupt, and if the system fails.
    pub async fn get_action(&self, key: &[u8]) -> Result<Option<Action>, GetActionError> {
        let key = key.to_owned();
        self.run(move |directory| directory.get_action(&key)).await
    }

    /// Counts what is there.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the system fails.
    pub async fn stat(&self) -> Result<Stat, FileError> {
        self.run(Directory::stat).await
    }

    /// Makes room, if there is more than [the limit](Limits::bytes_max).
    ///
    /// A put does so when it has to. This is for a store that was opened with a lower limit.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the system fails.
    pub async fn prune(&self) -> Result<Pruned, FileError> {
        self.run(Directory::prune).await
    }

    /// Reads all blobs and actions, one after the other, and removes those that are corrupt.
    ///
    /// It marks nothing as used, and others go on meanwhile.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the system fails.
    pub async fn verify(&self) -> Result<Verified, FileError> {
        self.verify_with(|_| {}).await
    }

    /// As [`verify`](Self::verify), and says after each file how far it is, before the first one
    /// too: for people who wait.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn verify_with(&self, mut tell: impl FnMut(Progress)) -> Result<Verified, FileError> {
        let blobs = self.run(|directory| directory.list(Kind::Blob)).await?;
        let actions = self.run(|directory| directory.list(Kind::Action)).await?;
        let (mut verified, mut progress) = (Verified::default(), Progress::default());
        progress.bytes_in_all = blobs.iter().chain(&actions).map(|file| file.size).sum();
        tell(progress);
        for file in blobs {
            match self.condition(Kind::Blob, file.digest).await? {
                Condition::Sound { .. } => verified.blobs += 1,
                Condition::Corrupt => verified.blobs_removed.push(file.digest),
                Condition::Gone => {}
            }
            progress.bytes += file.size;
            tell(progress);
        }
        for file in actions {
            match self.condition(Kind::Action, file.digest).await? {
                Condition::Sound { .. } => verified.actions += 1,
                Condition::Corrupt => verified.actions_removed.push(file.digest),
                Condition::Gone => {}
            }
            progress.bytes += file.size;
            tell(progress);
        }
        Ok(verified)
    }

    /// Looks at a file. Each is a piece of work of its own, so that one who drops this does not
    /// leave a long one behind.
    async fn condition(&self, kind: Kind, digest: Digest) -> Result<Condition, FileError> {
        self.run(move |directory| directory.verify(kind, digest))
            .await
    }

    async fn receive(
        &self,
        size: u64,
        declared: Option<Digest>,
        body: impl AsyncRead,
    ) -> Result<Stored, PutError> {
        self.0.admit(size)?;
        // One byte more tells a body that is too long.
        let mut body = pin!(body.take(size.saturating_add(1)));
        let (mut begun, mut received) = (None, 0);
        loop {
            let mut chunk = Vec::new();
            let read = (&mut body)
                .take(CHUNK_SIZE as u64)
                .read_to_end(&mut chunk)
                .await;
            received += chunk.len() as u64;
            if let Err(source) = read {
                return Err(PutError::Body {
                    size,
                    received,
                    source,
                });
            }
            if received > size {
                return Err(PutError::Long { size });
            }
            if chunk.len() == CHUNK_SIZE {
                let write = move |directory: &Directory| directory.receive(begun, &chunk);
                begun = Some(self.run::<_, FileError>(write).await?);
                continue;
            }
            if received < size {
                return Err(PutError::Short { size, received });
            }
            // A small body comes here at once, and is one piece of work.
            let put = move |directory: &Directory| {
                directory.put(directory.receive(begun, &chunk)?, size, declared)
            };
            return self.run(put).await;
        }
    }

    async fn run<T, E>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<FileError> + Send + 'static,
    {
        let directory = Arc::clone(&self.0);
        let done = blocking(move || work(&directory)).await;
        done.unwrap_or_else(|stopped| Err(FileError::at(&self.0.root)(stopped).into()))
    }
}

/// Runs `work` on a thread that may block; an error if the runtime stops before.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(stopped) => Err(io::Error::other(stopped)),
        },
    }
}
