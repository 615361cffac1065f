//! What is shown: the lines of the programs and what becomes of them, each under its name.
//!
//! The tree tells both to `tracing`; this is the subscriber.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use clap::builder::styling::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::logs::Logs;
use crate::screen::Screen;

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

/// Shows what is told of the programs, and keeps it.
pub(crate) struct Paint {
    logs: Arc<Logs>,
    screen: Arc<Screen>,
    names: Mutex<Names>,
}

/// The names that were shown so far.
#[derive(Default)]
struct Names {
    colours: BTreeMap<String, AnsiColor>,
    /// The longest.
    width: usize,
}

impl Paint {
    pub(crate) fn new(logs: Arc<Logs>, screen: Arc<Screen>) -> Self {
        Self {
            logs,
            screen,
            names: Mutex::default(),
        }
    }

    fn show(&self, name: &str, is_bad: bool, text: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let (colour, width) = names.find(name);
        drop(names);
        let colour = if is_bad { AnsiColor::Red } else { colour };
        let style = Style::new().fg_color(Some(colour.into()));
        for line in text.split('\n') {
            let line = format!("{style}{name:width$} |{style:#} {line}");
            self.screen.show(line);
        }
    }
}

impl Names {
    /// The colour of a name, each its own as long as there are any, and the width of all.
    fn find(&mut self, name: &str) -> (AnsiColor, usize) {
        if let Some(colour) = self.colours.get(name) {
            return (*colour, self.width);
        }
        let colour = COLOURS[self.colours.len() % COLOURS.len()];
        self.colours.insert(name.to_owned(), colour);
        self.width = self.width.max(name.len());
        (colour, self.width)
    }
}

/// The program that a node is of: it stands below `root.programs`, alone or in its group.
pub(crate) fn program_at(path: &str) -> Option<&str> {
    path.strip_prefix("root.programs.")?.rsplit('.').next()
}

impl<S: Subscriber> Layer<S> for Paint {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        let name = program_at(&told.path);
        if let Some(name) = name {
            self.logs.add(name, &told.message);
        }
        // What a program wrote is shown as it is, whatever it speaks of.
        let is_bad = !told.is_output && *event.metadata().level() <= Level::WARN;
        self.show(name.unwrap_or("procfile"), is_bad, &told.message);
    }
}

/// The fields of an event that matter here.
#[derive(Default)]
struct Told {
    path: String,
    is_output: bool,
    message: String,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "path" => self.path = format!("{value:?}"),
            "source" => self.is_output = true,
            _ => {}
        }
    }
}
