//! How another terminal speaks to the daemon: through a socket that only its owner reaches.
//!
//! A client says one line of JSON, a [`Request`], and gets lines of JSON, each an [`Answer`].

mod client;
mod place;
mod server;
mod status;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::client::{AskError, ask, wait_for_end};
pub(crate) use self::place::{Place, PlaceError};
pub(crate) use self::server::{Control, Tell};

/// The longest request, in bytes, and how long it may be on its way.
const REQUEST_MAX: u64 = 4096;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How many clients are answered at a time.
const CLIENTS_MAX: usize = 64;

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

/// A line of the answer. The last one is `Done` or `Refused`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Text(String),
    Done,
    Refused { why: String, is_input: bool },
}
