//! Streams in pieces of any size, whole and broken.

use proptest::prelude::*;

use super::*;
use crate::helper::framing_checks::{Framed, check, cut};

fn good(text: &str) -> Framed {
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}

const BOTH: [Framing; 2] = [Framing::Lines, Framing::ContentLength];

#[test]
fn lines_are_messages_and_empty_lines_are_none() {
    // D2: CRLF, many in a read, a byte in a read.
    let stream = b"one\n\ntwo\r\n\r\n \nthree\n";
    for piece in 1..=stream.len() {
        let found = cut(Framing::Lines, 10, stream, &[piece]);
        assert_eq!(found, ["one", "two", "three"].map(good));
    }
}

#[test]
fn a_line_that_is_too_long_is_told_once_and_passed_over() {
    // The errors of a decoder are items: the stream goes on after a line that is too long.
    let stream = format!("one\n{}\ntwo\n", "x".repeat(1000));
    let long = || Err(FrameError::TooLong { max: 10 });
    for piece in [1, 3, 64, 5000] {
        let found = cut(Framing::Lines, 10, stream.as_bytes(), &[piece]);
        assert_eq!(found, [good("one"), long(), good("two")]);
    }
    assert_eq!(
        cut(Framing::Lines, 3, b"one\r\nfour\n", &[1]),
        [good("one"), Err(FrameError::TooLong { max: 3 })]
    );
}

#[test]
fn a_stream_that_ends_within_a_message_says_so() {
    // D1: truncated.
    for (framing, stream) in [
        (Framing::Lines, &b"one\ntw"[..]),
        (
            Framing::ContentLength,
            b"Content-Length: 3\r\n\r\none\xff\xfe",
        ),
    ] {
        let found = cut(framing, 10, stream, &[1]);
        assert_eq!(found, [good("one"), Err(FrameError::Torn { bytes: 2 })]);
    }
}

#[test]
fn a_header_without_a_length_breaks_the_stream() {
    // Nobody knows where the next message begins.
    for header in ["Content-Length: x", "Length: 3", "content-length"] {
        let stream = format!("{header}\r\n\r\none");
        let found = cut(Framing::ContentLength, 10, stream.as_bytes(), &[100]);
        assert!(
            matches!(&found[..], [Err(FrameError::Header { .. })]),
            "{found:?}"
        );
    }
    let endless = cut(Framing::ContentLength, 10, &[b'x'; 10_000], &[1000]);
    assert!(
        matches!(&endless[..], [Err(FrameError::Header { .. })]),
        "{endless:?}"
    );
}

#[test]
fn a_measured_message_that_is_too_long_is_passed_over() {
    // The errors of a decoder are items.
    let stream = format!(
        "CONTENT-LENGTH:11\r\nX: y\r\n\r\n{}Content-Length: 2\r\n\r\nok",
        "x".repeat(11)
    );
    for piece in [1, 7, 1000] {
        let found = cut(Framing::ContentLength, 10, stream.as_bytes(), &[piece]);
        assert_eq!(found, [Err(FrameError::TooLong { max: 10 }), good("ok")]);
    }
}

proptest! {
    #[test]
    fn what_was_framed_is_cut_out_again(
        messages in prop::collection::vec("[a-z{}\":,]{1,40}", 0..20),
        piece in 1_usize..50,
    ) {
        // D2: what is decoded is what was sent, in pieces of any size.
        for framing in BOTH {
            let frames = messages.iter().map(|text| framing.frame(text.clone().into_bytes()));
            let stream: Vec<u8> = frames.flatten().collect();
            let found = cut(framing, 40, &stream, &[piece]);
            let sent: Vec<_> = messages.iter().map(|text| good(text)).collect();
            prop_assert_eq!(found, sent);
        }
    }

    #[test]
    fn any_stream_is_read_to_its_end_in_pieces_of_any_size_in_bounded_memory(
        stream in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..2000),
            // Ends of lines and headers in all places.
            "([a-z]{0,20}|[ \r\n]|Content-Length: ?[0-9]{1,2}|\r\n\r\n){0,100}"
                .prop_map(String::into_bytes),
        ],
        length_max in 0_usize..64,
        sizes in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        // D1, D2. Lines and measured messages alike.
        check(length_max, &stream, &sizes);
    }
}

#[test]
fn a_length_without_a_limit_is_no_length_without_an_end() {
    // D1: the largest number that there is, as the limit and as what a header says.
    let none = usize::MAX;
    assert_eq!(cut(Framing::Lines, none, b"one\n", &[1]), [good("one")]);
    let huge = format!("Content-Length: {none}\r\n\r\none");
    let found = cut(Framing::ContentLength, none, huge.as_bytes(), &[64]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        matches!(found[0], Err(FrameError::Torn { .. })),
        "{found:?}"
    );
}
