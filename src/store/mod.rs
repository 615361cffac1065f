//! A content-addressed store on disk, which several processes may use at once.
//!
//! - A *blob* is a file of any bytes. Its name is the SHA-256 of them, its [`Digest`], so equal
//!   blobs are one.
//! - An *action* says which blob came of a piece of work: a key, which is any bytes, the blob, the
//!   time, and a little metadata if there is need of it.
//!
//! A [`Store`] is a cache: what it holds can be made again. It keeps below its
//! [limit](Limits::bytes_max) by removing what was used longest ago, and tells rather than serves
//! what it finds damaged.
//!
//! # What can be relied on
//!
//! - Nothing half is ever seen. A blob or an action is there as a whole or not at all, also when a
//!   process is killed at any moment. What it leaves is removed when the store is opened next.
//! - A digest is computed while a blob is put, and compared with the one that is declared. When the
//!   blob is asked for its size is compared, and [`Store::verify`] reads and compares everything.
//!   What is damaged is reported once, and removed.
//! - A path stays good for the time [`Limits::in_use`] from each call that gives it, whatever is
//!   put and pruned meanwhile, here or in a process with the same limits. Whoever needs it longer
//!   asks again.
//! - Nothing is forced to the disk. A loss of power may take what was put last, or leave it short,
//!   which its size shows; that holds for file systems that write data before what describes it, as
//!   ext4 by default, XFS and Btrfs do.
//!
//! # Layout
//!
//! | in the directory | what it is |
//! | --- | --- |
//! | `perennial-store` | the version, how many bytes there are, and the lock of who writes |
//! | `blobs/` | blobs, by digest |
//! | `actions/` | actions, by the digest of the key |
//! | `incoming/` | what is being written |
//!
//! Directories are made with the mode 0700 and files with 0400: they are for one user, and no
//! reader changes one by mistake. Locks are those of `flock`, so the directory has to be on a file
//! system of this machine. The time of the last use is the time of modification of the file, which
//! the store sets by itself.
//!
//! The invariants, which the code cites:
//!
//! 1. A file has its name only when it is complete: it is written under another and renamed.
//! 2. Names are given and taken under the lock of who writes.
//! 3. A file that is asked for is marked as used while its own lock is held shared, and it has its
//!    name then. Who evicts holds that lock alone, and looks at the mark again.
//! 4. The count of bytes is never less than what is there.
//!
//! # Examples
//!
//! ```
//! use perennial::store::{Limits, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let limits = Limits::default().bytes_max(1 << 30); // one GiB
//! let store = Store::open(directory.path(), limits).await?;
//!
//! let object = b"what the compiler wrote";
//! let stored = store.put(object.len() as u64, &object[..]).await?;
//! store.put_action(b"compile main.c", stored.blob, b"").await?;
//!
//! let action = store.get_action(b"compile main.c").await?.expect("it was put just now");
//! assert_eq!(std::fs::read(action.path)?, object);
//! # Ok(())
//! # }
//! ```

mod blob;
mod digest;
mod directory;
mod error;
mod eviction;
mod handle;
mod header;
mod incoming;
mod limits;
mod record;
mod used;
mod verify;

pub use self::blob::{Action, Blob, Stored};
pub use self::digest::{Digest, DigestError};
pub use self::error::{FileError, GetActionError, GetError, OpenError, PutActionError, PutError};
pub use self::eviction::{Pruned, Stat};
pub use self::handle::Store;
pub use self::limits::Limits;
pub use self::record::METADATA_SIZE_MAX;
pub use self::verify::{Progress, Verified};
