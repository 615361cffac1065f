//! How the daemon starts, is watched, and ends.

use std::io::ErrorKind;
use std::iter::repeat_n;
use std::thread;

use crate::client::{Client, Reply, request};
use crate::daemon::Daemon;
use crate::until;

#[test]
fn a_termination_signal_stops_it_in_order() {
    // R11. Stopped on request is success, and every connection is closed.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    assert_eq!(client.ask("SET a 1"), Reply::ok());
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.logged);
    assert!(
        ended.printed.ends_with("\nstopped\nkills: 0\n"),
        "{}",
        ended.printed
    );
    assert!(client.is_closed());
}

#[test]
fn a_batch_in_work_is_finished_before_the_stop() {
    // R10. What is asked to stop has its grace: no reply is cut, and none is made up.
    let daemon = Daemon::start(&[]);
    let address = daemon.address();
    let clients: Vec<_> = (0..4)
        .map(|number| thread::spawn(move || count_until_closed(address, number)))
        .collect();
    let mut client = daemon.connect();
    until("all of them have begun", || {
        client.ask("DBSIZE") == Reply::Integer(4)
    });
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.logged);
    assert!(
        ended.printed.contains("\nstopped\nkills: 0\n"),
        "{}",
        ended.printed
    );
    for client in clients {
        assert!(client.join().unwrap() > 0);
    }
}

/// Counts up in batches, and says how far it came. All replies but the last ones must be there.
fn count_until_closed(address: std::net::SocketAddr, number: usize) -> i64 {
    let mut client = Client::connect(address).expect("the daemon accepts");
    let key = format!("count{number}");
    let batch: Vec<_> = repeat_n(request(&["INCR", &key]), 16).flatten().collect();
    let mut count = 0;
    loop {
        if client.send(&batch).is_err() {
            return count;
        }
        for _ in 0..16 {
            match client.reply() {
                Ok(Reply::Integer(number)) => {
                    count += 1;
                    assert_eq!(number, count);
                }
                Ok(other) => panic!("the store stops after its users: {other:?}"),
                Err(error) => {
                    let closed = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
                    assert!(closed.contains(&error.kind()), "{error}");
                    return count;
                }
            }
        }
    }
}

#[test]
fn a_second_signal_stops_it_at_once() {
    // R11, L9. The client does not take its reply, so the first signal waits for the grace.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    for number in 0..500 {
        let key = format!("{number}{}", "k".repeat(64 << 10));
        client.send(request(&["SET", &key, "1"])).unwrap();
        assert_eq!(client.reply().unwrap(), Reply::ok());
    }
    client.send("KEYS *\r\n").unwrap();
    assert!(!client.is_closed(), "the reply, of 32 MiB, has begun");
    daemon.signal("TERM");
    until("it is stopping", || {
        daemon.logged().contains("a signal stops the tree")
    });
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.logged);
    let (report, connection) = ("\nstopped\n", "\n  root.connections.1: aborted");
    assert!(ended.printed.contains(report), "{}", ended.printed);
    assert!(ended.printed.contains(connection), "{}", ended.printed);
}

#[test]
fn a_port_in_use_is_an_error_before_it_is_healthy() {
    // R11. A root that was never healthy is not tried again: the process says so and ends with 1.
    let daemon = Daemon::start(&[]);
    let ended = Daemon::run(daemon.address());
    assert_eq!(ended.status.code(), Some(1), "{}", ended.logged);
    let said = ended.logged.to_lowercase();
    let cannot = format!(
        "cannot listen on {}: address already in use",
        daemon.address()
    );
    assert!(said.contains(&cannot), "{said}");
    assert_eq!(ended.printed, "");
    assert_eq!(daemon.connect().ask("DBSIZE"), Reply::Integer(0));
}

#[test]
fn the_tree_is_shown_at_a_signal() {
    // R17. One line for each node, indented by its depth.
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.ask("PING");
    let tree = daemon.tree();
    let expected = [
        "root #1 done",
        "  store #2 healthy",
        "  expiry #3 healthy",
        "  reporter #4 healthy",
        "  connections #5 healthy",
        "    1 #7 healthy",
        "  listener #6 healthy",
    ];
    assert_eq!(tree.lines().take(7).collect::<Vec<_>>(), expected, "{tree}");
    assert!(daemon.stop().status.success());
}
