//! Signals, by number and by name.

use std::fmt;

/// A signal of the operating system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// The hang-up of a terminal; many daemons read their configuration anew.
    pub const HUP: Self = named(rustix::process::Signal::HUP);
    /// An interrupt, as from ^C.
    pub const INT: Self = named(rustix::process::Signal::INT);
    /// A quit, as from ^\; dumps core by default.
    pub const QUIT: Self = named(rustix::process::Signal::QUIT);
    /// Kills; it cannot be caught or ignored.
    pub const KILL: Self = named(rustix::process::Signal::KILL);
    /// The program's own use.
    pub const USR1: Self = named(rustix::process::Signal::USR1);
    /// The program's own use.
    pub const USR2: Self = named(rustix::process::Signal::USR2);
    /// Asks for an end.
    pub const TERM: Self = named(rustix::process::Signal::TERM);
    /// Goes on after a [`STOP`](Self::STOP).
    pub const CONT: Self = named(rustix::process::Signal::CONT);
    /// Suspends; it cannot be caught or ignored.
    pub const STOP: Self = named(rustix::process::Signal::STOP);
    /// The window of the terminal has another size.
    pub const WINCH: Self = named(rustix::process::Signal::WINCH);

    /// The signal with this number, if the system has a name for it. Those for real time have none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        rustix::process::Signal::from_named_raw(number).map(named)
    }

    /// The number of the signal on this machine.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// What the system says has ended a program, a signal without a name included.
    pub(super) const fn seen(number: i32) -> Self {
        Self(number)
    }

    /// What can be sent: signals without a name are only seen.
    pub(super) fn to_system(self) -> Option<rustix::process::Signal> {
        rustix::process::Signal::from_named_raw(self.0)
    }

    /// Whether a suspended program has to be woken to notice it.
    pub(super) fn needs_waking(self) -> bool {
        !matches!(self, Self::KILL | Self::STOP | Self::CONT)
    }
}

const fn named(signal: rustix::process::Signal) -> Signal {
    Signal(signal.as_raw())
}

/// The names of the signals that end programs; others show their number.
const NAMES: [(Signal, &str); 10] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::KILL, "SIGKILL"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::TERM, "SIGTERM"),
    (Signal::CONT, "SIGCONT"),
    (Signal::STOP, "SIGSTOP"),
    (Signal::WINCH, "SIGWINCH"),
];

/// Those that a program ends by, too, and nobody sends on purpose.
const FAULTS: [(rustix::process::Signal, &str); 6] = [
    (rustix::process::Signal::ABORT, "SIGABRT"),
    (rustix::process::Signal::BUS, "SIGBUS"),
    (rustix::process::Signal::FPE, "SIGFPE"),
    (rustix::process::Signal::ILL, "SIGILL"),
    (rustix::process::Signal::PIPE, "SIGPIPE"),
    (rustix::process::Signal::SEGV, "SIGSEGV"),
];

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = FAULTS.iter().map(|(signal, name)| (named(*signal), *name));
        let mut names = NAMES.into_iter().chain(faults);
        match names.find(|(signal, _)| signal == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
