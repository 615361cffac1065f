//! Plants each bug of the list in a copy of the crate, and sees it found: `cargo test --test hunt`.
//!
//! Words after `--` choose the mutants whose name holds one of them. A bug that its test does not
//! find is shown to all other tests, which takes longer, and is an error.

#[path = "list.rs"]
mod list;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use list::{Finder, Mutant, mutants};

/// What a copy of the crate needs to be tested.
const PARTS: [&str; 10] = [
    ".ci",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "benches",
    "docs",
    "examples",
    "fuzz/fuzz_targets",
    "src",
    "tests",
];

/// A test that has not ended after so many seconds hangs, and has found the bug.
const SECONDS_MAX: &str = "300";

fn main() -> Result<ExitCode> {
    let words: Vec<_> = env::args().skip(1).collect();
    let is_chosen = |mutant: &&Mutant| {
        words.is_empty() || words.iter().any(|word| mutant.name.contains(word.as_str()))
    };
    let copy = Copy::make()?;
    let (begun, mut found, mut wrong) = (Instant::now(), 0, 0);
    for mutant in mutants().filter(is_chosen) {
        let hunt = copy.hunt(mutant).with_context(|| mutant.name)?;
        let (verdict, what) = match hunt {
            Hunt::Found(by) => {
                found += 1;
                ("found", by)
            }
            Hunt::Lost(why) => ("lost", why),
            Hunt::Wrong(what) => {
                wrong += 1;
                ("WRONG", what)
            }
        };
        println!("{verdict:<6}{}\n      {what}", mutant.name);
    }
    let planted = mutants().filter(is_chosen).count();
    let seconds = begun.elapsed().as_secs();
    println!("{found} of {planted} mutants are found, in {seconds} s");
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

/// What became of a mutant.
enum Hunt {
    /// By this.
    Found(String),
    /// As the list says, for this reason.
    Lost(String),
    /// Not as the list says.
    Wrong(String),
}

/// A copy of the crate, whose source is changed.
struct Copy {
    root: PathBuf,
}

impl Copy {
    fn make() -> Result<Self> {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = from.join("target/hunt/crate");
        if root.exists() {
            fs::remove_dir_all(&root).context("clearing the last copy")?;
        }
        fs::create_dir_all(&root).context("making a place for the copy")?;
        for part in PARTS {
            copy(&from.join(part), &root.join(part))?;
        }
        Ok(Self { root })
    }

    fn hunt(&self, mutant: &Mutant) -> Result<Hunt> {
        let path = self.root.join(mutant.file);
        let source = fs::read_to_string(&path)?;
        fs::write(&path, source.replacen(mutant.old, mutant.new, 1))?;
        let hunt = self.hunt_in(mutant.found_by);
        fs::write(&path, source)?;
        hunt
    }

    fn hunt_in(&self, finder: Finder) -> Result<Hunt> {
        let (is_found, by) = match finder {
            Finder::Lib(file, test) => {
                let test = format!("tree::tests::{file}::{test}");
                (self.fails(&["--lib"], &test)?, test)
            }
            Finder::Unit(file, test) => {
                let path = format!("{}::tests::{test}", file.replace('/', "::"));
                (self.fails(&["--lib"], &path)?, path)
            }
            Finder::Test(file, test) => {
                let by = format!("{test} in tests/{file}.rs");
                // A file in a folder is a module of the test that the folder is called after.
                let (target, path) = match file.split_once('/') {
                    Some((target, module)) => (target, format!("{module}::{test}")),
                    None => (file, test.to_owned()),
                };
                (self.fails(&["--test", target], &path)?, by)
            }
            Finder::Schedules(test) => {
                let by = format!("{test} in .ci/schedules");
                (self.fails_in_a_schedule(test)?, by)
            }
            Finder::Nobody(why) => return Ok(Hunt::Lost(why.to_owned())),
        };
        if is_found {
            return Ok(Hunt::Found(by));
        }
        Ok(Hunt::Wrong(format!("not by {by}, {}", self.finders()?)))
    }

    fn fails_in_a_schedule(&self, test: &str) -> Result<bool> {
        let mut command = Command::new("bash");
        command.args([".ci/schedules", test]);
        command.env("CARGO_TARGET_DIR", self.target());
        let output = self.run(&mut command)?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.contains("test result: FAILED"))
    }

    /// Whether one test fails. A mutant that does not compile is an error.
    fn fails(&self, target: &[&str], test: &str) -> Result<bool> {
        let built = self.run(self.cargo().args(target).arg("--no-run"))?;
        let text = String::from_utf8_lossy(&built.stderr);
        ensure!(built.status.success(), "it does not compile\n{text}");
        let output = self.run(self.cargo().args(target).args(["--", "--exact", test]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let is_there = text.contains("running 1 test");
        Ok(is_there && !output.status.success())
    }

    /// The tests that fail, of all there are.
    fn finders(&self) -> Result<String> {
        let output = self.run(self.cargo().arg("--no-fail-fast"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let failed = text
            .lines()
            .filter_map(|line| line.strip_suffix(" ... FAILED"));
        let failed: BTreeSet<_> = failed.collect();
        Ok(format!("but by {failed:?}"))
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new("timeout");
        command.args([SECONDS_MAX, "cargo", "test", "--all-features"]);
        command.env("CARGO_TARGET_DIR", self.target());
        command
    }

    fn target(&self) -> PathBuf {
        self.root.with_file_name("target")
    }

    fn run(&self, command: &mut Command) -> Result<Output> {
        command
            .current_dir(&self.root)
            .output()
            .context("running a test")
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
