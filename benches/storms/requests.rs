//! Requests that are to be refused: one after the other, or all at once; what each takes, and what
//! all of them leave.

use crate::Plan;
use crate::beside::spread::Spread;
use crate::meter::{Meter, Phase};

/// Makes requests of one kind after the other.
#[derive(Debug)]
pub(crate) struct Requests {
    plan: Plan,
    pub(crate) meter: Meter,
    /// Bytes that were there after the last round of a kind, and not after its first.
    pub(crate) left: i64,
    /// How many were not refused as they are to be.
    pub(crate) wrong: usize,
    /// The most bytes of a request while it is answered.
    pub(crate) peak: f64,
}

impl Requests {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            meter: Meter::new(),
            left: 0,
            wrong: 0,
            peak: 0.0,
        }
    }

    pub(crate) fn head(&self, title: &str) {
        let [time, allocations, peak] = ["time", "allocations", "at the peak"];
        println!(
            "\n{} {title}\n{time:>56}{allocations:>14}{peak:>14}",
            self.plan.size
        );
    }

    /// Makes requests, each of which says whether it was refused as it is to be, one after the
    /// other.
    pub(crate) fn each(&mut self, what: &str, request: impl AsyncFn() -> bool) {
        self.all(what, async |size| {
            let mut wrong = 0;
            for _ in 0..size {
                wrong += usize::from(!request().await);
            }
            wrong
        });
    }

    /// Makes so many requests at once, and says how many of them were not refused.
    pub(crate) fn all(&mut self, what: &str, requests: impl AsyncFn(usize) -> usize) {
        let Self { plan, meter, .. } = self;
        let before = meter.live();
        // One more: the first ones may make room that is kept for the next.
        let rounds = (0..=plan.rounds.max(1)).map(|_| meter.measure(requests(plan.size)));
        let (wrong, phases): (Vec<_>, Vec<_>) = rounds.unzip();
        self.wrong += wrong.into_iter().sum::<usize>();
        self.note(what, before, &phases);
    }

    fn note(&mut self, what: &str, before: i64, phases: &[Phase]) {
        let [first, .., last] = phases else { return };
        self.left += (last.live - first.live).max(0);
        let each = |sum: f64| sum / self.plan.size as f64;
        let peaks = phases.iter().map(|phase| phase.peak - before);
        let peak = each(peaks.max().unwrap_or_default() as f64);
        self.peak = self.peak.max(peak);
        let times = phases[1..].iter().map(|phase| phase.time.as_nanos() as f64);
        let time = each(Spread::of(times).map_or(0.0, |times| times.median));
        let allocations = each(last.allocations as f64);
        println!("  {what:<42}{time:>9.0} ns{allocations:>14.1}{peak:>12.1} B");
    }
}
