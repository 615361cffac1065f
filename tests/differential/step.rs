//! What happens in a script.

use std::time::Duration;

use crate::script::ms;

/// What happens; both sides come to rest after it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Children end at the same moment.
    Strike(How, Vec<String>),
    Order(Order, String),
    Wait(Duration),
    /// To the beginning of a second of the clock, which only OTP knows.
    Align,
    /// The next step is a strike, and the one after it meets this child when its start has failed
    /// and will be tried again.
    Hold(String),
    Stop,
}

/// How a child ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Crash,
    Panic,
    /// Aborted from outside.
    Kill,
    Finish,
    /// As `Finish` here; in OTP it exits with `shutdown`.
    Retire,
}

/// What the supervisor is asked for, in the words of OTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Terminate,
    Restart,
    Delete,
    Start,
}

impl Step {
    /// Reads the words after the `>`.
    pub(crate) fn read(words: &[&str]) -> Self {
        let strike = |how, paths: &[&str]| {
            Self::Strike(how, paths.iter().map(ToString::to_string).collect())
        };
        match *words {
            ["crash", ref paths @ ..] => strike(How::Crash, paths),
            ["panic", ref paths @ ..] => strike(How::Panic, paths),
            ["kill", ref paths @ ..] => strike(How::Kill, paths),
            ["finish", ref paths @ ..] => strike(How::Finish, paths),
            ["retire", ref paths @ ..] => strike(How::Retire, paths),
            ["terminate", path] => Self::Order(Order::Terminate, path.to_owned()),
            ["restart", path] => Self::Order(Order::Restart, path.to_owned()),
            ["delete", path] => Self::Order(Order::Delete, path.to_owned()),
            ["start", path] => Self::Order(Order::Start, path.to_owned()),
            ["wait", time] => Self::Wait(ms(time)),
            ["align"] => Self::Align,
            ["hold", path] => Self::Hold(path.to_owned()),
            ["stop"] => Self::Stop,
            _ => panic!("what is the step {words:?}?"),
        }
    }
}
