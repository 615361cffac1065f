//! Commands from their words to their replies.

mod applying;
mod parsing;
mod refusals;

use bytes::Bytes;

use super::Command;
use crate::resp::Request;

/// The command that the words of `line` are.
fn parse(line: &str) -> Command {
    let mut words = line
        .split_whitespace()
        .map(|word| Bytes::from(word.to_owned()));
    let name = words.next().expect("a line has a word");
    Command::parse(Request {
        name,
        arguments: words.collect(),
    })
}
