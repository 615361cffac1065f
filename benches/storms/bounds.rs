//! What must hold on any machine, and whether it did.

use std::process::ExitCode;

/// The most that something counted may be.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) what: &'static str,
    pub(crate) most: f64,
    /// Why it may be no more, or why as much.
    pub(crate) why: &'static str,
}

/// The bounds that were broken.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    broken: Vec<String>,
}

impl Bounds {
    /// Prints what was found beside the most that it may be, and keeps what is too much.
    pub(crate) fn check(&mut self, bound: &Bound, found: f64) {
        let Bound { what, most, why } = bound;
        let text = format!("{what}: {}, of at most {most}", rounded(found));
        let is_kept = found <= *most;
        let word = if is_kept { "within" } else { "BROKEN" };
        println!("  {word}  {text}\n          ({why})");
        if !is_kept {
            self.broken.push(text);
        }
    }

    /// How the bench ends: with a failure that names what was broken.
    pub(crate) fn verdict(self) -> ExitCode {
        if self.broken.is_empty() {
            println!("\nAll bounds hold.");
            return ExitCode::SUCCESS;
        }
        eprintln!("\nThese bounds are broken:");
        for broken in self.broken {
            eprintln!("  {broken}");
        }
        ExitCode::FAILURE
    }
}

/// Two places after the point, where there is something to see there.
fn rounded(found: f64) -> f64 {
    (found * 100.0).round() / 100.0
}
