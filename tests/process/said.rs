//! What programs say: complete, bounded, and harmless.

use std::time::{Duration, Instant};

use perennial::process::{Heard, Output, Scope, Source};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::common::{alone, first_number, is_alive, run, sh, start, until};

#[test]
fn proc_04_all_output_is_there_when_a_program_is_gone() {
    // L6. Not merely when it has exited.
    alone(async || {
        let process = run("echo kingkoye; echo other >&2").await;
        assert_eq!(process.stdout().text(), "kingkoye\n");
        assert_eq!(process.stderr().text(), "other\n");
        assert_eq!(process.stdout().dropped, 0);
    });
}

#[test]
fn proc_35_a_grandchild_that_holds_the_output_is_ended_with_its_group() {
    // L1. The end of the output is not the end of the program, nor the other way round.
    alone(async || {
        let begun = Instant::now();
        let process = start(sh("sleep 1000 & echo $!")).await;
        let exit = process.watch().exited().await;
        assert_eq!(exit.code(), Some(0));
        let grandchild = first_number(&process).await;
        let gone = process.watch().gone().await;
        assert!(!gone.output_cut && gone.survivors.is_empty(), "{gone}");
        assert!(!is_alive(grandchild));
        assert!(begun.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn proc_35_the_output_is_cut_that_somebody_else_holds_open() {
    // L9. In the scope of the leader the grandchild is none of our business, and lives on.
    alone(async || {
        let begun = Instant::now();
        let process = start(sh("sleep 1000 & echo $!").scope(Scope::Leader)).await;
        let grandchild = first_number(&process).await;
        let gone = process.watch().gone().await;
        assert!(gone.output_cut && gone.survivors.is_empty(), "{gone}");
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert!(is_alive(grandchild));
        run(&format!("kill -KILL {grandchild}")).await;
        until("it is dead", || !is_alive(grandchild)).await;
    });
}

#[test]
fn proc_37_output_that_nobody_reads_holds_nothing_up() {
    // R17. The last bytes are kept, the others are counted.
    alone(async || {
        let script = "head -c 200000 /dev/zero | tr '\\0' x; printf end; exit 3";
        let process = start(sh(script).keep_output(65_536)).await;
        let gone = process.watch().gone().await;
        assert_eq!(gone.exit.code(), Some(3));
        let captured = process.stdout();
        assert_eq!(captured.bytes.len(), 65_536);
        assert_eq!(captured.dropped, 200_003 - 65_536);
        assert!(captured.text().ends_with("xxxend"));
    });
}

#[test]
fn c16_a_flood_is_bounded_and_hides_no_other_program() {
    // P7. R17. Another program starts and ends beside it.
    alone(async || {
        let flood = start(sh("exec yes")).await;
        until("it floods", || flood.stdout().dropped > 1_000_000).await;
        let begun = Instant::now();
        assert_eq!(run("echo beside").await.stdout().text(), "beside\n");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(flood.stdout().bytes.len() <= 65_536);
        flood.kill().await;
    });
}

#[test]
fn proc_38_a_program_lives_on_when_nobody_listens_any_more() {
    // R17. Its output goes on being read, or to nowhere; it never gets SIGPIPE from us.
    alone(async || {
        let process = start(sh("exec yes")).await;
        drop(process.lines());
        until("it goes on", || process.stdout().dropped > 1_000_000).await;
        process.kill().await;
        let quiet = start(sh("yes | head -n 100000; exit 5").stdout(Output::Null)).await;
        assert_eq!(quiet.watch().gone().await.exit.code(), Some(5));
        assert!(quiet.stdout().bytes.is_empty());
    });
}

#[test]
fn c17_lines_are_bounded_and_harmless() {
    // R17. A line of any length, NUL, broken UTF-8 and escapes; the bytes are kept as they came.
    alone(async || {
        let script = "head -c 300000 /dev/zero | tr '\\0' x; \
                      printf '\\n\\033[31mred\\000\\377\\n' >&2; echo last";
        let created = sh(script).line_length_max(100).create();
        let mut lines = created.lines();
        let process = created.start().await.unwrap();
        process.watch().gone().await;
        let mut heard = Vec::new();
        while let Some(Heard::Line(line)) = lines.next().await {
            heard.push((line.source, line.text.to_string(), line.was_cut));
        }
        heard.sort_by_key(|(source, ..)| *source == Source::Stderr);
        let long = "x".repeat(100);
        assert_eq!(heard[0], (Source::Stdout, long, true));
        let red = "\\u{1b}[31mred\\u{0}\u{fffd}".to_owned();
        let errors: Vec<_> = heard
            .iter()
            .filter(|(of, ..)| *of == Source::Stderr)
            .collect();
        assert_eq!(errors[1], &(Source::Stderr, red, false));
        assert!(process.stderr().bytes.ends_with(b"\x1b[31mred\0\xff\n"));
    });
}

#[test]
fn a_slow_listener_is_told_how_much_it_missed() {
    // R17. Lossless, or it says how many it dropped.
    alone(async || {
        let created = sh("seq 10000").create();
        let mut lines = created.lines();
        let process = created.start().await.unwrap();
        process.watch().gone().await;
        let (mut heard, mut missed) = (0, 0);
        while let Some(next) = lines.next().await {
            match next {
                Heard::Line(_) => heard += 1,
                Heard::Missed(lines) => missed += lines,
                _ => unreachable!("there is nothing else"),
            }
        }
        assert_eq!(heard + missed, 10_000);
        assert!(missed > 9_000, "{missed}");
    });
}

#[test]
fn raw_output_is_read_byte_by_byte_at_the_pace_of_its_reader() {
    // What is no text is not made one, and what is not read yet is not lost.
    alone(async || {
        let script = "printf 'a\\0\\377\\n'; head -c 300000 /dev/zero; echo words >&2";
        let process = start(sh(script).stdout(Output::Raw)).await;
        let stdout = process.take_stdout().unwrap();
        assert!(process.take_stdout().is_none() && process.take_stderr().is_none());
        let mut stdout = Receiver::from_owned_fd(stdout).unwrap();
        // It waits for us: a pipe does not hold so much.
        assert!(process.watch().now().is_none());
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes[..4], [b'a', 0, 0xff, b'\n']);
        assert_eq!(bytes.len(), 300_004);
        assert!(process.watch().gone().await.exit.is_success());
        assert_eq!(process.stderr().text(), "words\n");
        assert_eq!(process.stdout().text(), "");
    });
}

#[test]
fn a_program_whose_raw_output_nobody_reads_can_be_stopped() {
    // L9.
    alone(async || {
        let process = start(sh("yes").stdout(Output::Raw)).await;
        let gone = process.stop().await;
        assert!(gone.survivors.is_empty(), "{gone}");
    });
}
