//! What a program has said: the last bytes of each output, and its lines for whoever listens.
//!
//! A program is never held up because nobody listens. What is kept has a bound, what is older is
//! counted and lost, and so is what a slow listener missed.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::Context;

pub(super) const TARGET: &str = "perennial::process";

/// Which of a program's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line that a program wrote.
///
/// It has no control characters and none that change the direction of writing: they stand escaped,
/// as `\u{1b}`, so that a line cannot do anything to a terminal or a log. What is not UTF-8 is
/// replaced. [`Captured`] has the bytes as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Where it came from.
    pub source: Source,
    /// The line without its end.
    pub text: Arc<str>,
    /// Whether it was longer than lines may be, and its rest is lost.
    pub was_cut: bool,
}

/// The lines of a program from the moment this was made, for one listener.
#[derive(Debug)]
pub struct Lines {
    pub(super) lines: broadcast::Receiver<Line>,
}

/// What comes next from [`Lines`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A line.
    Line(Line),
    /// So many lines were lost, because the listener was slow.
    Missed(u64),
}

impl Line {
    pub(super) fn new(source: Source, text: &str, was_cut: bool) -> Self {
        let text = text.into();
        Self {
            source,
            text,
            was_cut,
        }
    }
}

impl Lines {
    /// Waits for the next line; `None` when the outputs have ended and all was heard.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no line is lost.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.lines.recv().await {
            Ok(line) => Some(Heard::Line(line)),
            Err(broadcast::error::RecvError::Lagged(lines)) => Some(Heard::Missed(lines)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Tells `tracing` what the program writes, as `INFO` of the target `perennial::process` with
    /// the node's path, until the outputs have ended. A [`Command`](super::Command) that is a node
    /// does this by itself.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was not told is dropped.
    pub async fn tell(mut self, context: &Context) {
        let path = context.path();
        while let Some(heard) = self.next().await {
            match heard {
                Heard::Line(Line {
                    source,
                    text,
                    was_cut,
                }) => {
                    let source = match source {
                        Source::Stdout => "stdout",
                        Source::Stderr => "stderr",
                    };
                    tracing::info!(target: TARGET, %path, source, was_cut, "{text}");
                }
                Heard::Missed(lines) => {
                    tracing::warn!(target: TARGET, %path, "{lines} lines were lost");
                }
            }
        }
    }
}

/// What a program has written to one output so far.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Captured {
    /// The last bytes, as they came.
    pub bytes: Vec<u8>,
    /// How many came before them and were dropped.
    pub dropped: u64,
}

impl Captured {
    /// The bytes as text; what is not UTF-8 is replaced. Control characters are kept.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("bytes", &self.bytes.len())
            .field("dropped", &self.dropped)
            .finish()
    }
}

/// Takes down what comes from one output.
#[derive(Debug)]
pub(super) struct Recorder {
    kept_max: usize,
    tail: Mutex<Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    dropped: u64,
}

impl Recorder {
    pub(super) fn new(kept_max: usize) -> Self {
        Self {
            kept_max,
            tail: Mutex::default(),
        }
    }

    pub(super) fn record(&self, bytes: &[u8]) {
        let mut tail = self.tail.lock();
        let fresh = &bytes[bytes.len().saturating_sub(self.kept_max)..];
        let room = self.kept_max - fresh.len();
        let old = tail.bytes.len().saturating_sub(room);
        tail.bytes.drain(..old);
        tail.bytes.extend(fresh);
        let lost = old + (bytes.len() - fresh.len());
        tail.dropped = tail.dropped.saturating_add(lost as u64);
    }

    pub(super) fn captured(&self) -> Captured {
        let tail = self.tail.lock();
        Captured {
            bytes: tail.bytes.iter().copied().collect(),
            dropped: tail.dropped,
        }
    }

    /// The whole lines among what is kept.
    pub(super) fn lines(&self, source: Source, line_max: usize) -> Vec<Line> {
        let captured = self.captured();
        let mut lines = Vec::new();
        Splitter::new(line_max).push(&captured.bytes, |text, was_cut| {
            lines.push(Line::new(source, text, was_cut));
        });
        // What was dropped may have been its beginning.
        let first = usize::from(captured.dropped > 0).min(lines.len());
        lines.split_off(first)
    }

    /// The last line that is not blank, made harmless and short.
    pub(super) fn last_words(&self) -> Option<String> {
        let text = self.captured().text();
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(harmless(line.trim()).chars().take(LAST_WORDS_MAX).collect())
    }
}

