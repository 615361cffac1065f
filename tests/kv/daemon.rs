//! The daemon as a process that does not outlive its test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use crate::client::Client;
use crate::{PATIENCE, program, until};

/// A running daemon. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    address: SocketAddr,
    printed: Printed,
    logged: Printed,
}

/// How a daemon ended, and all it has said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) printed: String,
    pub(crate) logged: String,
}

impl Daemon {
    /// Starts a daemon on a free port, and waits until it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = spawn("127.0.0.1:0", options);
        let (sender, first_lines) = channel();
        let printed = Printed::of(child.stdout.take().expect("it is piped"), move |line| {
            // Only the first is waited for.
            let _ = sender.send(line.to_owned());
        });
        let logged = Printed::of(child.stderr.take().expect("it is piped"), |_| {});
        let address = address(&first_lines, &mut child, &logged);
        Self {
            child,
            address,
            printed,
            logged,
        }
    }

    /// Runs a daemon that is expected to end by itself.
    pub(crate) fn run(listen: SocketAddr) -> Ended {
        let output = spawn(&listen.to_string(), &[]).wait_with_output();
        let output = output.expect("its output can be read");
        Ended {
            status: output.status,
            printed: String::from_utf8_lossy(&output.stdout).into_owned(),
            logged: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address).expect("the daemon accepts")
    }

    /// What it has written to its standard error.
    pub(crate) fn logged(&self) -> String {
        self.logged.text.lock().clone()
    }

    /// The tree as it logs it when it is asked to.
    pub(crate) fn tree(&self) -> String {
        // The second one shows that the first is all there.
        let known = self.trees().len();
        for count in 1..=2 {
            self.signal("USR1");
            until("the tree is shown", || self.trees().len() == known + count);
        }
        self.trees().swap_remove(known)
    }

    fn trees(&self) -> Vec<String> {
        let logged = self.logged();
        let trees = logged.split("the tree is\n").skip(1);
        trees.map(str::to_owned).collect()
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill` is there wherever a shell is.
        let command = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(status.is_ok_and(|status| status.success()), "{command}");
    }

    /// Stops it in order, and waits for its end.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        let mut status = None;
        until("the daemon has ended", || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        Ended {
            status: status.expect("the wait was for it"),
            printed: self.printed.whole(),
            logged: self.logged.whole(),
        }
    }

    /// How many KiB of memory it has in use.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the daemon runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let number = number.and_then(|number| number.parse().ok());
        number.expect("the system says how much memory a process has")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended; in every other case it must not be left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the daemon has logged:\n{}", tail(&self.logged()));
        }
    }
}

fn spawn(listen: &str, options: &[&str]) -> Child {
    let mut command = Command::new(program::path("kv", ""));
    command.args(["--listen", listen]).args(options);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the daemon can be started")
}

/// What the first line says it listens on.
fn address(lines: &Receiver<String>, child: &mut Child, logged: &Printed) -> SocketAddr {
    let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = child.kill();
        panic!("the daemon does not listen:\n{}", logged.text.lock());
    });
    let address = line.strip_prefix("listening on ");
    let address = address.and_then(|address| address.trim_end().parse().ok());
    address.unwrap_or_else(|| panic!("no address in {line:?}"))
}

/// The end of a long text.
fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

const TAIL_LINES: usize = 100;

/// One of its two outputs, read by a thread so that it never has to wait for us.
#[derive(Debug)]
struct Printed {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Printed {
    fn of(output: impl Read + Send + 'static, mut hear: impl FnMut(&str) + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let kept = text.clone();
        let reader = thread::spawn(move || {
            let mut lines = BufReader::new(output);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                kept.lock().push_str(&line);
                hear(&line);
                line.clear();
            }
        });
        let reader = Some(reader);
        Self { text, reader }
    }

    /// All of it, once the process has ended.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
        self.text.lock().clone()
    }
}
