//! The side of OTP: all scripts are played by one `escript`, which prints a trace for each.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::script::Script;

/// The program that runs what is written in Erlang.
pub(crate) const ESCRIPT: &str = "escript";

const PLAYER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/differential/supervise.erl"
);

/// In real time, for all scripts together.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Plays the scripts on supervisors of OTP, and returns the lines of each by its name.
///
/// # Errors
///
/// What has to be done, in words, if `program` is missing; what it said, if it failed.
pub(crate) fn play(
    program: &str,
    scripts: &[Script],
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut command = Command::new(program);
    // A crash of the machine is told in its errors, and leaves no file behind.
    command.env("ERL_CRASH_DUMP_SECONDS", "0");
    command.arg(PLAYER).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut erlang = command.spawn().map_err(|why| {
        format!(
            "{program} cannot be run ({why}), and without Erlang there is nothing to compare \
             with: install erlang-base (Debian: apt-get install --no-install-recommends \
             erlang-base), or run tests/run, which does"
        )
    })?;
    let traces = read(erlang.stdout.take());
    let errors = read(erlang.stderr.take());
    let text: String = scripts.iter().map(|script| script.text.as_str()).collect();
    let mut input = erlang.stdin.take().expect("it is piped");
    // It may have ended by now: what it said tells why.
    let written = input.write_all(text.as_bytes());
    drop(input);
    let traces = traces.recv_timeout(TIME_MAX);
    end(&mut erlang);
    let errors = errors.recv_timeout(TIME_MAX).unwrap_or_default();
    match traces {
        Ok(traces) if written.is_ok() && errors.is_empty() => parse(&traces),
        Ok(traces) => Err(format!("{program} failed: {errors}\n{traces}")),
        Err(_) => Err(format!("{program} has not ended after {TIME_MAX:?}")),
    }
}

/// All that comes from there, in a message.
fn read(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, text) = channel();
    let mut from = from.expect("it is piped");
    thread::spawn(move || {
        let mut all = Vec::new();
        let read = from.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all).into_owned();
        // Nobody waits any more if it took too long.
        let _ = sender.send(read.map_or_else(|why| why.to_string(), |_| all));
    });
    text
}

/// It has closed its output, or it has taken too long.
fn end(erlang: &mut Child) {
    let _ = erlang.kill();
    erlang.wait().expect("it was started here");
}

fn parse(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut traces = BTreeMap::<_, Vec<_>>::new();
    let mut name = None;
    for line in text.lines().map(str::trim_end) {
        match (&name, line.strip_prefix("script ")) {
            (_, Some(next)) => name = Some(next.to_owned()),
            (Some(name), None) if line.starts_with("broken") => {
                return Err(format!(
                    "{name}: the script cannot be played on OTP: {line}"
                ));
            }
            (Some(_), None) if line == "end" => name = None,
            (Some(name), None) => traces
                .entry(name.clone())
                .or_default()
                .push(line.to_owned()),
            (None, None) => return Err(format!("what is {line:?}?")),
        }
    }
    Ok(traces)
}
