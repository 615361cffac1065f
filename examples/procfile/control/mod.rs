//! What another terminal can ask the daemon for, through a [socket](crate::socket).

mod folder;
mod server;
mod status;

use serde::{Deserialize, Serialize};

pub(crate) use self::folder::{FolderError, place_of};
pub(crate) use self::server::Tell;

/// All that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    Status,
    Restart { name: String },
    Stop { name: String },
    Logs { name: String, follow: bool },
    Down,
}
