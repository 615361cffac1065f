//! What clients want, and the tool that plays them.

use std::error::Error;
use std::process::Command;

use clap::ValueEnum;

/// What is asked for. Both are measured, and share the requests.
const COMMANDS: [&str; 2] = ["set", "get"];

/// How many clients there are at a time.
const CLIENTS: usize = 50;

/// How many seconds a measurement may take; then it has failed.
const SECONDS_MAX: u32 = 60;

/// A kind of load.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Load {
    /// Connections that stay, with one request at a time.
    Kept,
    /// Connections that stay, with sixteen requests at a time.
    Pipelined,
    /// A connection for each request.
    Passing,
}

impl Load {
    /// What its figures are headed with.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Kept => "kept: connections that stay, one request at a time",
            Self::Pipelined => "pipelined: connections that stay, sixteen requests at a time",
            Self::Passing => "passing: a connection for each request",
        }
    }

    /// How many requests a measurement has: a fraction of a second of them, so that the other side
    /// has its turn on much the same machine.
    pub(crate) const fn requests(self) -> usize {
        match self {
            Self::Kept => 12_000,
            Self::Pipelined => 120_000,
            Self::Passing => 3_000,
        }
    }

    const fn option(self) -> [&'static str; 2] {
        match self {
            Self::Kept => ["-P", "1"],
            Self::Pipelined => ["-P", "16"],
            Self::Passing => ["-k", "0"],
        }
    }

    /// Plays so many requests to whoever listens there, and returns how many that are in a second.
    ///
    /// # Errors
    ///
    /// If the tool fails, or takes too long.
    pub(crate) fn run(self, port: u16, requests: usize) -> Result<f64, Box<dyn Error>> {
        let mut command = Command::new("timeout");
        command.args([
            "--signal=KILL",
            &SECONDS_MAX.to_string(),
            "redis-benchmark",
            "--csv",
        ]);
        command.args(["-p", &port.to_string(), "-c", &CLIENTS.to_string()]);
        command.args(["-t", &COMMANDS.join(","), "-n"]);
        command.arg((requests / COMMANDS.len()).to_string());
        let output = command.args(self.option()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        match rate(&text) {
            Some(rate) if output.status.success() => Ok(rate),
            _ => {
                let errors = String::from_utf8_lossy(&output.stderr);
                Err(format!("redis-benchmark: {}: {}", output.status, errors.trim()).into())
            }
        }
    }
}

/// Looks whether the tool is there.
///
/// # Errors
///
/// If it is not.
pub(crate) fn find_tool() -> Result<(), String> {
    match Command::new("redis-benchmark").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "cannot run redis-benchmark, which is in the Debian package redis-tools: {error}"
        )),
    }
}

/// Requests in a second over all commands, each of which has a line such as `"SET","17730.50",..`.
fn rate(text: &str) -> Option<f64> {
    let rates = text.lines().filter_map(|line| {
        let rate = line.split(',').nth(1)?;
        rate.trim_matches('"').parse::<f64>().ok()
    });
    let times: Vec<f64> = rates.map(f64::recip).collect();
    let count = times.len();
    (count == COMMANDS.len()).then(|| count as f64 / times.iter().sum::<f64>())
}
