//! The same exchange by hand: a child, and lines through its pipes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::program::ANSWER;
use crate::words::Said;

pub(crate) struct Hand {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next: u64,
}

impl Hand {
    /// Starts the program, and waits for its hello.
    pub(crate) async fn start() -> Self {
        let this = std::env::current_exe().expect("a program is a file");
        let mut command = Command::new(this);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.arg(ANSWER).spawn().expect("we can be run");
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let mut hand = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            next: 1,
        };
        hand.hear().await;
        hand
    }

    /// Asks so often, with so many calls in flight, and says how long each took.
    pub(crate) async fn ask(&mut self, text: &str, calls: u64, at_once: u64) -> Vec<Duration> {
        let (first, mut sent) = (self.next, Vec::new());
        for _ in 0..at_once {
            sent.push(Instant::now());
            self.say(text).await;
        }
        let mut times = Vec::new();
        for answered in 0..calls {
            let id = self.hear().await;
            times.push(sent[(id - first) as usize].elapsed());
            if answered + at_once < calls {
                sent.push(Instant::now());
                self.say(text).await;
            }
        }
        times
    }

    async fn say(&mut self, text: &str) {
        let mut line = Vec::new();
        let id = self.next;
        self.next += 1;
        Said { id, text }.write(&mut line);
        line.push(b'\n');
        let written = self.stdin.write_all(&line).await;
        written.expect("it reads");
    }

    async fn hear(&mut self) -> u64 {
        let mut line = Vec::new();
        let read = self.stdout.read_until(b'\n', &mut line).await;
        read.expect("it answers");
        Said::read(&line).expect("it is an answer").id
    }

    pub(crate) async fn end(mut self) {
        drop(self.stdin);
        self.child.wait().await.expect("it ends");
    }
}
