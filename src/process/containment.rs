//! How well programs are contained.

use std::fmt;

/// What becomes of programs if this process is killed with SIGKILL, and can do nothing any more.
/// A later level is a better one.
///
/// A stop in order leaves nothing of a program at any level, but for what has left its group in a
/// session of its own: that is ended at the level [`Cgroup`](Self::Cgroup). Below it, who still
/// descends from the program when it is told to stop is named in
/// [`Gone::survivors`](super::Gone::survivors); a daemon, whose parent has ended, cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Containment {
    /// Nothing ends them, unless they notice by themselves that their pipes have no other end:
    /// [`guard`](super::guard) was not called.
    ProcessGroup,
    /// A guard process ends them with their groups and descendants. What had left both, such as a
    /// daemon that forked twice into a session of its own, lives on; so does a program that was
    /// started in the very moment.
    Guard,
    /// The system ends all of them and all that they have started, by their cgroup.
    Cgroup,
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProcessGroup => "process group",
            Self::Guard => "guard",
            Self::Cgroup => "cgroup",
        })
    }
}
