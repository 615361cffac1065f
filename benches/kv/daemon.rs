//! The daemon as a process of its own.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program;

/// A running daemon. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    /// Starts a daemon on a free port, and waits until it listens.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or does not listen.
    pub(crate) fn start(options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program::path("kv", ""));
        // Nobody listens to spans: what they cost is the choice of whoever has a use for them.
        command.args(["--listen", "127.0.0.1:0", "--log", "warn"]);
        let child = command.args(options).stdout(Stdio::piped()).spawn()?;
        let mut daemon = Self { child, port: 0 };
        let mut line = String::new();
        let output = daemon.child.stdout.as_mut().expect("it is piped");
        BufReader::new(output).read_line(&mut line)?;
        let port = line
            .trim_end()
            .rsplit_once(':')
            .map(|(_, port)| port.parse());
        daemon.port = port.ok_or("the daemon does not listen")??;
        Ok(daemon)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// How long its threads have had a processor.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub(crate) fn processor_time(&self) -> io::Result<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        threads
            .map(|thread| {
                let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
                let ns = schedstat.split_whitespace().next().map(str::parse);
                let ns = ns.and_then(Result::ok).ok_or(io::ErrorKind::InvalidData)?;
                Ok(Duration::from_nanos(ns))
            })
            .sum()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended; in every other case it must not be left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
