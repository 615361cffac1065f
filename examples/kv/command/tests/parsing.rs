//! What words mean.

use std::time::Duration;

use bytes::Bytes;

use super::parse;
use crate::{
    command::{Command, Set},
    store::Condition,
};

/// Bytes of a text.
fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A list of texts.
fn list(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| bytes(text)).collect()
}

/// The options that `SET k v` is given by `options`.
fn set_options(options: &str) -> (Condition, Option<Duration>) {
    match parse(&format!("SET k v {options}")) {
        Command::Set(Set {
            condition,
            lifetime,
            ..
        }) => (condition, lifetime),
        command => panic!("{options:?} was taken for {command:?}"),
    }
}

#[test]
fn every_command_is_known() {
    let expire = Command::Expire {
        key: bytes("k"),
        lifetime: Duration::from_secs(10),
    };
    let set = Set {
        key: bytes("k"),
        value: bytes("v"),
        condition: Condition::Always,
        lifetime: None,
    };
    for (line, command) in [
        ("PING", Command::Ping(None)),
        ("PING hello", Command::Ping(Some(bytes("hello")))),
        ("ECHO hello", Command::Echo(bytes("hello"))),
        ("SET k v", Command::Set(set)),
        ("GET k", Command::Get(bytes("k"))),
        ("DEL a b", Command::Del(list(&["a", "b"]))),
        ("EXISTS a a", Command::Exists(list(&["a", "a"]))),
        ("INCR k", Command::Incr(bytes("k"))),
        ("EXPIRE k 10", expire),
        ("TTL k", Command::Ttl(bytes("k"))),
        ("KEYS *", Command::Keys(bytes("*"))),
        ("DBSIZE", Command::DbSize),
        ("FLUSHALL", Command::FlushAll),
        ("FLUSHALL ASYNC", Command::FlushAll),
        ("FLUSHALL sync", Command::FlushAll),
        ("COMMAND", Command::Commands),
        ("COMMAND DOCS", Command::Commands),
        ("COMMAND INFO get set", Command::Commands),
        ("CONFIG GET save", Command::ConfigGet(list(&["save"]))),
        ("INFO", Command::Info(Vec::new())),
        ("INFO stats", Command::Info(list(&["stats"]))),
        ("QUIT", Command::Quit),
        ("QUIT now", Command::Quit),
    ] {
        assert_eq!(parse(line), command, "{line:?}");
    }
}

#[test]
fn names_and_options_may_be_written_in_any_case() {
    assert_eq!(parse("gEt Key"), Command::Get(bytes("Key")));
    assert_eq!(
        parse("config gEt Save"),
        Command::ConfigGet(list(&["Save"]))
    );
    assert_eq!(
        set_options("nX eX 1"),
        (Condition::IfAbsent, Some(Duration::from_secs(1)))
    );
}

#[test]
fn set_takes_a_condition_and_a_lifetime_in_any_order() {
    let lifetime = Some(Duration::from_millis(1500));
    assert_eq!(set_options("PX 1500"), (Condition::Always, lifetime));
    assert_eq!(set_options("PX 1500 NX"), (Condition::IfAbsent, lifetime));
    assert_eq!(set_options("XX PX 1500"), (Condition::IfPresent, lifetime));
    assert_eq!(set_options("NX NX"), (Condition::IfAbsent, None));
}

#[test]
fn an_expiry_that_is_over_is_a_removal() {
    assert_eq!(parse("EXPIRE k 0"), Command::Del(list(&["k"])));
    assert_eq!(parse("EXPIRE k -5"), Command::Del(list(&["k"])));
}
