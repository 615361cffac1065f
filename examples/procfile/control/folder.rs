//! Which place is that of a file.

use std::env;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

use thiserror::Error;

use crate::Code;
use crate::socket::{Place, PlaceError};

/// Why a file has no place.
#[derive(Debug, Error)]
pub(crate) enum FolderError {
    #[error("cannot be read: {0}")]
    NoFile(#[source] io::Error),
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl FolderError {
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::NoFile(_) | Self::Place(PlaceError::Taken) => Code::BadInput,
            Self::Place(PlaceError::System { .. } | PlaceError::Foreign { .. }) => Code::Failed,
        }
    }
}

/// The place of this file, for nobody but us. It is that of its name, under which it is read again,
/// whatever becomes of the file.
pub(crate) fn place_of(file: &Path) -> Result<Place, FolderError> {
    let file = resolve(file).map_err(FolderError::NoFile)?;
    let above = above()?;
    let folder = above.join(format!("{:016x}", hash(file.as_os_str().as_bytes())));
    Place::make(above)?;
    let place = Place::make(folder)?;
    place.check()?;
    Ok(place)
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
fn above() -> Result<PathBuf, PlaceError> {
    let owner = owner_of(Path::new("/proc/self"))?;
    let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    let Some(runtime) = runtime.map(PathBuf::from) else {
        return Ok(env::temp_dir().join(format!("perennial-procfile-{owner}")));
    };
    // Whoever owns it could put another folder in the place of ours.
    if [owner, 0].contains(&owner_of(&runtime)?) {
        Ok(runtime.join("perennial-procfile"))
    } else {
        Err(PlaceError::Foreign { path: runtime })
    }
}

fn owner_of(path: &Path) -> Result<u32, PlaceError> {
    let is = fs::metadata(path).map_err(|source| {
        let path = path.to_owned();
        PlaceError::System { path, source }
    })?;
    Ok(is.uid())
}
