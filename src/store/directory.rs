//! The directory of a store, and what is done in it on a thread that may block.

use std::fs::{self, DirBuilder};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::NamedTempFile;

use super::error::shown;
use super::header::{Header, Layout, Writer};
use super::incoming::{Incoming, clean};
use super::record::{METADATA_SIZE_MAX, Record};
use super::verify::Condition;
use super::{
    Action, Blob, Digest, FileError, GetActionError, GetError, Limits, OpenError, PutActionError,
    PutError, Stored, used,
};

/// What a file that has its name is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Blob,
    Action,
}

#[derive(Debug)]
pub(super) struct Directory {
    pub(super) limits: Limits,
    pub(super) root: PathBuf,
    blobs: PathBuf,
    actions: PathBuf,
    incoming: PathBuf,
    pub(super) header_path: PathBuf,
    header: Header,
}

impl Directory {
    pub(super) fn open(root: &Path, limits: Limits) -> Result<Self, OpenError> {
        let header_path = root.join("perennial-store");
        make(root)?;
        // In this order, as whoever makes a store begins with the header.
        if !is_empty(root)? && !header_path.is_file() {
            return Err(OpenError::Foreign {
                path: root.to_owned(),
            });
        }
        let directory = Self {
            limits,
            root: root.to_owned(),
            blobs: root.join("blobs"),
            actions: root.join("actions"),
            incoming: root.join("incoming"),
            header: Header::open(&header_path).map_err(FileError::at(&header_path))?,
            header_path,
        };
        directory.settle()?;
        Ok(directory)
    }

    /// Makes what is missing in a new store, and removes what was left in one that is not.
    fn settle(&self) -> Result<(), OpenError> {
        let at = || FileError::at(&self.header_path);
        let path = self.root.clone();
        let mut writer = self.write()?;
        match writer.layout().map_err(at())? {
            Layout::Known => Ok(clean(&self.incoming)?),
            Layout::New => {
                make(&self.blobs)?;
                make(&self.actions)?;
                make(&self.incoming)?;
                Ok(writer.create().map_err(at())?)
            }
            Layout::Other(version) => Err(OpenError::Version { path, version }),
            Layout::Unreadable => Err(OpenError::Foreign { path }),
        }
    }

    /// The folder of a kind.
    pub(super) fn folder(&self, kind: Kind) -> &Path {
        match kind {
            Kind::Blob => &self.blobs,
            Kind::Action => &self.actions,
        }
    }

    /// Where what has this digest is, or would be. For an action it is the digest of the key.
    pub(super) fn path(&self, kind: Kind, digest: Digest) -> PathBuf {
        self.folder(kind).join(digest.to_string())
    }

