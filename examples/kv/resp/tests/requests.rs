//! Requests that are in order.

use bytes::BytesMut;

use super::{array, read, words};
use crate::resp::{Limits, RequestReader};

#[test]
fn an_array_of_strings_is_a_request() {
    let (requests, error) = read([b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n".as_slice()]);
    assert_eq!(requests, [words(&["GET", "key"])]);
    assert_eq!(error, None);
}

#[test]
fn a_line_of_words_is_a_request() {
    let (requests, error) = read([b"PING\r\n  set  key\tvalue \n".as_slice()]);
    assert_eq!(
        requests,
        [words(&["PING"]), words(&["set", "key", "value"])]
    );
    assert_eq!(error, None);
}

#[test]
fn a_string_may_hold_any_bytes() {
    let value: Vec<u8> = (0..=255).chain(*b"\r\n*1\r\n$-1\r\n").collect();
    let request = vec![b"ECHO".to_vec(), value, Vec::new()];
    assert_eq!(read([array(&request).as_slice()]).0, [request]);
}

#[test]
fn many_requests_in_one_buffer_come_out_in_order() {
    let requests: Vec<_> = (0..1000)
        .map(|n| words(&["SET", "key", &n.to_string()]))
        .collect();
    let bytes: Vec<u8> = requests.iter().flat_map(|request| array(request)).collect();
    assert_eq!(read([bytes.as_slice()]), (requests, None));
}

#[test]
fn lines_and_arrays_may_alternate() {
    let bytes = b"PING\r\n*1\r\n$4\r\nQUIT\r\nPING\r\n".as_slice();
    assert_eq!(
        read([bytes]).0,
        [words(&["PING"]), words(&["QUIT"]), words(&["PING"])]
    );
}

#[test]
fn half_a_request_leaves_it_incomplete() {
    let bytes = array(&["SET", "key", "value"]);
    for end in 0..bytes.len() {
        assert_eq!(
            read([&bytes[..end]]),
            (Vec::new(), None),
            "after {end} bytes"
        );
    }
}

#[test]
fn what_follows_a_request_stays_in_the_buffer() {
    let mut reader = RequestReader::new(Limits::default());
    let mut buffer = BytesMut::from("PING\r\n*1\r\n$4\r\nQU");
    assert!(
        reader
            .next(&mut buffer)
            .expect("a line is in order")
            .is_some()
    );
    assert!(
        reader
            .next(&mut buffer)
            .expect("half a request is in order")
            .is_none()
    );
    assert_eq!(buffer, "*1\r\n$4\r\nQU");
}

#[test]
fn empty_requests_are_dropped() {
    let bytes = b"*0\r\n*-1\r\n*-7\r\n\r\n\n  \r\nPING\r\n".as_slice();
    assert_eq!(read([bytes]), (vec![words(&["PING"])], None));
}

#[test]
fn endless_empty_requests_end_with_the_buffer() {
    let mut reader = RequestReader::new(Limits::default());
    let mut buffer = BytesMut::from("*0\r\n".repeat(100_000).as_str());
    assert_eq!(reader.next(&mut buffer), Ok(None));
    assert!(buffer.is_empty());
}

#[test]
fn a_request_as_large_as_the_limits_is_read() {
    let limits = Limits::default();
    let widest = vec![b"".to_vec(); limits.argument_count_max];
    assert_eq!(read([array(&widest).as_slice()]), (vec![widest], None));
    let longest = vec![vec![b'x'; limits.bulk_bytes_max]];
    assert_eq!(read([array(&longest).as_slice()]), (vec![longest], None));
}
