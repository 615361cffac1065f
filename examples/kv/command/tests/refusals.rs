//! Words that mean nothing, and what is said about them.

use bytes::Bytes;

use super::parse;
use crate::{
    command::{Command, CommandError},
    resp::{Reply, Request},
};

/// Why the words of `line` are no command.
fn refusal(line: &str) -> CommandError {
    match parse(line) {
        Command::Refused(error) => error,
        command => panic!("{line:?} was taken for {command:?}"),
    }
}

#[test]
fn set_refuses_options_that_are_unknown_or_incomplete_or_contradict_each_other() {
    for options in [
        "NX XX",
        "XX NX",
        "EX 1 PX 1",
        "EX 1 EX 1",
        "EX",
        "PX",
        "KEEPTTL",
        "GET",
        "EXAT 1",
        "1",
    ] {
        assert_eq!(
            refusal(&format!("SET k v {options}")),
            CommandError::Syntax,
            "{options:?}"
        );
    }
}

#[test]
fn a_lifetime_must_be_a_number() {
    for line in [
        "SET k v EX soon",
        "SET k v PX 1.5",
        "EXPIRE k x",
        "EXPIRE k 1s",
    ] {
        assert_eq!(refusal(line), CommandError::NotAnInteger, "{line:?}");
    }
}

#[test]
fn a_lifetime_must_be_possible() {
    let invalid = |command| CommandError::InvalidExpireTime { command };
    for option in ["EX 0", "EX -1", "PX 0", "PX -1", "EX 9223372036854775807"] {
        assert_eq!(
            refusal(&format!("SET k v {option}")),
            invalid("set"),
            "{option:?}"
        );
    }
    assert_eq!(refusal("EXPIRE k 9223372036854775807"), invalid("expire"));
}

#[test]
fn too_few_or_too_many_arguments_are_refused() {
    for (line, command) in [
        ("PING a b", "ping"),
        ("ECHO", "echo"),
        ("ECHO a b", "echo"),
        ("SET k", "set"),
        ("GET", "get"),
        ("get a b", "get"),
        ("DEL", "del"),
        ("EXISTS", "exists"),
        ("INCR", "incr"),
        ("INCR k 2", "incr"),
        ("EXPIRE k", "expire"),
        ("EXPIRE k 1 NX", "expire"),
        ("TTL", "ttl"),
        ("KEYS", "keys"),
        ("DBSIZE now", "dbsize"),
        ("CONFIG", "config"),
        ("CONFIG GET", "config|get"),
    ] {
        assert_eq!(
            refusal(line),
            CommandError::WrongArity { command },
            "{line:?}"
        );
    }
}

#[test]
fn flushing_in_another_way_is_refused() {
    assert_eq!(refusal("FLUSHALL NOW"), CommandError::Syntax);
    assert_eq!(refusal("FLUSHALL ASYNC SYNC"), CommandError::Syntax);
}

#[test]
fn a_long_pattern_is_refused() {
    let pattern = "*".repeat(256);
    assert!(matches!(
        parse(&format!("KEYS {pattern}")),
        Command::Keys(_)
    ));
    assert_eq!(
        refusal(&format!("KEYS {pattern}*")),
        CommandError::PatternTooLong
    );
}

#[test]
fn unknown_names_are_refused() {
    let name = || "FETCH".to_owned();
    assert_eq!(
        refusal("FETCH k"),
        CommandError::UnknownCommand { name: name() }
    );
    assert_eq!(
        refusal("CONFIG FETCH"),
        CommandError::UnknownSubcommand { name: name() }
    );
}

#[test]
fn an_unknown_name_cannot_forge_a_reply() {
    let name = Bytes::from(b"x\r\n+OK\r\n".repeat(100));
    let reply = Command::parse(Request {
        name,
        arguments: Vec::new(),
    });
    let Command::Refused(error) = reply else {
        panic!("{reply:?} is no command");
    };
    let Reply::Error(text) = error.into() else {
        panic!("a refusal is an error");
    };
    assert!(!text.contains(['\r', '\n']) && text.len() < 300, "{text:?}");
}

#[test]
fn refusals_are_worded_as_clients_expect() {
    for (line, text) in [
        ("FETCH", "ERR unknown command 'FETCH'"),
        ("CONFIG SET a b", "ERR unknown subcommand 'SET'"),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("SET k v ZZ", "ERR syntax error"),
        (
            "SET k v EX x",
            "ERR value is not an integer or out of range",
        ),
        ("SET k v EX 0", "ERR invalid expire time in 'set' command"),
    ] {
        assert_eq!(Reply::from(refusal(line)), Reply::Error(text.into()));
    }
}
