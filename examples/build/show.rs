//! What a client shows: a bar where there is a terminal, and plain lines where there is none.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write, stderr, stdout};

use indicatif::{ProgressBar, ProgressStyle};

use crate::progress::{Progress, Summary, What};

/// Shows a build.
pub(crate) struct Show {
    detail: Detail,
    screen: Screen,
    targets: usize,
    done: usize,
    /// What is made now.
    running: BTreeSet<String>,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What was run.
    Ran,
    /// What begins and what was found in the store, too.
    All,
}

enum Screen {
    Bar(ProgressBar),
    Lines,
}

impl Show {
    pub(crate) fn new(detail: Detail) -> Self {
        let is_terminal = stderr().is_terminal() && stdout().is_terminal();
        Self {
            detail,
            screen: if is_terminal { bar() } else { Screen::Lines },
            targets: 0,
            done: 0,
            running: BTreeSet::new(),
        }
    }

    pub(crate) fn show(&mut self, progress: Progress) -> io::Result<()> {
        match progress {
            Progress::Begun { targets } => {
                self.targets = targets;
                if let Screen::Bar(bar) = &self.screen {
                    bar.set_length(targets as u64);
                }
                Ok(())
            }
            Progress::Target { name, what } => self.target(name, what),
            Progress::Missed { events } => self.line(&format!("({events} events were missed)")),
            Progress::Built(summary) => {
                self.finish();
                self.line(&summary_line(&summary))
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Screen::Bar(bar) = &self.screen {
            bar.finish_and_clear();
        }
    }

    fn target(&mut self, name: String, what: What) -> io::Result<()> {
        match what {
            What::Started => self.begin(name),
            What::Completed => self.end(&name, Detail::Ran, ""),
            What::Cached => self.end(&name, Detail::All, ", from the store"),
            What::Failed => self.end(&name, Detail::Ran, " has failed"),
            What::Cancelled => self.end(&name, Detail::All, " was cancelled"),
            What::Log(line) => self.line(&format!("{name}: {line}")),
            What::Warning(text) => self.line(&format!("{name}: warning: {text}")),
        }
    }

    fn begin(&mut self, name: String) -> io::Result<()> {
        let line = format!("{name} begins");
        self.running.insert(name);
        self.move_bar();
        match self.detail {
            Detail::All => self.line(&line),
            Detail::Ran => Ok(()),
        }
    }

    fn end(&mut self, name: &str, detail: Detail, how: &str) -> io::Result<()> {
        self.running.remove(name);
        self.done += 1;
        self.move_bar();
        if detail == Detail::Ran || self.detail == Detail::All {
            let (done, targets) = (self.done, self.targets);
            self.line(&format!("[{done}/{targets}] {name}{how}"))?;
        }
        Ok(())
    }

    fn move_bar(&self) {
        if let Screen::Bar(bar) = &self.screen {
            bar.set_position(self.done as u64);
            let running: Vec<_> = self.running.iter().map(String::as_str).collect();
            bar.set_message(running.join(", "));
        }
    }

    fn line(&self, line: &str) -> io::Result<()> {
        match &self.screen {
            Screen::Bar(bar) if !bar.is_finished() => {
                bar.println(line);
                Ok(())
            }
            Screen::Bar(_) | Screen::Lines => writeln!(stdout(), "{line}"),
        }
    }
}

fn bar() -> Screen {
    let style = ProgressStyle::with_template("[{pos}/{len}] {bar:30} {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    Screen::Bar(ProgressBar::new(0).with_style(style))
}

fn summary_line(summary: &Summary) -> String {
    let Summary {
        ran,
        stored,
        unneeded,
        files_read,
        seconds,
    } = summary;
    format!(
        "built in {seconds:.2} s: {ran} run, {stored} from the store, {unneeded} not needed, \
         {files_read} files read"
    )
}
