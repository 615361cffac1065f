//! A daemon that runs the programs of a Procfile, and the commands that speak to it.
//!
//! ```text
//! root
//!   programs           starts and changes what the file says
//!     redis, web, ..   one for each program that is in no group
//!     front, ..        one for each group, with its programs
//!   control            accepts on the socket, and stops last
//!     clients          a pool: one for each command from another terminal
//! ```
//!
//! ```sh
//! cargo run --example procfile --features process -- up -f examples/procfile/demo.toml
//! cargo run --example procfile --features process -- status -f examples/procfile/demo.toml
//! ```
//!
//! The exit code is 0 when all went as told, 1 when it did not, and 2 when the input is wrong: then
//! nothing was started or done.

mod args;
mod control;
mod crew;
mod daemon;
#[path = "../faults/mod.rs"]
mod faults;
mod logs;
mod paint;
mod plan;
mod program;
mod programs;
mod screen;
#[path = "../socket/mod.rs"]
mod socket;

use std::fmt;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use perennial::process;

use crate::args::{Args, Verb};
use crate::control::{FolderError, Request, place_of};
use crate::socket::{AskError, ask, connect};

/// What an end says to who started us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    AsTold = 0,
    Failed = 1,
    BadInput = 2,
}

fn main() -> ExitCode {
    process::guard();
    let Args { verb, file } = Args::parse();
    let code = match request(verb) {
        None => daemon::up(&file),
        Some(request) => speak(&file, &request),
    };
    ExitCode::from(code as u8)
}

fn request(verb: Verb) -> Option<Request> {
    match verb {
        Verb::Up => None,
        Verb::Status => Some(Request::Status),
        Verb::Restart { name } => Some(Request::Restart { name }),
        Verb::Stop { name } => Some(Request::Stop { name }),
        Verb::Logs { name, follow } => Some(Request::Logs { name, follow }),
        Verb::Down => Some(Request::Down),
    }
}

/// Asks the daemon of this file.
fn speak(file: &Path, request: &Request) -> Code {
    let wrong = |code, what: &dyn fmt::Display| {
        let file = file.display();
        complain(code, format_args!("{file}: {what}"))
    };
    let place = match place_of(file) {
        Ok(place) => place,
        Err(error) => return wrong(error.code(), &error),
    };
    let show = |text: String| writeln!(stdout(), "{text}");
    let asked = connect(&place).and_then(|stream| ask(stream, request, show));
    match (asked, request) {
        // It may have ended before it could answer.
        (Ok(()) | Err(AskError::Torn), Request::Down) => match place.wait_and_take() {
            Ok(_ended) => Code::AsTold,
            Err(error) => {
                let error = FolderError::from(error);
                wrong(error.code(), &error)
            }
        },
        (Ok(()), _) => Code::AsTold,
        // There is no more to follow.
        (Err(AskError::Torn), Request::Logs { follow: true, .. }) => Code::AsTold,
        // Whoever read has had enough.
        (Err(AskError::Unshown(error)), _) if error.kind() == ErrorKind::BrokenPipe => Code::AsTold,
        (
            Err(AskError::Refused {
                why,
                is_input: true,
            }),
            _,
        ) => complain(Code::BadInput, why),
        (Err(AskError::Down), _) if let Err(error) = file.metadata() => {
            wrong(Code::BadInput, &format_args!("cannot be read: {error}"))
        }
        (Err(error), _) => wrong(Code::Failed, &error),
    }
}

/// Says what is wrong, and gives the code for it.
pub(crate) fn complain(code: Code, what: impl fmt::Display) -> Code {
    // Nobody may be there to read it.
    let _ = writeln!(stderr(), "procfile: {what}");
    code
}
