//! Whether a cost is what it may be, or whether the rounds cannot tell.

use std::fmt;

/// What rounds tell of a cost that has a limit.
#[derive(Debug)]
pub(crate) struct Verdict {
    cost_max: f64,
    /// Where the median of many more rounds would be, with a chance of 95 %. Too few rounds do not
    /// tell.
    likely: Option<[f64; 2]>,
}

impl Verdict {
    /// Judges the ratios of rates to those of the floor, which may be less than 1 by `cost_max`.
    pub(crate) fn of(ratios: impl Iterator<Item = f64>, cost_max: f64) -> Self {
        let mut ratios: Vec<_> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        // Each round is on either side of that median, as a coin falls.
        let deviation = (ratios.len() as f64).sqrt() / 2.0;
        let (middle, margin) = (ratios.len() / 2, (1.96 * deviation).ceil() as usize);
        let low = middle.checked_sub(margin).and_then(|at| ratios.get(at));
        let high = ratios.get(middle + margin);
        let likely = low.zip(high).map(|(low, high)| [*low, *high]);
        Self { cost_max, likely }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.cost_max;
        let Some([low, high]) = self.likely else {
            return write!(f, "too few rounds for a verdict");
        };
        let least = 1.0 - self.cost_max;
        let word = match (low >= least, high >= least) {
            (true, _) => "within",
            (false, true) => "perhaps within",
            (false, false) => "beyond",
        };
        write!(
            f,
            "{word} {percent:.0} %: the ratio is {low:.3} to {high:.3}, with a chance of 95 %"
        )
    }
}