    /// Waits for the right to give and take names (2).
    pub(super) fn write(&self) -> Result<Writer<'_>, FileError> {
        self.header
            .write()
            .map_err(FileError::at(&self.header_path))
    }

    /// Refuses a body that can never fit.
    pub(super) fn admit(&self, size: u64) -> Result<(), PutError> {
        let bytes_max = self.limits.bytes();
        if size > bytes_max {
            return Err(PutError::BeyondLimit { size, bytes_max });
        }
        Ok(())
    }

    /// Adds `chunk` to a body, or begins one with it.
    pub(super) fn receive(
        &self,
        begun: Option<Incoming>,
        chunk: &[u8],
    ) -> Result<Incoming, FileError> {
        let at = || FileError::at(&self.incoming);
        let begun = begun.map_or_else(|| Incoming::begin(&self.incoming), Ok);
        let mut incoming = begun.map_err(at())?;
        incoming.write(chunk).map_err(at())?;
        Ok(incoming)
    }

    /// Gives a body its name, if it has the digest that was declared.
    pub(super) fn put(
        &self,
        body: Incoming,
        size: u64,
        declared: Option<Digest>,
    ) -> Result<Stored, PutError> {
        let (actual, file) = body.finish();
        if let Some(declared) = declared.filter(|declared| *declared != actual) {
            return Err(PutError::Digest { declared, actual });
        }
        let path = self.path(Kind::Blob, actual);
        self.publish(file, size, &path)?;
        let blob = Blob::new(actual, size);
        Ok(Stored { blob, path })
    }

    pub(super) fn put_action(
        &self,
        key: &[u8],
        blob: Blob,
        metadata: Vec<u8>,
    ) -> Result<(), PutActionError> {
        let size = metadata.len();
        if size > METADATA_SIZE_MAX {
            let key = shown(key);
            return Err(PutActionError::MetadataTooLong { key, size });
        }
        let time = SystemTime::now();
        let record = Record {
            blob,
            time,
            metadata,
        };
        let bytes = record.encode();
        let (_, file) = self.receive(None, &bytes)?.finish();
        let path = self.path(Kind::Action, Digest::of(key));
        self.publish(file, bytes.len() as u64, &path)?;
        Ok(())
    }

    /// Gives a complete file its name (1, 2), marked as used now, and makes room if there is too
    /// much.
    fn publish(&self, file: NamedTempFile, size: u64, path: &Path) -> Result<(), FileError> {
        let at = || FileError::at(&self.header_path);
        let mut writer = self.write()?;
        let count = writer.count().map_err(at())?.saturating_add(size);
        // Before the name is given, so that being killed between the two leaves it too large (4).
        writer.set_count(count).map_err(at())?;
        let marked = file.as_file().set_modified(SystemTime::now());
        let renamed = marked.and_then(|()| Ok(file.persist(path)?));
        renamed.map_err(FileError::at(path))?;
        if count > self.limits.bytes()
            && let Err(error) = self.evict(&mut writer)
        {
            // What was asked for is done, and the next put tries again.
            let root = self.root.display();
            tracing::warn!(target: "perennial", %root, %error, "cannot make room in the store");
        }
        Ok(())
    }

    pub(super) fn get(&self, blob: Blob) -> Result<Option<Stored>, GetError> {
        let path = self.path(Kind::Blob, blob.digest);
        let at = || FileError::at(&path);
        while let Some(file) = used::open(&path).map_err(at())? {
            if file.metadata().map_err(at())?.len() == blob.size {
                return Ok(Some(Stored { blob, path }));
            }
            match self.verify(Kind::Blob, blob.digest)? {
                Condition::Corrupt => return Err(GetError::Corrupt { blob }),
                Condition::Sound { size } if size != blob.size => {
                    return Err(GetError::Size { blob, actual: size });
                }
                // Somebody has replaced or removed it meanwhile.
                Condition::Sound { .. } | Condition::Gone => {}
            }
        }
        Ok(None)
    }

    pub(super) fn get_action(&self, key: &[u8]) -> Result<Option<Action>, GetActionError> {
        let digest = Digest::of(key);
        let path = self.path(Kind::Action, digest);
        let at = || FileError::at(&path);
        while let Some(mut file) = used::open(&path).map_err(at())? {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(at())?;
            if let Some(record) = Record::decode(&bytes) {
                let stored = self.get(record.blob).map_err(|source| {
                    let key = shown(key);
                    GetActionError::Blob { key, source }
                })?;
                return Ok(stored.map(|Stored { blob, path }| Action {
                    blob,
                    path,
                    time: record.time,
                    metadata: record.metadata,
                }));
            }
            if self.verify(Kind::Action, digest)? == Condition::Corrupt {
                return Err(GetActionError::Corrupt { key: shown(key) });
            }
        }
        Ok(None)
    }
}

/// Makes a directory for this user alone, unless there is one.
fn make(path: &Path) -> Result<(), FileError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(path).map_err(FileError::at(path))
}

fn is_empty(path: &Path) -> Result<bool, FileError> {
    let mut entries = fs::read_dir(path).map_err(FileError::at(path))?;
    Ok(entries.next().is_none())
}
