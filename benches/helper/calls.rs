//! Small calls, beside the same lines by hand.

use std::time::{Duration, Instant};

use futures::future::join_all;
use perennial::Backoff;

use crate::figures::{Spread, percentile};
use crate::hand::Hand;
use crate::program::ANSWER;
use crate::stage::{Stage, stage};

const ROUNDS: usize = 15;
const TEXT: &str = "a request of some forty letters, as many are";

/// How many calls are in flight, and how many are made in a round.
const CASES: [(u64, u64); 2] = [(1, 4_000), (64, 20_000)];

/// What a round of a side gave: calls in a second, and nanoseconds.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
}

pub(crate) async fn measure() {
    let mut hand = Hand::start().await;
    let stage = stage(ANSWER, Backoff::none(), |builder| builder).await;
    println!("calls             a second       p50       p99");
    for (at_once, calls) in CASES {
        let (mut by_hand, mut helped) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // Each is the first one in turn.
            if round % 2 == 0 {
                by_hand.push(hand_round(&mut hand, calls, at_once).await);
                helped.push(helper_round(&stage, calls, at_once).await);
            } else {
                helped.push(helper_round(&stage, calls, at_once).await);
                by_hand.push(hand_round(&mut hand, calls, at_once).await);
            }
        }
        println!("{at_once} in flight");
        row("by hand", &by_hand);
        row("a helper", &helped);
        ratio("a second", &helped, &by_hand, |round| round.rate);
        ratio("p50", &helped, &by_hand, |round| round.p50);
        ratio("p99", &helped, &by_hand, |round| round.p99);
    }
    hand.end().await;
    stage.end().await;
}

async fn hand_round(hand: &mut Hand, calls: u64, at_once: u64) -> Round {
    let began = Instant::now();
    let times = hand.ask(TEXT, calls, at_once).await;
    Round::of(began.elapsed(), times)
}

async fn helper_round(stage: &Stage, calls: u64, at_once: u64) -> Round {
    let began = Instant::now();
    // Shared out before, so that the last ones are as many at once as the first.
    let callers = (0..at_once).map(async |caller| {
        let share = calls / at_once + u64::from(caller < calls % at_once);
        let mut times = Vec::new();
        for _ in 0..share {
            let began = Instant::now();
            stage.ask(TEXT).await;
            times.push(began.elapsed());
        }
        times
    });
    let times = join_all(callers).await.concat();
    Round::of(began.elapsed(), times)
}

impl Round {
    fn of(whole: Duration, mut times: Vec<Duration>) -> Self {
        let mut at = |percent| percentile(&mut times, percent).as_nanos() as f64;
        let (p50, p99) = (at(50), at(99));
        let rate = times.len() as f64 / whole.as_secs_f64();
        Self { rate, p50, p99 }
    }
}

fn row(what: &str, rounds: &[Round]) {
    let median = |figure: fn(&Round) -> f64| Spread::median(rounds.iter().map(figure));
    let (p50, p99) = (median(|round| round.p50), median(|round| round.p99));
    let rate = median(|round| round.rate);
    println!(
        "  {what:<14}{rate:>10.0}  {:>6.1}us  {:>6.1}us",
        p50 / 1e3,
        p99 / 1e3
    );
}

fn ratio(what: &str, helped: &[Round], by_hand: &[Round], figure: fn(&Round) -> f64) {
    let both = helped.iter().zip(by_hand);
    let ratios = Spread::of(both.map(|(helped, by_hand)| figure(helped) / figure(by_hand)));
    println!("  {what} over by hand: {ratios}");
}
