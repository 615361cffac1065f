//! Where the two sides differ, and whether that is intended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

/// What `differences.txt` says.
#[derive(Debug, Default)]
pub(crate) struct Intended {
    /// Whether OTP forgets a temporary child that has ended, which keeps its place here: it is
    /// marked as [`KEPT`], wherever it occurs.
    keeps: bool,
    /// The whole trace of a script, with both sides where they differ.
    traces: BTreeMap<String, String>,
}

/// What is found in all scripts.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) lines: usize,
    pub(crate) differences: usize,
    /// How many places in lists were kept.
    kept: usize,
    /// What is not as it was intended.
    pub(crate) faults: Vec<String>,
}

/// The state of a temporary child that has ended, in a list of this side.
pub(crate) const KEPT: &str = " kept";

const EVERYWHERE: &str = "everywhere kept";

impl Intended {
    /// Reads `differences.txt`.
    ///
    /// # Panics
    ///
    /// If an entry has no reason.
    pub(crate) fn read(text: &str) -> Self {
        let mut intended = Self::default();
        for entry in text
            .split("\n\n")
            .map(|entry| entry.trim_start_matches('\n'))
        {
            let lines = entry.lines().filter(|line| !line.starts_with('#'));
            let (head, body): (Vec<_>, Vec<_>) = lines.partition(|line| is_head(line));
            let Some(&first) = head.first() else {
                assert!(body.is_empty(), "an entry says what it is about: {body:?}");
                continue;
            };
            assert!(
                head.iter().any(|line| line.starts_with("why ")),
                "{first}: it says why"
            );
            match first.strip_prefix("script ") {
                Some(name) => {
                    let trace: String = body.iter().map(|line| format!("{line}\n")).collect();
                    let before = intended.traces.insert(name.to_owned(), trace);
                    assert!(before.is_none(), "{name} is told once");
                }
                None if first == EVERYWHERE => intended.keeps = true,
                None => panic!("what is {first:?}?"),
            }
        }
        intended
    }
}

fn is_head(line: &str) -> bool {
    ["script ", "why ", "everywhere "]
        .iter()
        .any(|word| line.starts_with(word))
}

impl Comparison {
    /// Compares the traces of one script.
    pub(crate) fn add(&mut self, intended: &Intended, name: &str, otp: &[String], ours: &[String]) {
        let ours: Vec<_> = match intended.keeps {
            true => ours.iter().map(|line| self.forget(line)).collect(),
            false => ours.to_vec(),
        };
        self.lines += ours.len();
        let found = trace(otp, &ours);
        match (intended.traces.get(name), found) {
            (None, None) => {}
            (Some(told), Some(found)) if *told == found => self.differences += 1,
            (Some(_), Some(found)) => {
                let fault = format!("script {name}\nwhy it differs in another way\n{found}");
                self.faults.push(fault);
            }
            (Some(_), None) => {
                let fault = format!("script {name}\nwhy it is told to differ, and does not");
                self.faults.push(fault);
            }
            (None, Some(found)) => {
                let fault = format!("script {name}\nwhy nobody has told that it differs\n{found}");
                self.faults.push(fault);
            }
        }
    }

    /// Takes out of a list what OTP has forgotten.
    fn forget(&mut self, line: &str) -> String {
        let Some(list) = line.strip_prefix("= ") else {
            return line.to_owned();
        };
        let (kept, listed): (Vec<_>, Vec<_>) =
            list.split(", ").partition(|entry| entry.ends_with(KEPT));
        self.kept += kept.len();
        format!("= {}", listed.join(", ")).trim_end().to_owned()
    }

    /// Sees that all that is told occurs, after all scripts were compared.
    pub(crate) fn finish(&mut self, intended: &Intended, names: &BTreeSet<&str>) {
        let told = intended.traces.keys();
        let unknown = told.filter(|name| !names.contains(name.as_str()));
        let faults = unknown.map(|name| format!("script {name}\nwhy there is no such script"));
        self.faults.extend(faults);
        if intended.keeps {
            self.differences += 1;
            if self.kept == 0 {
                self.faults.push(format!("{EVERYWHERE}\nwhy it is nowhere"));
            }
        }
    }
}

/// Both traces in one, with what is only in OTP's after a minus, and what is only in ours after a
/// plus. `None` if they are alike.
fn trace(otp: &[String], ours: &[String]) -> Option<String> {
    if otp == ours {
        return None;
    }
    let (otp, ours): (Vec<_>, Vec<_>) = (as_slices(otp), as_slices(ours));
    let mut text = String::new();
    for change in TextDiff::from_slices(&otp, &ours).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => ' ',
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        let line = format!("{sign} {}", change.value());
        writeln!(text, "{}", line.trim_end()).expect("a string takes all");
    }
    Some(text)
}

fn as_slices(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}
