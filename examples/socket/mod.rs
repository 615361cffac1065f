//! A socket that only its owner reaches, as the daemons of several examples have one.
//!
//! A client says one line of JSON, its request, and gets lines of JSON, each an [`Answer`].

mod client;
mod place;
mod server;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::client::{AskError, ask, connect};
pub(crate) use self::place::{Place, PlaceError};
pub(crate) use self::server::{Answers, Client, Clients, Listener, Refusal, Tells};

/// The longest request, in bytes, and how long it may be on its way.
const REQUEST_MAX: u64 = 64 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How many clients are answered at a time.
const CLIENTS_MAX: usize = 64;

/// A line of the answer. The last one is `Done` or `Refused`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer<T> {
    Said(T),
    Done,
    Refused { why: String, is_input: bool },
}
