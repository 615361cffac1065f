//! The tables of scenarios against the tests: no number is without a test or a reason, and no test
//! is without a number.
//!
//! The check is a function of texts, so `planted` runs it over faults it makes up: a check that
//! cannot fail is a defect.

#[path = "scenarios/planted.rs"]
mod planted;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A table of scenarios, and the tests that are for them.
struct Suite {
    /// What the names of its tests begin with, before the numbers.
    prefix: &'static str,
    table: &'static str,
    /// Where its tests are.
    folder: &'static str,
    /// Those that have a process of their own, as what they look at is shared by all of a process.
    apart: &'static [&'static str],
    /// How many scenarios there are, so that none gets lost together with its test.
    scenarios: usize,
}

const OTP: Suite = Suite {
    prefix: "otp",
    table: "tests/otp/scenarios.md",
    folder: "tests/otp",
    apart: &["tests/otp_log.rs"],
    scenarios: 122,
};

const SOLVER: Suite = Suite {
    prefix: "sol",
    table: "tests/solver/scenarios.md",
    folder: "tests/solver",
    apart: &[],
    scenarios: 84,
};

/// One line of the table.
struct Row<'a> {
    number: &'a str,
    verdict: &'a str,
}

/// The name of a test, and whether it is run.
#[derive(Debug, PartialEq)]
struct Test<'a> {
    name: &'a str,
    is_ignored: bool,
}

#[test]
fn every_scenario_of_otp_has_a_test_or_a_reason() {
    OTP.assert_served();
}

#[test]
fn every_scenario_of_the_solver_has_a_test_or_a_reason() {
    SOLVER.assert_served();
}

impl Suite {
    /// Reads the files as they are, and prints the line that sums them up.
    fn assert_served(&self) {
        let table = read(&root().join(self.table));
        let sources: Vec<_> = self.sources().iter().map(|path| read(path)).collect();
        let sources: Vec<_> = sources.iter().map(String::as_str).collect();
        match check(self.prefix, &table, &sources, self.scenarios) {
            Ok(summary) => println!("{summary}"),
            Err(faults) => panic!(
                "{}: {} to put right:\n{}",
                self.table,
                faults.len(),
                faults.join("\n")
            ),
        }
    }

    fn sources(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(root().join(self.folder)).expect("it is there");
        let mut paths: Vec<_> = folder
            .map(|entry| entry.expect("it is read").path())
            .collect();
        paths.extend(self.apart.iter().map(|path| root().join(path)));
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
        paths.sort();
        paths
    }
}

/// Sums the table up, or lists what is wrong with it.
fn check(
    prefix: &str,
    table: &str,
    sources: &[&str],
    scenarios: usize,
) -> Result<String, Vec<String>> {
    let mut faults = Vec::new();
    let rows = rows(table, &mut faults);
    let tests = sources.iter().flat_map(|source| tests(prefix, source));
    let tests: Vec<_> = tests.collect();
    let known = || rows.iter().map(|row| (row.number, row.verdict));
    let verdicts: BTreeMap<_, _> = known().collect();
    if rows.len() != scenarios {
        faults.push(format!("{} scenarios: there are {scenarios}", rows.len()));
    }
    for pair in rows.windows(2) {
        if rank(pair[0].number) >= rank(pair[1].number) {
            faults.push(format!(
                "{} stands after {}",
                pair[1].number, pair[0].number
            ));
        }
    }
    let mut served = BTreeSet::new();
    for test in &tests {
        match numbers(prefix, test.name) {
            Ok(numbers) => {
                faults.extend(
                    numbers
                        .iter()
                        .filter_map(|number| misplaced(number, &verdicts)),
                );
                served.extend(numbers.into_iter().filter(|_| !test.is_ignored));
            }
            Err(why) => faults.push(format!("{}: {why}", test.name)),
        }
    }
    let is_served = |row: &&Row<'_>| served.contains(row.number);
    let tested = || rows.iter().filter(|row| row.verdict == "test");
    let bare = tested().filter(|row| !is_served(row)).map(|row| row.number);
    faults.extend(bare.map(|number| format!("{number}: no test, so find one or a reason")));
    if !faults.is_empty() {
        return Err(faults);
    }
    let count = |verdict: &str| rows.iter().filter(|row| row.verdict == verdict).count();
    let by = tests.iter().filter(|test| !test.is_ignored).count();
    let (of_tests, pools, no) = (count("test"), count("pool"), count("no"));
    Ok(format!(
        "{prefix}: {} scenarios: {of_tests} by {by} tests, {pools} for pools, {no} not translated",
        rows.len()
    ))
}

