//! From a request to a command.

use std::time::Duration;

use bytes::Bytes;

use super::{Command, CommandError, Set};
use crate::{integer, resp::Request};

impl Command {
    /// Understands `request`, or answers [`Command::Refused`].
    pub(crate) fn parse(request: Request) -> Self {
        understand(request).unwrap_or_else(Self::Refused)
    }
}

/// How many arguments a command takes, and what becomes of them.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// None.
    Zero(fn() -> Command),
    /// Exactly one.
    One(fn(Bytes) -> Result<Command, CommandError>),
    /// Exactly two.
    Two(fn(Bytes, Bytes) -> Result<Command, CommandError>),
    /// So many or more.
    AtLeast(usize, fn(Vec<Bytes>) -> Result<Command, CommandError>),
}

/// Finds the form of the command by its name and fills it with the arguments.
fn understand(request: Request) -> Result<Command, CommandError> {
    let Request { name, arguments } = request;
    let &(command, form) = FORMS
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(&name))
        .ok_or_else(|| CommandError::unknown_command(&name))?;
    match form {
        Form::Zero(make) => exactly(arguments, command).map(|[]| make()),
        Form::One(parse) => exactly(arguments, command).and_then(|[only]| parse(only)),
        Form::Two(parse) => {
            exactly(arguments, command).and_then(|[first, second]| parse(first, second))
        }
        Form::AtLeast(count_min, parse) if arguments.len() >= count_min => parse(arguments),
        Form::AtLeast(..) => Err(CommandError::WrongArity { command }),
    }
}

/// The arguments as an array, if there are as many as it takes.
fn exactly<const COUNT: usize>(
    arguments: Vec<Bytes>,
    command: &'static str,
) -> Result<[Bytes; COUNT], CommandError> {
    arguments
        .try_into()
        .map_err(|_| CommandError::WrongArity { command })
}

/// `CONFIG`, of which only the reading part exists.
fn config(arguments: Vec<Bytes>) -> Result<Command, CommandError> {
    match arguments.as_slice() {
        [] => Err(CommandError::WrongArity { command: "config" }),
        [part, ..] if !part.eq_ignore_ascii_case(b"get") => {
            Err(CommandError::unknown_subcommand(part))
        }
        [_] => Err(CommandError::WrongArity {
            command: "config|get",
        }),
        [_, patterns @ ..] => Ok(Command::ConfigGet(patterns.to_vec())),
    }
}

/// `EXPIRE`. With no time left it is the removal of one key, answer included.
fn expire(key: Bytes, seconds: Bytes) -> Result<Command, CommandError> {
    Ok(match lifetime(&seconds, MS_PER_SECOND, "expire")? {
        Some(lifetime) => Command::Expire { key, lifetime },
        None => Command::Del(vec![key]),
    })
}

/// `FLUSHALL`. Both of its ways are the same here.
fn flush_all(arguments: Vec<Bytes>) -> Result<Command, CommandError> {
    match arguments.as_slice() {
        [] => Ok(Command::FlushAll),
        [way] if way.eq_ignore_ascii_case(b"async") || way.eq_ignore_ascii_case(b"sync") => {
            Ok(Command::FlushAll)
        }
        [..] => Err(CommandError::Syntax),
    }
}

/// `KEYS`, with a pattern short enough to be tried on every key.
fn keys(pattern: Bytes) -> Result<Command, CommandError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(CommandError::PatternTooLong);
    }
    Ok(Command::Keys(pattern))
}

/// `PING`, with or without a text.
fn ping(mut arguments: Vec<Bytes>) -> Result<Command, CommandError> {
    let text = arguments.pop();
    if !arguments.is_empty() {
        return Err(CommandError::WrongArity { command: "ping" });
    }
    Ok(Command::Ping(text))
}

/// Reads a time to live, given to `command` in units of `unit_ms`. `None` if it is not positive.
pub(super) fn lifetime(
    count: &[u8],
    unit_ms: i64,
    command: &'static str,
) -> Result<Option<Duration>, CommandError> {
    let count = integer::parse(count).ok_or(CommandError::NotAnInteger)?;
    if count <= 0 {
        return Ok(None);
    }
    let ms = count
        .checked_mul(unit_ms)
        .ok_or(CommandError::InvalidExpireTime { command })?;
    Ok(Some(Duration::from_millis(ms.unsigned_abs())))
}

/// What `EX` and `EXPIRE` count in.
pub(super) const MS_PER_SECOND: i64 = 1000;

/// A match costs up to the length of the pattern times that of the key, while everybody waits.
const PATTERN_BYTES_MAX: usize = 256;

/// Every command there is, under its name in lower case.
const FORMS: &[(&str, Form)] = &[
    ("command", Form::AtLeast(0, |_| Ok(Command::Commands))),
    ("config", Form::AtLeast(1, config)),
    ("dbsize", Form::Zero(|| Command::DbSize)),
    ("del", Form::AtLeast(1, |keys| Ok(Command::Del(keys)))),
    ("echo", Form::One(|text| Ok(Command::Echo(text)))),
    ("exists", Form::AtLeast(1, |keys| Ok(Command::Exists(keys)))),
    ("expire", Form::Two(expire)),
    ("flushall", Form::AtLeast(0, flush_all)),
    ("get", Form::One(|key| Ok(Command::Get(key)))),
    ("incr", Form::One(|key| Ok(Command::Incr(key)))),
    ("info", Form::AtLeast(0, |names| Ok(Command::Info(names)))),
    ("keys", Form::One(keys)),
    ("ping", Form::AtLeast(0, ping)),
    ("quit", Form::AtLeast(0, |_| Ok(Command::Quit))),
    ("set", Form::AtLeast(2, Set::parse)),
    ("ttl", Form::One(|key| Ok(Command::Ttl(key)))),
];
