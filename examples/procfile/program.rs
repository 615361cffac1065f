//! A program of the file as a node of the tree.

use std::net::Ipv4Addr;
use std::time::Duration;

use perennial::process::{Command, Ladder, Process, Ready};
use perennial::{Backoff, Intensity, OnSpent, Published, Runnable};
use tokio::net::TcpStream;

use crate::plan::{self, Program};

/// The longest pause before a program is started again: somebody is watching.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The first fall is the last.
pub(crate) fn no_restart() -> Intensity {
    Intensity::new(0, Duration::from_secs(1)).expect("a second is a time")
}

impl Program {
    /// A command in the surroundings that the file gives to this program.
    pub(crate) fn surround(&self, word: &str) -> Command {
        let mut command = Command::new(word).current_dir(self.directory());
        if self.env_clean {
            command = command.env_clean();
        }
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        command
    }

    /// The program as a node, which publishes its process.
    pub(crate) fn runnable(&self, process: &Published<Process>) -> impl Runnable + use<> {
        let words = &self.command.value.words;
        let mut command = self
            .surround(&words[0])
            .args(&words[1..])
            .ready(self.ready());
        if let Some(time) = self.ready_timeout {
            command = command.ready_timeout(time);
        }
        if !self.stop.is_empty() {
            let ladder = Ladder::new();
            let steps = self.stop.iter();
            command = command
                .ladder(steps.fold(ladder, |ladder, step| ladder.signal(step.signal, step.wait)));
        }
        let node = command.publish(process).runnable().restart(self.restart);
        node.backoff(Backoff::default().cap(PAUSE_MAX))
            .on_spent(OnSpent::StayDown)
    }

    fn ready(&self) -> Ready {
        match &self.ready {
            plan::Ready::Spawned => Ready::spawned(),
            plan::Ready::Descriptor => Ready::descriptor(),
            plan::Ready::Line(text) => {
                let text = text.clone();
                Ready::line(move |line| line.text.contains(&text))
            }
            plan::Ready::Port(port) => {
                let port = port.value;
                Ready::probe(move || async move {
                    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                        .await
                        .is_ok()
                })
            }
        }
    }
}
