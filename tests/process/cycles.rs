//! Many programs, one after another and all at once.

use std::env;
use std::time::{Duration, Instant};

use futures::future::join_all;
use perennial::process::Ready;
use tokio::time::timeout;

use crate::common::{alone, sh, start};

#[test]
fn proc_21_no_cycle_leaves_anything() {
    // L1. Started and killed, with a grandchild in each tenth: 0 orphans, 0 zombies, 0 descriptors.
    let cycles = env::var("PROCESS_CYCLES").map_or(2_000, |text| {
        text.parse().expect("PROCESS_CYCLES is a number")
    });
    alone(async || {
        let begun = Instant::now();
        for cycle in 0..cycles {
            let script = match cycle % 10 {
                0 => "sleep 1000 & wait",
                _ => "exec sleep 1000",
            };
            let gone = start(sh(script)).await.kill().await;
            assert!(gone.survivors.is_empty(), "{gone}");
        }
        println!("{cycles} cycles in {:?}", begun.elapsed());
    });
}

#[test]
fn c6_two_hundred_programs_that_end_at_once_are_all_seen() {
    // L3. No exit is lost, however they come together.
    alone(async || {
        let script = sh("read line; exit 3").stdin(perennial::process::Stdin::Piped);
        let programs = join_all((0..200).map(|_| start(script.clone()))).await;
        let begun = Instant::now();
        for program in &programs {
            program.stdin().unwrap().close();
        }
        let watches: Vec<_> = programs.iter().map(|program| program.watch()).collect();
        let gone = join_all(watches.iter().map(|watch| watch.gone())).await;
        assert!(gone.iter().all(|gone| gone.exit.code() == Some(3)));
        assert!(begun.elapsed() < Duration::from_secs(20));
    });
}

#[test]
fn c6_starts_that_are_given_up_at_any_moment_leave_nothing() {
    // L1. Before the spawner has it, while it is started, while it becomes ready, and after.
    alone(async || {
        for round in 0..300 {
            let ready = Ready::line(|line| &*line.text == "up");
            let created = sh("sleep 1000 & echo up; wait").ready(ready).create();
            let watch = created.watch();
            let patience = Duration::from_micros(round * 20);
            drop(timeout(patience, created.start()).await);
            let gone = watch.gone().await;
            assert!(
                gone.survivors.is_empty() && gone.exit.code().is_none(),
                "{gone}"
            );
        }
    });
}
