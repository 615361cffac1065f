//! Comparisons of texts that show what differs.

use std::fmt::{Display, Write as _};

use similar::TextDiff;

/// Asserts that a tree looks as expected: its text, line by line.
///
/// Common indentation by spaces, blank lines at both ends and white space at the ends of lines do
/// not count, so that the expected text can be indented with the code around it.
///
/// # Panics
///
/// With the lines that differ.
///
/// # Examples
///
/// ```
/// use perennial::Context;
/// use perennial::testing::{Harness, assert_text};
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     ctx.run("store", |ctx: Context| async move { ctx.done() })?;
///     ctx.healthy();
///     Ok(ctx.cancelled().await)
/// }
///
/// Harness::run(None, |h| async move {
///     h.start(root);
///     h.settled().await;
///     assert_text(h.snapshot().await, "
///         root #1 healthy
///           store #2 done
///     ");
///     assert_text(&h.log()[0], "0.000000 root #1 declared");
/// });
/// ```
#[track_caller]
pub fn assert_text(actual: impl Display, expected: &str) {
    let (actual, expected) = (trim(&actual.to_string()), trim(expected));
    assert!(actual == expected, "{}", difference(&actual, &expected));
}

/// What differs: lines that were expected and are missing, and lines that came instead.
fn difference(actual: &str, expected: &str) -> String {
    let mut text = String::from("the texts differ (- expected, + actual):\n");
    for change in TextDiff::from_lines(expected, actual).iter_all_changes() {
        // Writing to a string does not fail.
        let _ = write!(text, "{} {change}", change.tag());
    }
    text
}

/// The text without common indentation and without blank lines at both ends.
fn trim(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    let filled = || lines.iter().filter(|line| !line.is_empty());
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let common = filled().map(indent).min().unwrap_or_default();
    let lines = lines
        .iter()
        .map(|line| line.get(common..).unwrap_or_default());
    let mut lines: Vec<_> = lines.skip_while(|line| line.is_empty()).collect();
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}
