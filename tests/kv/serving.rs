//! What clients get who behave.

use std::iter::repeat_n;
use std::thread;

use crate::client::{Reply, request};
use crate::daemon::Daemon;
use crate::until;

#[test]
fn pipelined_requests_are_answered_in_order() {
    // R13. One connection is one child; its batches are cut at 512, which must not show.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let mut requests = Vec::new();
    for _ in 0..2000 {
        requests.extend(request(&["INCR", "count"]));
        requests.extend(b"PING\r\n");
    }
    client.send(requests).unwrap();
    for count in 1..=2000 {
        assert_eq!(client.reply().unwrap(), Reply::Integer(count));
        assert_eq!(client.reply().unwrap(), Reply::Simple("PONG".to_owned()));
    }
}

#[test]
fn replies_that_do_not_fit_in_memory_at_once_arrive_whole() {
    // R13. A batch is answered in parts of about 1 MiB, each whole and in its place.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    let value = vec![b'v'; 700_000];
    let set = request(&[b"SET".as_slice(), b"large", &value]);
    client.send(set).unwrap();
    assert_eq!(client.reply().unwrap(), Reply::ok());
    let gets = repeat_n(request(&["GET", "large"]), 64).flatten();
    client.send(gets.collect::<Vec<_>>()).unwrap();
    client.send(request(&["INCR", "count"])).unwrap();
    for _ in 0..64 {
        assert!(client.reply().unwrap() == Reply::bulk(&value));
    }
    assert_eq!(client.reply().unwrap(), Reply::Integer(1));
}

#[test]
fn what_is_refused_leaves_the_connection_as_it_was() {
    // R13. An error is a reply; it ends no child.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    assert_eq!(client.ask("SET word text"), Reply::ok());
    for (words, error) in [
        ("NOSUCH thing", "ERR unknown command 'NOSUCH'"),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("INCR word", "ERR value is not an integer or out of range"),
        ("SET word text NX XX", "ERR syntax error"),
        (
            "EXPIRE word soon",
            "ERR value is not an integer or out of range",
        ),
    ] {
        assert_eq!(client.ask(words).error(), error, "{words}");
    }
    assert_eq!(client.ask("GET word"), Reply::bulk("text"));
}

#[test]
fn counting_is_atomic_among_clients() {
    // L1. One incarnation of the store at a time carries out all commands.
    let daemon = Daemon::start(&[]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = daemon.connect();
                for _ in 0..50 {
                    let requests = repeat_n(request(&["INCR", "count"]), 20).flatten();
                    client.send(requests.collect::<Vec<_>>()).unwrap();
                    for _ in 0..20 {
                        client.reply().unwrap().integer();
                    }
                }
            });
        }
    });
    assert_eq!(daemon.connect().ask("GET count"), Reply::bulk("8000"));
}

#[test]
fn a_key_is_absent_when_it_is_due() {
    // L8. Nothing ticks, and yet no key is seen after its time.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    assert_eq!(client.ask("SET short text PX 200"), Reply::ok());
    assert_eq!(client.ask("SET long text EX 100"), Reply::ok());
    assert_eq!(client.ask("TTL long"), Reply::Integer(100));
    until("the key is absent", || {
        client.ask("GET short") == Reply::Null
    });
    assert_eq!(client.ask("GET long"), Reply::bulk("text"));
}

#[test]
fn memory_of_due_keys_is_given_back_without_being_asked_for() {
    // L8. The node sleeps until the next key is due, and is woken when an earlier one appears.
    let daemon = Daemon::start(&["--log", "debug"]);
    let mut client = daemon.connect();
    assert_eq!(client.ask("SET long text PX 60000"), Reply::ok());
    assert_eq!(client.ask("SET short text PX 300"), Reply::ok());
    until("the key is removed", || {
        daemon
            .logged()
            .contains("removed keys that were due count=1")
    });
    assert_eq!(client.ask("DBSIZE"), Reply::Integer(1));
}

#[test]
fn a_client_that_quits_is_answered_and_let_go() {
    // R13. The child has returned, and what was sent after the goodbye is nobody's.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.send("QUIT\r\nSET late text\r\n").unwrap();
    assert_eq!(client.reply().unwrap(), Reply::ok());
    assert!(client.is_closed());
    assert_eq!(daemon.connect().ask("EXISTS late"), Reply::Integer(0));
}

#[test]
fn connections_beyond_the_limit_are_closed_until_there_is_room() {
    // R13. A pool that is full refuses, and a place is free when its child is forgotten.
    let daemon = Daemon::start(&["--max-connections", "8"]);
    let mut clients: Vec<_> = (0..8).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), Reply::Simple("PONG".to_owned()));
    }
    assert!(daemon.connect().is_closed());
    drop(clients.pop());
    until("there is room", || {
        let mut client = daemon.connect();
        client.send("PING\r\n").is_ok() && client.reply().is_ok()
    });
}

#[test]
fn bare_connections_are_served_alike_and_are_no_nodes() {
    // R17. A snapshot shows what the tree has started: a child of the pool, and no bare task.
    let [pooled, bare] = [[].as_slice(), &["--bare-connections"]].map(|options| {
        let daemon = Daemon::start(options);
        let mut client = daemon.connect();
        assert_eq!(client.ask("INCR count"), Reply::Integer(1));
        let nodes = daemon.tree().lines().count();
        assert!(daemon.stop().status.success());
        assert!(client.is_closed());
        nodes
    });
    assert_eq!(pooled, bare + 1);
}

#[test]
fn a_silent_connection_is_closed_when_a_limit_is_set() {
    // R13. Half a request is silence too, once it is followed by nothing.
    let daemon = Daemon::start(&["--idle-timeout", "1"]);
    let mut client = daemon.connect();
    client.send("*2\r\n$3\r\nGE").unwrap();
    assert!(client.is_closed());
}