/// How many characters of a last line are told with an exit.
const LAST_WORDS_MAX: usize = 200;

/// Cuts bytes into lines of at most `line_max` bytes; the rest of a longer line is passed over.
#[derive(Debug)]
pub(super) struct Splitter {
    line_max: usize,
    begun: Vec<u8>,
    is_cut: bool,
}

impl Splitter {
    pub(super) const fn new(line_max: usize) -> Self {
        Self {
            line_max,
            begun: Vec::new(),
            is_cut: false,
        }
    }

    /// Takes more bytes, and gives each line that they end.
    pub(super) fn push(&mut self, bytes: &[u8], mut tell: impl FnMut(&str, bool)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, ends) = match part.split_last() {
                Some((b'\n', line)) => (line, true),
                Some(_) | None => (part, false),
            };
            let room = self.line_max - self.begun.len();
            self.is_cut |= line.len() > room;
            self.begun.extend(&line[..line.len().min(room)]);
            if ends {
                self.end(&mut tell);
            }
        }
    }

    /// Forgets a line that has begun: nobody listens.
    pub(super) fn skip(&mut self) {
        self.begun.clear();
        self.is_cut = false;
    }

    /// Gives what stands after the last end of a line.
    pub(super) fn finish(&mut self, mut tell: impl FnMut(&str, bool)) {
        if !self.begun.is_empty() || self.is_cut {
            self.end(&mut tell);
        }
    }

    fn end(&mut self, tell: &mut impl FnMut(&str, bool)) {
        let line = self.begun.strip_suffix(b"\r").unwrap_or(&self.begun);
        tell(&harmless(&String::from_utf8_lossy(line)), self.is_cut);
        self.begun.clear();
        self.is_cut = false;
    }
}

/// Escapes what could do something to whoever shows the text.
fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_harmful(letter) {
            clean.extend(letter.escape_default());
        } else {
            clean.push(letter);
        }
    }
    clean.into()
}

/// Control characters but the tabulator, ends of lines, and what turns the direction of writing.
fn is_harmful(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() && letter != '\t' || matches!(letter, '\u{2028}' | '\u{2029}') || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line_max: usize, chunks: &[&[u8]]) -> Vec<(String, bool)> {
        let (mut splitter, mut lines) = (Splitter::new(line_max), Vec::new());
        for chunk in chunks {
            splitter.push(chunk, |line, cut| lines.push((line.to_owned(), cut)));
        }
        splitter.finish(|line, cut| lines.push((line.to_owned(), cut)));
        lines
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        // L7. What is heard depends on the bytes, not on how they were read.
        let text = b"one\ntwo\r\n\nlast";
        let whole = lines(80, &[text]);
        let single: Vec<_> = text.chunks(1).collect();
        assert_eq!(whole, lines(80, &single));
        let words: Vec<_> = whole.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(words, ["one", "two", "", "last"]);
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_than_its_limit() {
        // R17. The rest is passed over, and the next line is whole again.
        let long = vec![b'x'; 1000];
        let found = lines(10, &[&long, &long, b"\nnext\n"]);
        let cut = ("x".repeat(10), true);
        assert_eq!(found, [cut, ("next".to_owned(), false)]);
    }

    #[test]
    fn a_line_does_nothing_to_a_terminal() {
        // R17. Escapes, a bell, a NUL, a broken byte and a turned direction are shown.
        let found = lines(80, &[b"\x1b[31mred\x07\0\xff\xe2\x80\xae\tend\n"]);
        let shown = "\\u{1b}[31mred\\u{7}\\u{0}\u{fffd}\\u{202e}\tend";
        assert_eq!(found[0].0, shown);
    }

    #[test]
    fn the_last_bytes_are_kept_and_the_others_counted() {
        // R17. The bound holds for chunks of any size.
        let recorder = Recorder::new(4);
        for chunk in [&b"ab"[..], b"cde", b"", b"fghijklm"] {
            recorder.record(chunk);
            assert!(recorder.captured().bytes.len() <= 4);
        }
        let captured = recorder.captured();
        assert_eq!((captured.text().as_str(), captured.dropped), ("jklm", 9));
    }

    #[test]
    fn last_words_are_the_last_line_that_says_something() {
        // R17. They go into the error of a node.
        let recorder = Recorder::new(100);
        recorder.record(b"first\n  bind: in use\x1b \n\n \n");
        let words = recorder.last_words();
        assert_eq!(words.as_deref(), Some("bind: in use\\u{1b}"));
    }
}
