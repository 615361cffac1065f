//! What commands do and answer.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::parse;
use crate::{command::apply, resp::Reply, store::Data};

/// A server at a time of its own.
struct World {
    data: Data,
    now: Instant,
}

impl World {
    /// A world in which each of `lines` has been done.
    fn new(lines: &[&str]) -> Self {
        let mut world = Self {
            data: Data::default(),
            now: Instant::now(),
        };
        for line in lines {
            world.tell(line);
        }
        world
    }

    /// Does what the words of `line` say.
    fn tell(&mut self, line: &str) -> Reply {
        apply(parse(line), &mut self.data, self.now)
    }

    /// Lets `count` milliseconds pass.
    fn pass_ms(&mut self, count: u64) {
        self.now += Duration::from_millis(count);
    }
}

/// A string as a reply.
fn bulk(text: &str) -> Reply {
    Reply::Bulk(Bytes::from(text.to_owned()))
}

/// A list of strings as a reply.
fn array(texts: &[&str]) -> Reply {
    Reply::Array(
        texts
            .iter()
            .map(|text| Bytes::from((*text).to_owned()))
            .collect(),
    )
}

#[test]
fn greetings_are_answered() {
    let mut world = World::new(&[]);
    assert_eq!(world.tell("PING"), Reply::Simple("PONG"));
    assert_eq!(world.tell("PING hello"), bulk("hello"));
    assert_eq!(world.tell("ECHO hello"), bulk("hello"));
    assert_eq!(world.tell("QUIT"), Reply::OK);
}

#[test]
fn what_is_set_is_got() {
    let mut world = World::new(&[]);
    assert_eq!(world.tell("SET k v"), Reply::OK);
    assert_eq!(world.tell("GET k"), bulk("v"));
    assert_eq!(world.tell("GET other"), Reply::Null);
}

#[test]
fn a_condition_that_does_not_hold_is_answered_with_nothing() {
    let mut world = World::new(&["SET k v"]);
    assert_eq!(world.tell("SET k w NX"), Reply::Null);
    assert_eq!(world.tell("SET other w XX"), Reply::Null);
    assert_eq!(world.tell("SET k w XX"), Reply::OK);
    assert_eq!(world.tell("SET other w NX"), Reply::OK);
    assert_eq!(world.tell("GET k"), bulk("w"));
}

#[test]
fn set_limits_a_life_in_seconds_or_milliseconds() {
    for line in ["SET k v EX 2", "SET k v PX 2000"] {
        let mut world = World::new(&[line]);
        world.pass_ms(1999);
        assert_eq!(world.tell("GET k"), bulk("v"));
        world.pass_ms(1);
        assert_eq!(world.tell("GET k"), Reply::Null);
    }
}

#[test]
fn set_makes_a_life_endless_again() {
    let mut world = World::new(&["SET k v EX 2", "SET k w"]);
    assert_eq!(world.tell("TTL k"), Reply::Integer(-1));
}

#[test]
fn removed_keys_are_counted() {
    let mut world = World::new(&["SET a 1", "SET b 1"]);
    assert_eq!(world.tell("DEL a a b c"), Reply::Integer(2));
    assert_eq!(world.tell("DBSIZE"), Reply::Integer(0));
}

#[test]
fn existing_keys_are_counted_as_often_as_they_are_named() {
    let mut world = World::new(&["SET a 1"]);
    assert_eq!(world.tell("EXISTS a a b"), Reply::Integer(2));
}

#[test]
fn numbers_are_counted_up() {
    let mut world = World::new(&["SET n 41", "SET text x", "SET most 9223372036854775807"]);
    let error = |text: &str| Reply::Error(text.to_owned());
    assert_eq!(world.tell("INCR n"), Reply::Integer(42));
    assert_eq!(world.tell("INCR new"), Reply::Integer(1));
    assert_eq!(
        world.tell("INCR text"),
        error("ERR value is not an integer or out of range")
    );
    assert_eq!(
        world.tell("INCR most"),
        error("ERR increment or decrement would overflow")
    );
}

