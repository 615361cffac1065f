//! What is shown: the lines of the programs and what becomes of them, each under its name.
//!
//! The tree tells both to `tracing`; this is the subscriber.

use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::logs::Logs;

/// The colours of programs; red is for what goes wrong.
const COLOURS: [AnsiColor; 10] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightYellow,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];

/// Where the nodes of the programs stand.
pub(crate) const PROGRAMS: &str = "root.programs.";

/// Shows what is told of the programs, and keeps it.
pub(crate) struct Paint {
    logs: Arc<Logs>,
    /// The longest name so far.
    width: AtomicUsize,
}

impl Paint {
    pub(crate) const fn new(logs: Arc<Logs>) -> Self {
        Self {
            logs,
            width: AtomicUsize::new(0),
        }
    }

    fn show(&self, name: &str, is_bad: bool, text: &str) {
        let width = self
            .width
            .fetch_max(name.len(), Ordering::Relaxed)
            .max(name.len());
        let style = if is_bad {
            Style::new().fg_color(Some(AnsiColor::Red.into()))
        } else {
            style(name)
        };
        let mut out = AutoStream::auto(std::io::stdout().lock());
        for line in text.lines() {
            // Whoever watched may have gone; the programs run on.
            let _ = writeln!(out, "{style}{name:width$} |{style:#} {line}");
        }
    }
}

fn style(name: &str) -> Style {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let at = hasher.finish() % COLOURS.len() as u64;
    Style::new().fg_color(Some(COLOURS[at as usize].into()))
}

impl<S: Subscriber> Layer<S> for Paint {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        let path = told.path.unwrap_or_default();
        let name = path.strip_prefix(PROGRAMS).unwrap_or("procfile");
        // What a program wrote is shown as it is, whatever it speaks of.
        let is_bad = told.source.is_none() && *event.metadata().level() <= Level::WARN;
        if name != "procfile" {
            self.logs.add(name, &told.message);
        }
        self.show(name, is_bad, &told.message);
    }
}

/// The fields of an event that matter here.
#[derive(Default)]
struct Told {
    path: Option<String>,
    source: Option<String>,
    message: String,
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => {
                let _ = write!(self.message, "{text}");
            }
            "path" => self.path = Some(text),
            "source" => self.source = Some(text),
            _ => {}
        }
    }
}
