//! A folder with a build file, and the programs that build it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{program, until};

/// After which time a change of a file is seen by its times.
const TICK: Duration = Duration::from_millis(20);

/// A folder that is built.
#[derive(Debug)]
pub(crate) struct Project(TempDir);

/// What a build says in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) ran: usize,
    pub(crate) stored: usize,
    pub(crate) unneeded: usize,
    pub(crate) files_read: usize,
}

/// A program that does not outlive its test. What it says goes to a file.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    said: PathBuf,
}

impl Project {
    /// A project with this build file.
    pub(crate) fn new(build_file: &str) -> Self {
        let project = Self(TempDir::new().expect("there is room"));
        project.write("build.toml", build_file);
        project
    }

    /// A program in C: two files and a header.
    pub(crate) fn in_c() -> Self {
        let project = Self::new(IN_C);
        project.write("main.c", MAIN);
        project.write("say.c", SAY);
        project.write("say.h", HEADER);
        project
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file, and waits until another change of it would be seen.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).expect("there is room");
        let age = || path.metadata().ok()?.modified().ok()?.elapsed().ok();
        until("the clock has moved on", || {
            age().is_some_and(|age| age > TICK)
        });
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("it is there")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program::path("build", "process,solver"));
        let command_in = command.args(args).current_dir(self.folder());
        command_in.stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let output = self.command(args).output();
        output.expect("the program can be started")
    }

    /// Builds, which is to succeed.
    #[track_caller]
    pub(crate) fn build(&self, args: &[&str]) -> Counts {
        let output = self.run(&[&["run"], args].concat());
        assert!(output.status.success(), "{output:?}");
        Counts::read(&String::from_utf8(output.stdout).expect("it is text"))
    }

    /// Builds, which is to fail with this code, and gives what it says of that.
    #[track_caller]
    pub(crate) fn fail(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(&[&["run"], args].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = String::from_utf8(output.stderr).expect("it is text");
        let said = said.strip_prefix("build: ").expect("it says who speaks");
        said.trim_end().to_owned()
    }

    /// Starts the program; what it says goes to the file of this name.
    pub(crate) fn start(&self, said: &str, args: &[&str]) -> Running {
        let said = self.path(said);
        let file = File::create(&said).expect("there is room");
        let mut command = self.command(args);
        let command = command.stdout(file.try_clone().expect("it is open"));
        let child = command.stderr(file).spawn();
        let child = child.expect("the program can be started");
        Running { child, said }
    }

    /// Starts a server in the folder `server`, and waits until it can be asked.
    pub(crate) fn serve(&self) -> Running {
        let server = self.start("server-said", &["serve", "--dir", "server", "-j", "2"]);
        until("the server can be asked", || {
            let asked = self.run(&["run", "--server", "server", "no-such-target"]);
            let said = String::from_utf8_lossy(&asked.stderr);
            said.contains("there is no target no-such-target")
        });
        server
    }
}

impl Counts {
    #[track_caller]
    pub(crate) fn read(said: &str) -> Self {
        let line = said.lines().last().expect("it says what it has done");
        let (_, counts) = line.split_once(": ").expect("it counts");
        let counts = counts.split(", ").map(|count| {
            let (number, _) = count.split_once(' ').expect("a number and what it counts");
            number.parse().expect("a number")
        });
        match *counts.collect::<Vec<_>>() {
            [ran, stored, unneeded, files_read] => Self {
                ran,
                stored,
                unneeded,
                files_read,
            },
            _ => panic!("{line:?} does not count"),
        }
    }
}

impl Running {
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.said).expect("it is there")
    }

    #[track_caller]
    pub(crate) fn until_said(&self, text: &str) {
        until(&format!("{text:?} is said"), || self.said().contains(text));
    }

    pub(crate) fn signal(&self, signal: &str) {
        send(signal, &self.child.id().to_string());
    }

    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the program has ended", || {
            status = self.child.try_wait().expect("it is ours");
            status.is_some()
        });
        status.expect("it was waited for")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send(signal: &str, pid: &str) {
    let sent = Command::new("kill").args(["-s", signal, pid]).status();
    assert!(sent.expect("there is a kill").success());
}

/// Whether a process is there, and has not ended.
pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

const IN_C: &str = "\
[targets.\"main.o\"]
command = \"gcc -g0 -MD -MF main.d -c main.c -o main.o\"
inputs = [\"main.c\"]
outputs = [\"main.o\"]
depfile = \"main.d\"

[targets.\"say.o\"]
command = [\"gcc\", \"-g0\", \"-MD\", \"-MF\", \"say.d\", \"-c\", \"say.c\", \"-o\", \"say.o\"]
inputs = [\"say.c\"]
outputs = [\"say.o\"]
depfile = \"say.d\"

[targets.hello]
command = [\"gcc\", \"main.o\", \"say.o\", \"-o\", \"hello\"]
inputs = [\"main.o\", \"say.o\"]
outputs = [\"hello\"]
";

const MAIN: &str = "\
#include \"say.h\"
int main(void) { say(WORD); return 0; }
";

const SAY: &str = "\
#include <stdio.h>
#include \"say.h\"
void say(const char *word) { puts(word); }
";

const HEADER: &str = "\
#define WORD \"hello\"
void say(const char *word);
";
