//! Requests that are to be refused: one after the other, or all at once; what each takes, and what
//! all of them leave.

use crate::Plan;
use crate::beside::spread::Spread;
use crate::meter::{Meter, Share};

/// Makes requests of one kind after the other.
#[derive(Debug)]
pub(crate) struct Requests {
    plan: Plan,
    pub(crate) meter: Meter,
    /// How many were not refused as they are to be.
    pub(crate) wrong: usize,
    /// Bytes that were there after the last round of a kind, and not after its first.
    pub(crate) left: f64,
    /// The most bytes of a request, of those that were made at once.
    pub(crate) peak: f64,
}

impl Requests {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            meter: Meter::new(),
            wrong: 0,
            left: 0.0,
            peak: 0.0,
        }
    }

    /// Makes requests one after the other, each of which says whether it was refused as it is to
    /// be.
    pub(crate) fn each(&mut self, what: &str, request: impl AsyncFn() -> bool) {
        let rounds = self.rounds(async |size| {
            let mut wrong = 0;
            for _ in 0..size {
                wrong += usize::from(!request().await);
            }
            wrong
        });
        print(what, &rounds);
        println!();
    }

    /// Makes so many requests at once, and says how many of them were not refused.
    pub(crate) fn all(&mut self, what: &str, requests: impl AsyncFn(usize) -> usize) {
        let before = self.meter.live() as f64 / self.plan.size as f64;
        let rounds = self.rounds(requests);
        let peak = Share::peak(&rounds) - before;
        self.peak = self.peak.max(peak);
        print(what, &rounds);
        println!("{peak:>12.0} B");
    }

    /// The shares of a request in each round.
    fn rounds(&mut self, requests: impl AsyncFn(usize) -> usize) -> Vec<Share> {
        let size = self.plan.size;
        let mut round = || {
            let (wrong, phase) = self.meter.measure(requests(size));
            self.wrong += wrong;
            phase
        };
        // It may make room that is kept for the next.
        let first = round();
        let rounds: Vec<_> = (0..self.plan.rounds.max(1)).map(|_| round()).collect();
        let live = rounds.iter().map(|round| round.live).max();
        self.left += live.map_or(0, |live| live - first.live) as f64;
        rounds.into_iter().map(|round| round.shared(size)).collect()
    }
}

pub(crate) fn head(title: &str, columns: &[&str]) {
    println!("\n{title}");
    let columns = columns.iter().map(|column| format!("{column:>14}"));
    println!("{:42}{}", "", columns.collect::<String>());
}

/// Prints what a request takes.
fn print(what: &str, rounds: &[Share]) {
    let median = |part: fn(&Share) -> f64| {
        let spread = Spread::of(rounds.iter().map(part));
        spread.expect("there is a round").median
    };
    let (ns, allocations) = (median(|share| share.ns), median(|share| share.allocations));
    print!("  {what:<42}{ns:>9.0} ns{allocations:>14.1}");
}
