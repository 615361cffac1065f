//! Rounds of two sides in turn, and what they gave beside each other.

use crate::beside::spread::Spread;

/// What the floor and the tree gave, in each round.
#[derive(Debug)]
pub(crate) struct Table<T> {
    floor: Vec<T>,
    tree: Vec<T>,
}

impl<T> Table<T> {
    /// Measures both sides in turn, at least once.
    pub(crate) fn measure(rounds: usize, floor: impl Fn() -> T, tree: impl Fn() -> T) -> Self {
        let rounds = (0..rounds.max(1)).map(|_| (floor(), tree()));
        let (floor, tree) = rounds.unzip();
        Self { floor, tree }
    }

    /// The most that the tree gave in a round.
    pub(crate) fn most(&self, part: impl Fn(&T) -> f64) -> f64 {
        spread(self.tree.iter().map(part)).high
    }

    /// The most by which the tree gave more than the floor in a round.
    pub(crate) fn most_beyond(&self, part: impl Fn(&T) -> f64) -> f64 {
        let rounds = self.floor.iter().zip(&self.tree);
        spread(rounds.map(|(floor, tree)| part(tree) - part(floor))).high
    }

    pub(crate) fn head(&self, title: &str) {
        let [floor, tree, ratio] = ["bare tasks", "the tree", "ratio"];
        println!("\n{title}\n{floor:>56}{tree:>14}{ratio:>8}");
    }

    /// Prints medians, and the ratio: the median of those of the rounds, and how far they are
    /// apart.
    pub(crate) fn row(&self, what: &str, unit: &str, part: impl Fn(&T) -> f64) {
        let middle = |side: &[T]| spread(side.iter().map(&part)).median;
        let [floor, tree] = [middle(&self.floor), middle(&self.tree)];
        let places = if tree < 100.0 { 1 } else { 0 };
        print!("  {what:<42}{floor:>9.places$} {unit:<2}{tree:>11.places$} {unit:<2}");
        let rounds = self.floor.iter().zip(&self.tree);
        let ratios = rounds.map(|(floor, tree)| part(tree) / part(floor));
        let Spread { low, median, high } = spread(ratios);
        if high - low >= 0.01 {
            println!("{median:>8.2} ({low:.2} to {high:.2})");
        } else if floor > 0.0 {
            println!("{median:>8.2}");
        } else {
            println!();
        }
    }
}

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    Spread::of(values).expect("there is a round")
}
