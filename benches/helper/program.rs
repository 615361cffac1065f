//! The program on the other side of the pipe.

use std::env;
use std::io::{BufRead, Write, stdin, stdout};

use bytes::Bytes;
use perennial::helper::{Asked, Framing, Listener, ProtocolError, ServeLimits, serve, stdio};
use perennial::process::Command;

use crate::words::Said;

/// Answers what it is asked.
pub(crate) const ANSWER: &str = "answer";

/// Says more in a line than anybody wants to hear.
pub(crate) const FLOOD: &str = "flood";

/// Has no answer.
pub(crate) const HOLD: &str = "hold";

/// Is answered with the number of the process.
pub(crate) const PID: &str = "pid";

/// How long that line is, in bytes.
pub(crate) const LINE: usize = 1 << 30;

/// What is longer is not said back, but its length is.
const ECHO_MAX: usize = 1 << 20;

/// The longest message that the program reads.
const MESSAGE_MAX: usize = 64 << 20;

/// This program again, as one that does this.
pub(crate) fn command(what: &str) -> Command {
    let this = env::current_exe().expect("a program is a file");
    Command::new(this).arg(what)
}

struct Hears;

impl Listener for Hears {
    type Request = Said<String>;

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn hello(&self) -> Option<Vec<u8>> {
        Some(said(0, "hello"))
    }

    fn read(&mut self, message: Bytes) -> Result<Asked<Said<String>>, ProtocolError> {
        Said::read(&message).map(Asked::Request)
    }
}

pub(crate) async fn answer() {
    let mut limits = ServeLimits::default();
    limits.message_max = MESSAGE_MAX;
    let (input, output) = stdio().expect("two pipes");
    let served = serve(input, output, limits, Hears, async |asked| work(&asked));
    served.await.expect("nobody breaks the protocol");
}

fn work(Said { id, text }: &Said<String>) -> Option<Vec<u8>> {
    match text.as_str() {
        HOLD => None,
        PID => Some(said(*id, &std::process::id().to_string())),
        text if text.len() > ECHO_MAX => Some(said(*id, &text.len().to_string())),
        text => Some(said(*id, text)),
    }
}

pub(crate) fn flood() {
    let (mut input, mut output) = (stdin().lock(), stdout().lock());
    let mut say = |bytes: &[u8]| {
        let said = output.write_all(bytes).and_then(|()| output.flush());
        said.expect("somebody hears it");
    };
    say(&said(0, "hello"));
    say(b"\n");
    let mut asked = Vec::new();
    input.read_until(b'\n', &mut asked).expect("it can be read");
    let Ok(Said { id, .. }) = Said::read(&asked) else {
        return;
    };
    let piece = [b'x'; 1 << 16];
    (0..LINE / piece.len()).for_each(|_| say(&piece));
    say(b"\n");
    say(&said(id, "said"));
    say(b"\n");
    // The end of the input is to be waited for.
    let _ = input.read_until(b'\n', &mut asked);
}

fn said(id: u64, text: &str) -> Vec<u8> {
    let mut message = Vec::new();
    Said { id, text }.write(&mut message);
    message
}
