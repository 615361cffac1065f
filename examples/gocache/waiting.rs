//! What somebody sees who waits at a terminal, on standard error; elsewhere nothing is written.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use perennial::store::Progress;

/// How often something moves while nobody knows how much there is to do.
const TICK: Duration = Duration::from_millis(100);

/// Shows that something is done, until it is dropped.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
    spinner.set_message(what);
    spinner.enable_steady_tick(TICK);
    spinner
}

/// A bar that fills as it is told, until it is dropped.
pub(crate) fn bar() -> impl FnMut(Progress) {
    let style = "{bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("it names what a bar has");
    let bar = ProgressBar::new(0).with_finish(ProgressFinish::AndClear);
    bar.set_style(style);
    move |progress| {
        bar.set_length(progress.bytes_in_all);
        bar.set_position(progress.bytes);
    }
}
