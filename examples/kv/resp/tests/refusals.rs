//! Requests that are refused, and how little it takes.

use bytes::BytesMut;

use super::{array, read, read_within, refusal, words};
use crate::resp::{Limits, ProtocolError, RequestReader};

#[test]
fn the_requests_before_an_error_are_read() {
    let (requests, error) = read([b"PING\r\n*1\r\n:1\r\nPING\r\n".as_slice()]);
    assert_eq!(requests, [words(&["PING"])]);
    assert_eq!(
        error,
        Some(ProtocolError::Unexpected {
            expected: b'$',
            got: b':'
        })
    );
}

#[test]
fn only_strings_may_stand_in_a_request() {
    for got in *b":+-*_x\r\0" {
        let bytes = [b"*1\r\n", [got].as_slice(), b"1\r\n"].concat();
        assert_eq!(
            refusal(&bytes),
            ProtocolError::Unexpected {
                expected: b'$',
                got
            }
        );
    }
}

#[test]
fn only_an_array_or_a_word_may_begin_a_request() {
    for got in *b"$:+-\0\x16\x80{7" {
        assert_eq!(
            refusal(&[got]),
            ProtocolError::Unexpected {
                expected: b'*',
                got
            }
        );
    }
}

#[test]
fn an_error_names_what_it_met_in_one_line() {
    let text = refusal(b"*1\r\n\r\n").to_string();
    assert_eq!(text, r"expected '$', got '\r'");
    assert_eq!(
        refusal(b"*1\r\n:1\r\n").to_string(),
        "expected '$', got ':'"
    );
}

#[test]
fn nested_arrays_are_refused_at_the_second_level() {
    let bytes = b"*1\r\n".repeat(32 * 1024);
    assert_eq!(
        refusal(&bytes),
        ProtocolError::Unexpected {
            expected: b'$',
            got: b'*'
        }
    );
}

#[test]
fn a_count_that_is_no_number_is_refused() {
    for count in [
        "",
        "x",
        "1x",
        "+1",
        "1.0",
        "01",
        " 1",
        "99999999999999999999",
    ] {
        let bytes = format!("*{count}\r\n");
        assert_eq!(
            refusal(bytes.as_bytes()),
            ProtocolError::ArgumentCount,
            "{count:?}"
        );
    }
}

#[test]
fn a_length_that_is_no_length_is_refused() {
    for length in ["", "x", "-1", "-5", "+1", "99999999999999999999"] {
        let bytes = format!("*1\r\n${length}\r\n");
        assert_eq!(
            refusal(bytes.as_bytes()),
            ProtocolError::BulkLength,
            "{length:?}"
        );
    }
}

#[test]
fn a_header_must_end_as_lines_do() {
    assert_eq!(refusal(b"*1\n"), ProtocolError::ArgumentCount);
    assert_eq!(refusal(b"*1\r\n$1\n"), ProtocolError::BulkLength);
}

#[test]
fn a_string_must_be_followed_by_a_line_end() {
    assert_eq!(refusal(b"*1\r\n$4\r\nPINGxx"), ProtocolError::Terminator);
}

#[test]
fn a_count_over_the_limit_is_refused_at_once() {
    let count = Limits::default().argument_count_max + 1;
    for count in [count, 1_000_000_000, usize::MAX >> 1] {
        let bytes = format!("*{count}\r\n");
        assert_eq!(refusal(bytes.as_bytes()), ProtocolError::ArgumentCount);
    }
}

#[test]
fn a_length_over_the_limit_is_refused_at_once() {
    let length = Limits::default().bulk_bytes_max + 1;
    let bytes = format!("*2\r\n$3\r\nGET\r\n${length}\r\n");
    assert_eq!(refusal(bytes.as_bytes()), ProtocolError::BulkLength);
}

#[test]
fn a_request_over_the_limit_is_refused_before_its_last_argument_arrives() {
    let limits = Limits {
        request_bytes_max: 1000,
        ..Limits::default()
    };
    let first = array(&[vec![b'x'; 500]]);
    let bytes = [b"*2".as_slice(), &first[2..], b"$500\r\n"].concat();
    assert_eq!(
        read_within(limits, [&*bytes]).1,
        Some(ProtocolError::RequestTooLarge)
    );
}

#[test]
fn declared_sizes_take_no_memory() {
    let Limits {
        argument_count_max,
        bulk_bytes_max,
        ..
    } = Limits::default();
    let mut reader = RequestReader::new(Limits::default());
    let mut buffer = BytesMut::with_capacity(64);
    let bytes = format!("*{argument_count_max}\r\n${bulk_bytes_max}\r\n");
    buffer.extend_from_slice(bytes.as_bytes());
    let capacity = buffer.capacity();
    assert_eq!(reader.next(&mut buffer), Ok(None));
    assert_eq!(buffer.capacity(), capacity);
}

#[test]
fn an_endless_header_is_refused() {
    for begin in ["*", "*1\r\n$"] {
        let bytes = format!(
            "{begin}{}",
            "1".repeat(Limits::default().header_bytes_max - 1)
        );
        assert_eq!(
            refusal(bytes.as_bytes()),
            ProtocolError::HeaderTooLong,
            "{begin:?}"
        );
        assert_eq!(
            read([&bytes.as_bytes()[..bytes.len() - 1]]),
            (Vec::new(), None)
        );
    }
}

#[test]
fn an_endless_line_is_refused() {
    let bytes = vec![b'x'; Limits::default().inline_bytes_max];
    assert_eq!(refusal(&bytes), ProtocolError::InlineTooLong);
    assert_eq!(read([&bytes[1..]]), (Vec::new(), None));
}

#[test]
fn a_browser_is_sent_away() {
    assert_eq!(refusal(b"POST / HTTP/1.1\r\n"), ProtocolError::Http);
    let (requests, error) = read([b"GET / HTTP/1.1\r\nHost: here\r\nFLUSHALL\r\n".as_slice()]);
    assert_eq!(requests, [words(&["GET", "/", "HTTP/1.1"])]);
    assert_eq!(error, Some(ProtocolError::Http));
}
