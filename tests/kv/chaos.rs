//! The daemon while its parts are killed, for no reason and without a warning.

use std::env;
use std::time::Duration;

use crate::client::Reply;
use crate::daemon::Daemon;
use crate::load;

/// How often a part is killed, in milliseconds.
const PERIOD_MS: u64 = 20;

#[test]
fn no_acknowledged_write_is_lost_while_every_part_is_killed() {
    // R6, R8, L1, L3. Each part falls alone and rises at once, and what is shared outlives it.
    let calm = Daemon::start(&["--log", "warn"]);
    report("without chaos", &calm, Duration::from_secs(1));
    drop(calm);
    let time = Duration::from_secs(seconds());
    let period = PERIOD_MS.to_string();
    let daemon = Daemon::start(&["--log", "warn", "--chaos", &period, "--chaos-store"]);
    report("with chaos", &daemon, time);
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.logged);
    println!("{}", ended.printed);
    let kills = number_after(&ended.printed, "kills: ").expect("kills are counted");
    // Each strike meets somebody; the clock of a busy machine may be late.
    assert!(kills * PERIOD_MS >= seconds() * 500, "{kills} kills");
    for part in ["store", "expiry", "reporter", "listener"] {
        let restarts = number_after(&ended.printed, &format!("restarts of root.{part}: "));
        assert!(
            restarts.is_some(),
            "{part} was never killed: {}",
            ended.printed
        );
    }
}

#[test]
fn a_connection_outlives_the_store_that_serves_it() {
    // R6. They are no group: the connection waits for the next incarnation, and hears no error.
    let options = ["--log", "warn", "--chaos", "1"];
    let parts = ["--chaos-parts", "expiry,reporter,store"];
    let daemon = Daemon::start(&[options.as_slice(), &parts].concat());
    let mut client = daemon.connect();
    for count in 1..=5000 {
        assert_eq!(client.ask("INCR count"), Reply::Integer(count));
    }
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.logged);
    assert!(
        ended.printed.contains("restarts of root.store: "),
        "{}",
        ended.printed
    );
}

/// Lets clients write, checks what was acknowledged, and says how much that was.
fn report(what: &str, daemon: &Daemon, time: Duration) {
    let writers = load::run(daemon.address(), time);
    let lost = load::lost(daemon.address(), &writers);
    let sum = |count: fn(&load::Writer) -> u64| writers.iter().map(count).sum::<u64>();
    let acks = sum(|writer| writer.acks);
    println!(
        "{what}: {acks} acknowledged in {} s, {} per second; {lost} lost, {} refused, \
         {} connections broken",
        time.as_secs(),
        acks / time.as_secs(),
        sum(|writer| writer.refused),
        sum(|writer| writer.broken),
    );
    assert_eq!(lost, 0, "acknowledged writes are lost");
    assert!(
        writers.iter().all(|writer| writer.acks > 0),
        "a client was starved"
    );
}

/// How long the chaos lasts.
fn seconds() -> u64 {
    let seconds = env::var("KV_CHAOS_SECONDS").ok();
    let seconds = seconds.map(|seconds| seconds.parse().expect("KV_CHAOS_SECONDS is a number"));
    seconds.unwrap_or(5).max(1)
}

/// The number behind some words.
fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, rest) = text.split_once(words)?;
    rest.lines().next()?.parse().ok()
}
