//! What the server can do: from a request to a command, and from a command to its answer.
//!
//! Both steps are pure. Parsing needs no data, so a connection does it for a whole batch before it
//! asks for the store; applying needs nothing else, so the store does only that.

mod apply;
mod command_error;
mod info;
mod parse;
mod set;

use std::time::Duration;

use bytes::Bytes;

pub(crate) use self::{apply::apply, command_error::CommandError, set::Set};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `COMMAND …`: lists the commands. Nothing is listed; clients ask only to complete words.
    Commands,
    /// `CONFIG GET pattern …`: lists settings.
    ConfigGet(Vec<Bytes>),
    /// `DBSIZE`: counts the keys.
    DbSize,
    /// `DEL key …`: removes keys and counts those that were there.
    ///
    /// Also `EXPIRE` with a time that is over already.
    Del(Vec<Bytes>),
    /// `ECHO text`: answers the same.
    Echo(Bytes),
    /// `EXISTS key …`: counts the keys that are there, each as often as it is named.
    Exists(Vec<Bytes>),
    /// `EXPIRE key seconds`: limits the life of a key.
    Expire {
        /// Which one.
        key: Bytes,
        /// How long it has from now.
        lifetime: Duration,
    },
    /// `FLUSHALL [ASYNC|SYNC]`: removes all keys.
    FlushAll,
    /// `GET key`: reads a value.
    Get(Bytes),
    /// `INCR key`: adds one to a number.
    Incr(Bytes),
    /// `INFO [section …]`: describes the server in lines.
    Info(Vec<Bytes>),
    /// `KEYS pattern`: lists keys.
    Keys(Bytes),
    /// `PING [text]`: answers the text, or `PONG`.
    Ping(Option<Bytes>),
    /// `QUIT`: says goodbye. Ending the connection behind the answer is left to its owner.
    Quit,
    /// A request that is none of these. It keeps its place in a batch so that its answer does.
    Refused(CommandError),
    /// `SET key value …`: writes a value.
    Set(Set),
    /// `TTL key`: says how many seconds a key has left.
    Ttl(Bytes),
}

#[cfg(test)]
mod tests;