#[test]
fn a_life_is_limited_later() {
    let mut world = World::new(&["SET k v"]);
    assert_eq!(world.tell("EXPIRE k 5"), Reply::Integer(1));
    assert_eq!(world.tell("EXPIRE other 5"), Reply::Integer(0));
    world.pass_ms(5000);
    assert_eq!(world.tell("EXISTS k"), Reply::Integer(0));
}

#[test]
fn a_life_that_is_over_is_ended_at_once() {
    let mut world = World::new(&["SET k v"]);
    assert_eq!(world.tell("EXPIRE k -1"), Reply::Integer(1));
    assert_eq!(world.tell("EXPIRE k -1"), Reply::Integer(0));
    assert_eq!(world.tell("GET k"), Reply::Null);
}

#[test]
fn the_longest_life_is_possible() {
    let mut world = World::new(&["SET k v PX 9223372036854775807"]);
    assert_eq!(world.tell("TTL k"), Reply::Integer(9_223_372_036_854_776));
}

#[test]
fn the_time_left_is_told_in_seconds_to_the_nearest() {
    let mut world = World::new(&["SET k v EX 10", "SET endless v"]);
    assert_eq!(world.tell("TTL k"), Reply::Integer(10));
    world.pass_ms(500);
    assert_eq!(world.tell("TTL k"), Reply::Integer(10));
    world.pass_ms(1);
    assert_eq!(world.tell("TTL k"), Reply::Integer(9));
    world.pass_ms(9100);
    assert_eq!(world.tell("TTL k"), Reply::Integer(0));
    world.pass_ms(399);
    assert_eq!(world.tell("TTL k"), Reply::Integer(-2));
    assert_eq!(world.tell("TTL endless"), Reply::Integer(-1));
}

#[test]
fn keys_are_listed_by_pattern() {
    let mut world = World::new(&["SET b2 1", "SET b1 1", "SET a 1"]);
    assert_eq!(world.tell("KEYS b[0-9]"), array(&["b1", "b2"]));
    assert_eq!(world.tell("KEYS x*"), array(&[]));
}

#[test]
fn expired_keys_are_not_counted() {
    let mut world = World::new(&["SET a 1", "SET b 1 PX 10"]);
    assert_eq!(world.tell("DBSIZE"), Reply::Integer(2));
    world.pass_ms(10);
    assert_eq!(world.tell("DBSIZE"), Reply::Integer(1));
}

#[test]
fn everything_can_be_removed() {
    let mut world = World::new(&["SET a 1", "SET b 1 EX 5"]);
    assert_eq!(world.tell("FLUSHALL"), Reply::OK);
    assert_eq!(world.tell("KEYS *"), array(&[]));
}

#[test]
fn clients_that_ask_about_commands_and_settings_are_content() {
    let mut world = World::new(&[]);
    assert_eq!(world.tell("COMMAND DOCS"), array(&[]));
    assert_eq!(world.tell("CONFIG GET save"), array(&["save", ""]));
    assert_eq!(
        world.tell("CONFIG GET AppendOnly"),
        array(&["appendonly", "no"])
    );
    assert_eq!(
        world.tell("CONFIG GET * other"),
        array(&["appendonly", "no", "save", ""])
    );
    assert_eq!(world.tell("CONFIG GET maxmemory"), array(&[]));
}

#[test]
fn a_refused_command_is_answered_in_its_place() {
    let mut world = World::new(&[]);
    assert_eq!(
        world.tell("FETCH"),
        Reply::Error("ERR unknown command 'FETCH'".into())
    );
}

#[test]
fn info_tells_the_figures() {
    let mut world = World::new(&["SET a 123", "SET b 4 EX 5", "GET a", "GET c", "GET d"]);
    let stats = "# Stats\r\nexpired_keys:0\r\nkeyspace_hits:1\r\nkeyspace_misses:2\r\n";
    let keyspace = "# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0\r\n";
    let all = format!("# Memory\r\nused_memory_dataset:6\r\n\r\n{stats}\r\n{keyspace}");
    assert_eq!(world.tell("INFO"), bulk(&all));
    assert_eq!(world.tell("INFO everything"), bulk(&all));
    assert_eq!(
        world.tell("INFO Stats KEYSPACE"),
        bulk(&format!("{stats}\r\n{keyspace}"))
    );
    assert_eq!(world.tell("INFO other"), bulk(""));
}
