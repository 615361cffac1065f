//! From the death of a program, with a call in flight, to the next answer.

use std::time::{Duration, Instant};

use perennial::Backoff;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::yield_now;

use crate::figures::percentile;
use crate::hand::Hand;
use crate::program::{ANSWER, HOLD, PID};
use crate::stage::{Stage, stage};

/// Deaths without a delay, and with one.
const QUICK: usize = 50;
const SLOW: usize = 10;

pub(crate) async fn measure() {
    println!("recovery                                    p50         p99");
    starts().await;
    deaths_without_delay().await;
    deaths_with_the_default().await;
}

/// What a start takes by hand, which no recovery can do without.
async fn starts() {
    let mut starts = Vec::new();
    for _ in 0..QUICK {
        let began = Instant::now();
        let hand = Hand::start().await;
        starts.push(began.elapsed());
        hand.end().await;
    }
    row("a start by hand, to its hello", starts);
}

async fn deaths_without_delay() {
    let one = stage(ANSWER, Backoff::none(), |builder| builder).await;
    let (mut told, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..QUICK {
        let (began, ended) = kill(&one).await;
        told.push(ended);
        one.ask("again").await;
        answered.push(began.elapsed());
    }
    one.end().await;
    row("to the end of the call in flight", told);
    row("to the next answer, no delay", answered);
}

async fn deaths_with_the_default() {
    let (mut answered, mut delays, mut rests) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SLOW {
        // A new one each time, so that each death is the first.
        let one = stage(ANSWER, Backoff::default(), |builder| builder).await;
        let (began, _) = kill(&one).await;
        let delay = due(&one).await;
        one.ask("again").await;
        let whole = began.elapsed();
        answered.push(whole);
        delays.push(delay);
        rests.push(whole.saturating_sub(delay));
        one.end().await;
    }
    row("to the next answer, by default", answered);
    row("  of which is the first delay", delays);
    row("  and all else", rests);
}

/// Kills the program with a call in flight: when, and how long until that call had failed.
async fn kill(stage: &Stage) -> (Instant, Duration) {
    let pid = stage.ask(PID).await.parse().ok().and_then(Pid::from_raw);
    let pid = pid.expect("it is the number of a process");
    let held = async {
        let held = stage.helper.call(HOLD.to_owned()).await;
        held.expect_err("it has no answer");
        Instant::now()
    };
    let kill = async {
        // What was asked before is written when this is answered.
        stage.ask("behind it").await;
        kill_process(pid, Signal::KILL).expect("it runs");
        Instant::now()
    };
    let (failed, began) = tokio::join!(held, kill);
    (began, failed - began)
}

/// How long the node waits until it starts again.
async fn due(stage: &Stage) -> Duration {
    loop {
        let snapshot = stage.tree.snapshot().await;
        let node = snapshot.find("root.helper").expect("it is declared");
        if let Some(due) = node.due {
            return due;
        }
        yield_now().await;
    }
}

fn row(what: &str, mut times: Vec<Duration>) {
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    println!("  {what:<34}{p50:>10.1?}  {p99:>10.1?}");
}
