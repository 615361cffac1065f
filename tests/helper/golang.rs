//! The real `go build`, with the cache of `examples/gocache` as its `GOCACHEPROG`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::common::alone;
use crate::program;

/// A program that takes a part of the standard library to build.
const MAIN: &str = "package main\n\nimport (\n\t\"encoding/json\"\n\t\"os\"\n)\n\n\
                    func main() {\n\tjson.NewEncoder(os.Stdout).Encode([]int{1, 2, 3})\n}\n";

/// A folder with a Go program, a cache beside it, and what is built.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().expect("there is room");
        fs::write(folder.path().join("main.go"), MAIN).expect("there is room");
        fs::write(folder.path().join("go.mod"), "module hello\n").expect("there is room");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Starts a build. Nothing but the cache of ours is there to be used.
    fn start(&self, output: &str) -> Child {
        let cache = self.path().join("cache");
        let program = program::path("gocache", "helper,store").display();
        let serve = format!("{program} serve --dir {} --verbose", cache.display());
        let mut command = Command::new("go");
        command
            .args(["build", "-o", output])
            .current_dir(self.path());
        command.env("GOCACHEPROG", serve).env("HOME", self.path());
        command.envs([
            ("GOTOOLCHAIN", "local"),
            ("GOPROXY", "off"),
            ("GOFLAGS", ""),
        ]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn();
        child.expect("go is installed: ./tests/run does that")
    }

    /// Builds, and says how often what go asked for was there, and what it put.
    #[track_caller]
    fn build(&self, output: &str) -> (u64, u64) {
        self.finish(self.start(output), output)
    }

    #[track_caller]
    fn finish(&self, build: Child, output: &str) -> (u64, u64) {
        let built = build.wait_with_output().expect("it is ours");
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        assert!(built.status.success(), "{said}");
        let ran = Command::new(self.path().join(output))
            .output()
            .expect("it was built");
        assert_eq!(ran.stdout, b"[1,2,3]\n");
        let counts = said.lines().find_map(|line| line.strip_prefix("gocache: "));
        let counts = counts.unwrap_or_else(|| panic!("no counts in {said:?}"));
        let number = |word: &str| {
            let mut parts = counts.split(", ");
            let count = parts.find_map(|part| part.strip_suffix(word));
            count
                .and_then(|count| count.trim().parse().ok())
                .expect("it is counted")
        };
        (number("hits"), number("puts"))
    }

    fn binary(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).expect("it was built")
    }

    /// What `gocache verify` says of the cache.
    fn verified(&self) -> String {
        let mut command = Command::new(program::path("gocache", "helper,store"));
        let output = command
            .args(["verify", "--dir", "cache"])
            .current_dir(self.path())
            .output();
        let output = output.expect("it can be started");
        String::from_utf8(output.stdout).expect("it is text")
    }
}

/// Kills the programs that serve this folder, and says how many there were.
fn kill_caches(folder: &Path) -> usize {
    let entries = fs::read_dir("/proc").expect("it is there").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let folder = folder.to_str().expect("it is text");
    let serves = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.split('\0')
            .collect::<Vec<_>>()
            .windows(2)
            .any(|two| two == ["--dir", folder])
    };
    let caches = pids.filter(serves).filter_map(Pid::from_raw);
    caches
        .filter(|pid| kill_process(*pid, Signal::KILL).is_ok())
        .count()
}

#[test]
fn go_builds_cold_and_warm_and_after_the_cache_was_killed() {
    // The program of the cache is killed in the middle of a build, then two builds share the cache,
    // then all is there.
    alone(async || {
        let site = Site::new();
        let mut killed = site.start("killed");
        let cache = site.path().join("cache");
        crate::common::until("the build is under way", || {
            fs::read_dir(&cache).is_ok_and(|entries| entries.count() > 0)
        })
        .await;
        assert!(kill_caches(&cache) > 0, "it was running");
        let status = killed.wait().expect("it is ours");
        assert!(
            !status.success(),
            "go cannot do without a cache that it has begun with"
        );
        assert!(
            site.verified()
                .ends_with(" 0 were corrupt and are removed\n"),
            "{}",
            site.verified()
        );

        let (first, second) = (site.start("first"), site.start("second"));
        site.finish(first, "first");
        site.finish(second, "second");
        assert!(site.binary("first") == site.binary("second"));

        let (hits, puts) = site.build("warm");
        // Go puts one thing each time, and the index of a folder once that is two seconds old.
        assert!(hits > 50 && puts <= 2, "{hits} hits, {puts} puts");
        assert!(site.binary("warm") == site.binary("first"));
        assert!(
            site.verified()
                .ends_with(" 0 were corrupt and are removed\n"),
            "{}",
            site.verified()
        );
    });
}
