//! The same bytes in other pieces.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Words, array, read, words};
use crate::resp::{Limits, ProtocolError};

#[test]
fn requests_may_arrive_byte_by_byte() {
    let bytes = [
        array(&["SET", "key", "a\r\nb"]),
        b"PING\r\n*0\r\n".to_vec(),
        array(&["QUIT"]),
    ];
    let requests = vec![
        words(&["SET", "key", "a\r\nb"]),
        words(&["PING"]),
        words(&["QUIT"]),
    ];
    assert_eq!(read(bytes.concat().chunks(1)), (requests, None));
}

/// Read anew from its beginning with every byte, these requests would take hours.
#[test]
fn a_large_request_may_arrive_byte_by_byte() {
    let limits = Limits::default();
    let widest = vec![b"x".to_vec(); limits.argument_count_max];
    assert_eq!(read(array(&widest).chunks(1)), (vec![widest], None));
    let longest = vec![vec![b'\n'; limits.bulk_bytes_max / 8]];
    assert_eq!(read(array(&longest).chunks(1)), (vec![longest], None));
}

#[test]
fn a_long_line_may_arrive_byte_by_byte() {
    let bytes = vec![b'x'; Limits::default().inline_bytes_max];
    assert_eq!(
        read(bytes.chunks(1)),
        (Vec::new(), Some(ProtocolError::InlineTooLong))
    );
}

/// A request and its bytes, or bytes that ask for nothing.
fn request() -> impl Strategy<Value = (Option<Words>, Vec<u8>)> {
    let arrays = vec(vec(any::<u8>(), 0..20), 1..6).prop_map(|request| {
        let bytes = array(&request);
        (Some(request), bytes)
    });
    let lines = vec("[a-gi-or-z]{1,8}", 1..5).prop_map(|line| {
        let bytes = line.join(" ") + "\r\n";
        let request = line.into_iter().map(String::into_bytes).collect();
        (Some(request), bytes.into_bytes())
    });
    let nothing = prop_oneof![Just("*0\r\n"), Just("*-1\r\n"), Just("\r\n"), Just(" \n")];
    let nothing = nothing.prop_map(|bytes| (None, bytes.as_bytes().to_vec()));
    prop_oneof![4 => arrays, 2 => lines, 1 => nothing]
}

/// `bytes` cut into pieces of the given lengths, over and over.
fn cut<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// Bytes that get further than arbitrary ones do.
fn almost_requests() -> impl Strategy<Value = Vec<u8>> {
    vec(select(PARTS.as_slice()), 0..20).prop_map(|parts| parts.concat().into_bytes())
}

const PARTS: [&str; 10] = [
    "*1\r\n", "*2\r\n", "$1\r\n", "$-1\r\n", "x\r\n", "*0\r\n", "PING", "\r\n", "*", "9",
];

proptest! {
    #[test]
    fn any_pieces_give_the_same_requests(
        stream in vec(request(), 0..20),
        lengths in vec(1_usize..40, 1..10),
    ) {
        let bytes: Vec<u8> = stream.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let requests: Vec<_> = stream.into_iter().filter_map(|(request, _)| request).collect();
        prop_assert_eq!(read(cut(&bytes, &lengths)), (requests, None));
    }

    #[test]
    fn any_pieces_of_almost_requests_come_to_the_same(
        bytes in almost_requests(),
        lengths in vec(1_usize..10, 1..5),
    ) {
        prop_assert_eq!(read(cut(&bytes, &lengths)), read([bytes.as_slice()]));
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes: Vec<u8>, lengths in vec(1_usize..10, 1..5)) {
        prop_assert_eq!(read(cut(&bytes, &lengths)), read([bytes.as_slice()]));
    }
}
