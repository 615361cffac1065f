//! Control groups (version 2): nobody leaves them by forking or with a session of their own, and
//! one write kills all that is inside.

use std::fs::{self, DirEntry};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::table::{ProcessId, Row, is_exhausted};

/// One control group of ours.
#[derive(Clone, Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes the group that all programs of this process will be in, below the one that it is in
    /// itself. An error says that this machine does not have it, or that we may not.
    pub(super) fn of_this_process(own: ProcessId) -> io::Result<Self> {
        let above = own_group().ok_or(io::ErrorKind::NotFound)?;
        let name = format!("perennial-{}-{}", own.pid(), own.started());
        let made = Self::make(above.join(name))?;
        // To move somebody one has to be allowed to write to the group above both, too.
        let rights = [above.join("cgroup.procs"), made.path.join("cgroup.kill")];
        let allowed = rights
            .iter()
            .try_for_each(|file| access(file, Access::WRITE_OK));
        if let Err(errno) = allowed {
            made.remove();
            return Err(errno.into());
        }
        Ok(made)
    }

    /// The group at this path, which somebody has made.
    pub(super) const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    fn make(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a group for one program.
    pub(super) fn child(&self, key: u64) -> io::Result<Self> {
        Self::make(self.path.join(key.to_string()))
    }

    /// Moves this process into the group.
    pub(super) fn enter(&self) -> io::Result<()> {
        self.tell("cgroup.procs", "0")
    }

    /// Kills all that is inside, groups below included.
    pub(super) fn kill(&self) {
        // What cannot be killed is seen when the group is not empty.
        let _ = self.tell("cgroup.kill", "1");
    }

    /// Whether nobody lives inside, groups below included, as far as is known.
    pub(super) fn is_empty(&self) -> bool {
        match fs::read_to_string(self.path.join("cgroup.events")) {
            Ok(events) => events.contains("populated 0"),
            Err(error) => !is_exhausted(&error),
        }
    }

    /// Who lives inside, groups below included. Fails if we have nothing left to look with.
    pub(super) fn members(&self) -> io::Result<Vec<ProcessId>> {
        let mut members = Vec::new();
        for group in self.with_those_below()? {
            let list = known(fs::read_to_string(group.join("cgroup.procs")))?;
            for pid in list.lines().filter_map(|pid| pid.parse().ok()) {
                let row = Row::ask(pid)?.filter(Row::is_alive);
                members.extend(row.map(|row| row.id()));
            }
        }
        Ok(members)
    }

    /// Removes the group with those below it, if nobody is inside; says whether it is gone.
    pub(super) fn remove(&self) -> bool {
        let groups = self.with_those_below().unwrap_or_default();
        // The highest is the first of them.
        groups.iter().rev().fold(false, |_, group| {
            let removed = fs::remove_dir(group);
            removed.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true)
        })
    }

    /// The group, then those below it: a program may make some of its own.
    fn with_those_below(&self) -> io::Result<Vec<PathBuf>> {
        let mut groups = vec![self.path.clone()];
        let mut next = 0;
        while let Some(group) = groups.get(next) {
            let below: Vec<_> = match fs::read_dir(group) {
                Ok(entries) => entries.flatten().collect(),
                Err(error) if is_exhausted(&error) => return Err(error),
                Err(_) => Vec::new(),
            };
            let is_group = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            groups.extend(below.into_iter().filter(is_group).map(|entry| entry.path()));
            next += 1;
        }
        Ok(groups)
    }

    fn tell(&self, file: &str, word: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .open(self.path.join(file))?;
        file.write_all(word.as_bytes())
    }
}

/// What could be read. Nothing is read of a group that was removed.
fn known(read: io::Result<String>) -> io::Result<String> {
    match read {
        Err(error) if is_exhausted(&error) => Err(error),
        read => Ok(read.unwrap_or_default()),
    }
}

/// The control group that we are in, as a path in the file system.
fn own_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    place(&mounts, &groups)
}

/// Finds it in the tables of mounts and of groups. The mount may show a part of the hierarchy only.
fn place(mounts: &str, groups: &str) -> Option<PathBuf> {
    let (root, point) = mounts.lines().find_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let found = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup2 ").then_some(found)
    })?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let below = Path::new(group).strip_prefix(root).ok()?;
    Some(Path::new(point).join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_group_is_found_wherever_the_hierarchy_is_mounted() {
        // L1. A machine that has the older version, too, mounts it somewhere else.
        let groups = "9:name=systemd:/\n1:cpu:/\n0::/user.slice/one\n";
        let found = place(MOUNTS, groups).expect("it is there");
        assert_eq!(found, Path::new("/sys/fs/cgroup/unified/user.slice/one"));
        assert_eq!(place(MOUNTS, "1:cpu:/\n"), None);
        assert_eq!(place("", groups), None);
    }

    #[test]
    fn a_container_sees_its_own_part_only() {
        // L1. What lies outside of the mount cannot be named.
        let mounts = "41 31 0:38 /pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let inside = place(mounts, "0::/pod/one\n").expect("it is inside");
        assert_eq!(inside, Path::new("/sys/fs/cgroup/one"));
        assert_eq!(place(mounts, "0::/other\n"), None);
    }
}
