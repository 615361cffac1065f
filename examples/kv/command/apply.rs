//! From a command to its answer.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Command, CommandError, Set, info};
use crate::{
    glob,
    resp::Reply,
    store::{Data, Lifetime},
};

/// Does what `command` says to `data` at the time `now`.
pub(crate) fn apply(command: Command, data: &mut Data, now: Instant) -> Reply {
    match command {
        Command::Commands => Reply::Array(Vec::new()),
        Command::ConfigGet(patterns) => settings(&patterns),
        Command::DbSize => count(data.key_count(now)),
        Command::Del(keys) => count_if(&keys, |key| data.remove(key, now)),
        Command::Echo(text) => Reply::Bulk(text),
        Command::Exists(keys) => count_if(&keys, |key| data.contains(key, now)),
        Command::Expire { key, lifetime } => expire(&key, lifetime, data, now),
        Command::FlushAll => {
            data.clear();
            Reply::OK
        }
        Command::Get(key) => data.get(&key, now).map_or(Reply::Null, Reply::Bulk),
        Command::Incr(key) => match data.increment(&key, now) {
            Ok(sum) => Reply::Integer(sum),
            Err(error) => CommandError::from(error).into(),
        },
        Command::Info(sections) => Reply::Bulk(info::text(&data.figures(now), &sections)),
        Command::Keys(pattern) => Reply::Array(data.keys(&pattern, now)),
        Command::Ping(None) => Reply::Simple("PONG"),
        Command::Ping(Some(text)) => Reply::Bulk(text),
        Command::Quit => Reply::OK,
        Command::Refused(error) => error.into(),
        Command::Set(command) => set(&command, data, now),
        Command::Ttl(key) => Reply::Integer(seconds(data.lifetime(&key, now))),
    }
}

/// Sets a key, unless its condition does not hold.
fn set(command: &Set, data: &mut Data, now: Instant) -> Reply {
    let Set {
        key,
        value,
        condition,
        lifetime,
    } = command;
    let due = lifetime.map(|lifetime| now.checked_add(lifetime));
    if due == Some(None) {
        return CommandError::InvalidExpireTime { command: "set" }.into();
    }
    if data.set(key, value, due.flatten(), *condition, now) {
        Reply::OK
    } else {
        Reply::Null
    }
}

/// Limits the life of a key and says whether it was there.
fn expire(key: &[u8], lifetime: Duration, data: &mut Data, now: Instant) -> Reply {
    match now.checked_add(lifetime) {
        Some(due) => Reply::Integer(data.expire(key, due, now).into()),
        None => CommandError::InvalidExpireTime { command: "expire" }.into(),
    }
}

/// The settings whose names match one of `patterns`, each before its value.
fn settings(patterns: &[Bytes]) -> Reply {
    let wanted = |name: &str| {
        patterns
            .iter()
            .any(|pattern| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()))
    };
    let found = SETTINGS.iter().filter(|(name, _)| wanted(name));
    Reply::Array(
        found
            .flat_map(|&(name, value)| [name.into(), value.into()])
            .collect(),
    )
}

/// The time left in seconds, to the nearest, or what stands for a key without.
fn seconds(lifetime: Lifetime) -> i64 {
    match lifetime {
        Lifetime::Absent => -2,
        Lifetime::Endless => -1,
        Lifetime::Left(time) => i64::try_from((time.as_millis() + 500) / 1000).unwrap_or(i64::MAX),
    }
}

/// How many of `keys` there are for which `holds`.
fn count_if(keys: &[Bytes], mut holds: impl FnMut(&[u8]) -> bool) -> Reply {
    count(keys.iter().filter(|key| holds(key)).count())
}

/// A number of things.
fn count(number: usize) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What a client may want to know before it measures or trusts: nothing is written to a disk.
const SETTINGS: [(&str, &str); 2] = [("appendonly", "no"), ("save", "")];