/// Why a test cannot name this number.
fn misplaced(number: &str, verdicts: &BTreeMap<&str, &str>) -> Option<String> {
    match verdicts.get(number) {
        Some(&"test") => None,
        Some(verdict) => Some(format!("{number} has a test, and its verdict is {verdict}")),
        None => Some(format!("{number} has a test, and is not in the table")),
    }
}

/// The lines of the first table that begins with `| number`.
fn rows<'a>(table: &'a str, faults: &mut Vec<String>) -> Vec<Row<'a>> {
    let lines = table
        .lines()
        .skip_while(|line| !line.starts_with("| number |"));
    let lines = lines.skip(2).take_while(|line| line.starts_with('|'));
    let mut rows = Vec::new();
    for line in lines {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, name, verdict, how] = cells[..] else {
            faults.push(format!("four cells are expected: {line}"));
            continue;
        };
        if rank(number).is_none() {
            faults.push(format!("{number:?} is no number of a scenario"));
        }
        if !["test", "pool", "no"].contains(&verdict) {
            faults.push(format!("{number}: {verdict:?} is no verdict"));
        }
        if name.is_empty() || how.is_empty() {
            faults.push(format!(
                "{number}: neither its name nor its reason may be empty"
            ));
        }
        rows.push(Row { number, verdict });
    }
    rows
}

/// The order of the scenarios: those of OTP, then those of Rust. `None` if it is not written so.
fn rank(number: &str) -> Option<(bool, u32)> {
    let plain = number.strip_prefix('R');
    let value: u32 = plain.unwrap_or(number).parse().ok()?;
    let written = match plain {
        Some(_) => format!("R{value}"),
        None => format!("{value:02}"),
    };
    (written == number).then_some((plain.is_some(), value))
}

/// The numbers that the name of a test begins with: `otp_25_26_one_falls` is for 25 and 26.
fn numbers(prefix: &str, name: &str) -> Result<Vec<String>, &'static str> {
    let rest = name.trim_start_matches(prefix).trim_start_matches('_');
    let is_number = |part: &&str| {
        let digits = part.strip_prefix('r').unwrap_or(part);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts = rest.split('_').take_while(is_number);
    let numbers: Vec<_> = parts.map(str::to_uppercase).collect();
    if numbers.is_empty() {
        return Err("it is for no number");
    }
    match numbers.iter().all(|number| rank(number).is_some()) {
        true => Ok(numbers),
        false => Err("a number has two digits at least, as in the table"),
    }
}

/// The tests of scenarios in a source: functions below `#[test]` whose names begin so.
fn tests<'a>(prefix: &str, source: &'a str) -> Vec<Test<'a>> {
    let is_of_suite = |name: &str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with('_'))
    };
    let (mut found, mut attributes) = (Vec::new(), Vec::new());
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        let name = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split('(').next());
        let is_test = |name: &&str| is_of_suite(name) && attributes.contains(&"#[test]");
        if let Some(name) = name.filter(is_test) {
            let is_ignored = attributes.iter().any(|line| line.starts_with("#[ignore"));
            found.push(Test { name, is_ignored });
        }
        attributes.clear();
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
