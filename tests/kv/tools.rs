//! The daemon with the tools of Redis, which know nothing of it.

use std::process::{Command, Output};

use crate::daemon::Daemon;

#[test]
#[ignore = "needs redis-tools"]
fn every_command_works_with_redis_cli() {
    // R13. Each call is a connection of its own.
    let daemon = Daemon::start(&[]);
    for (words, expected) in [
        ("PING", "PONG"),
        ("PING hello", "hello"),
        ("ECHO hello", "hello"),
        ("SET a 1", "OK"),
        ("GET a", "1"),
        ("GET nothing", ""),
        ("INCR a", "2"),
        ("INCR b", "1"),
        ("SET a 3 NX", ""),
        ("SET a 3 XX", "OK"),
        ("SET c 3 EX 100", "OK"),
        ("TTL c", "100"),
        ("TTL a", "-1"),
        ("TTL nothing", "-2"),
        ("EXPIRE a 50", "1"),
        ("TTL a", "50"),
        ("EXISTS a b nothing", "2"),
        ("DBSIZE", "3"),
        ("KEYS [ab]", "a\nb"),
        ("DEL a nothing", "1"),
        ("CONFIG GET save", "save\n"),
        ("COMMAND DOCS", ""),
        ("NOSUCH", "ERR unknown command 'NOSUCH'\n"),
        ("FLUSHALL", "OK"),
        ("DBSIZE", "0"),
        ("QUIT", "OK"),
    ] {
        let output = redis_cli(&daemon, words);
        assert!(output.status.success(), "{words}: {output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, format!("{expected}\n"), "{words}");
    }
    let info = redis_cli(&daemon, "INFO");
    assert!(String::from_utf8_lossy(&info.stdout).contains("keyspace_hits:1"));
    assert!(daemon.stop().status.success());
}

#[test]
#[ignore = "needs redis-tools"]
fn redis_benchmark_finishes() {
    // L8, R13. Fifty connections, sixteen requests at a time.
    let daemon = Daemon::start(&["--log", "warn"]);
    println!("without chaos\n{}", redis_benchmark(&daemon));
    assert!(daemon.stop().status.success());
}

#[test]
#[ignore = "needs redis-tools"]
fn redis_benchmark_does_not_notice_that_others_are_killed() {
    // R6. Parts declared alone fall alone: no connection breaks, or the tool would give up.
    let daemon = Daemon::start(&["--chaos", "20", "--chaos-parts", "expiry,reporter"]);
    println!("with chaos\n{}", redis_benchmark(&daemon));
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.logged);
    for part in ["expiry", "reporter"] {
        let restarts = format!("restarts of root.{part}: ");
        assert!(ended.printed.contains(&restarts), "{}", ended.printed);
    }
    println!("{}", ended.printed);
}

fn redis_cli(daemon: &Daemon, words: &str) -> Output {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &daemon.address().port().to_string()]);
    let output = command.args(words.split(' ')).output();
    output.expect("redis-cli is installed: package redis-tools")
}

/// Runs the benchmark to its end, and returns what it has printed.
#[track_caller]
fn redis_benchmark(daemon: &Daemon) -> String {
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &daemon.address().port().to_string()]);
    command.args(["-t", "set,get,incr", "-n", "200000", "-c", "50", "-P", "16"]);
    let output = command.arg("--csv").output();
    let output = output.expect("redis-benchmark is installed: package redis-tools");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in ["SET", "GET", "INCR"] {
        assert!(printed.contains(&format!("\"{name}\",")), "{output:?}");
    }
    printed
}
