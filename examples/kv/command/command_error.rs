//! What a peer can get wrong in a request that is whole.

use crate::{resp::Reply, store::IncrementError};

/// Why a request was refused. Nothing has changed, and the connection can go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CommandError {
    /// The value could not be counted up.
    #[error(transparent)]
    Increment(#[from] IncrementError),
    /// The time to live is not positive, or longer than can be counted.
    #[error("invalid expire time in '{command}' command")]
    InvalidExpireTime {
        /// The command it was given to.
        command: &'static str,
    },
    /// An argument that must be a number is none.
    #[error("value is not an integer or out of range")]
    NotAnInteger,
    /// The pattern is longer than the limit.
    #[error("pattern is too long")]
    PatternTooLong,
    /// The options are unknown, incomplete or contradict each other.
    #[error("syntax error")]
    Syntax,
    /// There is no such command.
    #[error("unknown command '{name}'")]
    UnknownCommand {
        /// The beginning of what was asked for, safe to print.
        name: String,
    },
    /// The command has no such part.
    #[error("unknown subcommand '{name}'")]
    UnknownSubcommand {
        /// The beginning of what was asked for, safe to print.
        name: String,
    },
    /// Too few or too many arguments.
    #[error("wrong number of arguments for '{command}' command")]
    WrongArity {
        /// The command they were given to.
        command: &'static str,
    },
}

impl CommandError {
    /// There is no command of this name.
    pub(super) fn unknown_command(name: &[u8]) -> Self {
        Self::UnknownCommand {
            name: printable(name),
        }
    }

    /// The command has no part of this name.
    pub(super) fn unknown_subcommand(name: &[u8]) -> Self {
        Self::UnknownSubcommand {
            name: printable(name),
        }
    }
}

impl From<CommandError> for Reply {
    fn from(error: CommandError) -> Self {
        Self::Error(format!("ERR {error}"))
    }
}

/// The beginning of a name that a stranger chose. A line end in it would forge a second reply.
fn printable(name: &[u8]) -> String {
    name[..name.len().min(NAME_BYTES_MAX)]
        .escape_ascii()
        .to_string()
}

const NAME_BYTES_MAX: usize = 64;
