//! The daemon as a process that does not outlive its test, and the commands that speak to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::{program, until};

/// A folder of a file and of its daemon's socket.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    name: &'static str,
}

/// A running daemon. Dropped, it is killed, and so are its programs.
#[derive(Debug)]
pub(crate) struct Daemon {
    place: Place,
    child: Child,
}

impl Place {
    pub(crate) fn new(name: &'static str, text: impl AsRef<[u8]>) -> Self {
        let folder = TempDir::new().expect("there is room");
        let place = Self { folder, name };
        place.write(text);
        place
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder().join(self.name)
    }

    pub(crate) fn write(&self, text: impl AsRef<[u8]>) {
        let folder = self.file().parent().map(fs::create_dir_all);
        folder.expect("a file has a folder").expect("there is room");
        fs::write(self.file(), text).expect("there is room");
    }

    /// Writes a script beside the file.
    pub(crate) fn write_script(&self, name: &str, text: &str) {
        let script = self.file().with_file_name(name);
        fs::write(&script, text).expect("there is room");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&script, mode).expect("it is ours");
    }

    /// Runs one of the commands to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let output = self.command(args).output();
        output.expect("the program can be started")
    }

    /// One of the commands, to be run in the folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program::path("procfile", "process"));
        command.args(args).args(["-f", self.name]);
        command.current_dir(self.folder()).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.folder());
        command
    }

    /// Starts the daemon, and waits until all programs are up.
    pub(crate) fn up(self) -> Daemon {
        let daemon = self.start();
        daemon.until_shown("programs are up", 1);
        daemon
    }

    /// Starts the daemon. What it shows goes to a file.
    pub(crate) fn start(self) -> Daemon {
        let child = self.spawn();
        Daemon { place: self, child }
    }

    fn spawn(&self) -> Child {
        let shown = fs::File::create(self.folder().join("shown")).expect("there is room");
        let mut command = self.command(&["up"]);
        command
            .stderr(shown.try_clone().expect("it is open"))
            .stdout(shown);
        command.spawn().expect("the program can be started")
    }

    /// Starts the daemon. What it shows is read by nobody.
    pub(crate) fn start_unread(self) -> Daemon {
        let mut command = self.command(&["up"]);
        let child = command.stdout(Stdio::piped()).spawn();
        let child = child.expect("the program can be started");
        fs::write(self.folder().join("shown"), "").expect("there is room");
        Daemon { place: self, child }
    }
}

impl Daemon {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// All that it has shown so far.
    pub(crate) fn shown(&self) -> String {
        let shown = fs::read(self.place.folder().join("shown")).expect("it is there");
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Waits until a text was shown so many times.
    #[track_caller]
    pub(crate) fn until_shown(&self, text: &str, times: usize) {
        until(&format!("{text:?} is shown"), || {
            self.shown().matches(text).count() >= times
        });
    }

    /// Runs one of the commands, which is to succeed, and says what it printed.
    #[track_caller]
    pub(crate) fn told(&self, args: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self.place.run(args);
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{args:?} ended with {status}: {stderr}");
        String::from_utf8(stdout).expect("it is text")
    }

    /// What `status` says of a program: its state and its pid.
    #[track_caller]
    pub(crate) fn status(&self, name: &str) -> (String, String) {
        let status = self.told(&["status"]);
        let line = status
            .lines()
            .find(|line| line.split("  ").next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in\n{status}"));
        let mut cells = line
            .split("  ")
            .filter(|cell| !cell.is_empty())
            .map(str::trim);
        let mut cell = || cells.nth(1).map(str::to_owned);
        let state = cell().unwrap_or_default();
        let pid = cells.next().unwrap_or_default().to_owned();
        (state, pid)
    }

    /// The pid of a program that is healthy.
    #[track_caller]
    pub(crate) fn pid(&self, name: &str) -> u32 {
        let mut pid = None;
        until(&format!("{name} is healthy"), || {
            pid = self.status(name).1.parse().ok();
            pid.is_some()
        });
        pid.expect("it was waited for")
    }

    /// Kills it with SIGKILL, and starts it again at once.
    pub(crate) fn kill_and_start(&mut self) {
        self.signal("KILL");
        self.ended();
        self.child = self.place.spawn();
    }

    /// Where it can be spoken to.
    pub(crate) fn socket(&self) -> PathBuf {
        let above = self.place.folder().join("perennial-procfile");
        let mut folders = fs::read_dir(above).expect("it is up");
        let folder = folders.next().expect("it is up").expect("it can be read");
        folder.path().join("socket")
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, self.child.id());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the daemon has ended", || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        status.expect("it was waited for")
    }

    /// Stops it with `down`, and sees that nothing of it is left.
    #[track_caller]
    pub(crate) fn down(mut self) {
        self.told(&["down"]);
        assert_eq!(self.ended().code(), Some(0), "{}", self.shown());
        // The guard ends a moment after it.
        until("nothing of it is left", || self.marked().is_empty());
    }

    /// The processes that have the folder of this daemon in their environment.
    fn marked(&self) -> Vec<u32> {
        let mark = format!("XDG_RUNTIME_DIR={}", self.place.folder().display());
        let entries = fs::read_dir("/proc").expect("it is there").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_marked = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark.as_bytes())
        };
        pids.filter(is_marked).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the daemon has shown:\n{}", self.shown());
        }
        // It may have ended; in every other case it must not be left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub(crate) fn kill(signal: &str, pid: u32) {
    // The shell's own `kill` is there wherever a shell is.
    let command = format!("kill -{signal} {pid}");
    let status = Command::new("sh").args(["-c", &command]).status();
    assert!(status.is_ok_and(|status| status.success()), "{command}");
}
