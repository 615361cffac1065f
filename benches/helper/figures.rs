//! Times and what is made of them.

use std::fmt;
use std::time::Duration;

/// The time that no more than so many of a hundred are above.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

/// One figure of all rounds: the median, with the lowest and the highest.
pub(crate) struct Spread {
    median: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        Self {
            median: figures[figures.len() / 2],
            lowest: figures[0],
            highest: figures[figures.len() - 1],
        }
    }

    pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
        Self::of(figures).median
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            median,
            lowest,
            highest,
        } = self;
        let text = format!("{median:.2} ({lowest:.2} to {highest:.2})");
        f.pad(&text)
    }
}
