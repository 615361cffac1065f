//! What strangers can do, and what it costs the others: nothing.

use std::iter::repeat_n;

use crate::client::{Client, Reply, request};
use crate::daemon::Daemon;
use crate::until;

/// How many connections a process can hold that has 1024 descriptors, as most have.
const CONNECTIONS: usize = 900;
/// The nodes without connections, and the line of the log that follows them.
const NODES: usize = 6 + 1;

#[test]
fn what_breaks_the_protocol_is_told_and_closed() {
    // R13. A child that cannot go on says why and returns; its siblings do not notice.
    let daemon = Daemon::start(&[]);
    let mut other = daemon.connect();
    for (what, bytes, error) in [
        (
            "nested arrays of 128 kB",
            b"*1\r\n".repeat(32_000),
            "expected '$', got '*'",
        ),
        (
            "a huge count",
            b"*1000000000\r\n".to_vec(),
            "invalid multibulk length",
        ),
        (
            "a huge argument",
            b"*1\r\n$9999999999\r\n".to_vec(),
            "invalid bulk length",
        ),
        (
            "a negative argument",
            b"*1\r\n$-5\r\n".to_vec(),
            "invalid bulk length",
        ),
        (
            "an endless header",
            [b"*".as_slice(), &[b'1'; 100_000]].concat(),
            "too long a count or length",
        ),
        (
            "an endless line",
            vec![b'a'; 100_000],
            "too big inline request",
        ),
        (
            "no line end",
            b"*1\r\n$4\r\nPINGPONG".to_vec(),
            "expected a line end after an argument",
        ),
        (
            "a browser",
            b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n".to_vec(),
            "this is not an http server",
        ),
    ] {
        let mut client = daemon.connect();
        // It may close while this is still sending.
        let _ = client.send(bytes);
        let reply = client
            .reply()
            .unwrap_or_else(|broken| panic!("{what}: {broken}"));
        assert_eq!(
            reply.error(),
            format!("ERR Protocol error: {error}"),
            "{what}"
        );
        assert!(client.is_closed(), "{what}");
        assert_eq!(other.ask("PING"), Reply::Simple("PONG".to_owned()));
    }
    assert_eq!(other.ask("DBSIZE"), Reply::Integer(0));
}

#[test]
fn requests_before_a_broken_one_are_answered() {
    // R13. The batch in work is finished first.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client
        .send("SET a 1\r\nINCR a\r\n*x\r\nINCR a\r\n")
        .unwrap();
    assert_eq!(client.reply().unwrap(), Reply::ok());
    assert_eq!(client.reply().unwrap(), Reply::Integer(2));
    assert!(client.reply().unwrap().error().contains("Protocol error"));
    assert!(client.is_closed());
    assert_eq!(daemon.connect().ask("GET a"), Reply::bulk("2"));
}

#[test]
fn half_a_request_for_ever_costs_little_and_blocks_nobody() {
    // L8, R13. Each of them is a child that waits.
    let daemon = Daemon::start(&[]);
    let mut other = daemon.connect();
    other.ask("PING");
    let before = daemon.memory_kib();
    let mut waiting: Vec<Client> = (0..CONNECTIONS).map(|_| daemon.connect()).collect();
    for client in &mut waiting {
        client.send("*3\r\n$3\r\nSET\r\n$4\r\nha").unwrap();
    }
    for count in 1..=1000 {
        assert_eq!(other.ask("INCR count"), Reply::Integer(count));
    }
    let used = daemon.memory_kib().saturating_sub(before);
    println!("{CONNECTIONS} connections with half a request: {used} KiB");
    assert!(used < 64 << 10, "{used} KiB for {CONNECTIONS} connections");
    for client in &mut waiting {
        client.send("lf\r\n$1\r\n1\r\n").unwrap();
        assert_eq!(client.reply().unwrap(), Reply::ok());
    }
}

#[test]
fn a_client_that_never_reads_costs_no_more_than_its_bounds() {
    // R13. Each asks for 2 GB; about 1 MiB of replies is made before the client has to read.
    let daemon = Daemon::start(&[]);
    let mut other = daemon.connect();
    let value = vec![b'v'; 1 << 20];
    let set = request(&[b"SET".as_slice(), b"large", &value]);
    other.send(set).unwrap();
    assert_eq!(other.reply().unwrap(), Reply::ok());
    let gets: Vec<_> = repeat_n(request(&["GET", "large"]), 2000)
        .flatten()
        .collect();
    let deaf: Vec<_> = (0..20)
        .map(|_| {
            let mut client = daemon.connect();
            client.send(&gets).unwrap();
            client
        })
        .collect();
    for count in 1..=1000 {
        assert_eq!(other.ask("INCR count"), Reply::Integer(count));
    }
    let memory = daemon.memory_kib();
    println!(
        "{} connections that never read: {memory} KiB in all",
        deaf.len()
    );
    assert!(memory < 256 << 10, "{memory} KiB");
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    // R13. What has returned is forgotten, so the tree is as small as before.
    let daemon = Daemon::start(&[]);
    for _ in 0..1000 {
        let mut client = daemon.connect();
        client.send("PING\r\n").unwrap();
        client.reply().unwrap();
    }
    until("all are forgotten", || {
        daemon.tree().trim_end().lines().count() == NODES
    });
}
