//! What replies look like on the wire.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};
use redis_protocol::resp2::{
    decode::decode,
    types::{OwnedFrame, Resp2Frame},
};

use crate::resp::{ProtocolError, Reply};

/// The bytes of one reply.
fn encoded(reply: &Reply) -> BytesMut {
    let mut out = BytesMut::new();
    reply.encode(&mut out);
    out
}

#[test]
fn each_kind_of_reply_has_its_form() {
    let strings = vec![Bytes::from("a"), Bytes::new()];
    for (reply, bytes) in [
        (Reply::OK, "+OK\r\n"),
        (Reply::Simple("PONG"), "+PONG\r\n"),
        (Reply::Bulk(Bytes::from("a\r\nb")), "$4\r\na\r\nb\r\n"),
        (Reply::Bulk(Bytes::new()), "$0\r\n\r\n"),
        (Reply::Null, "$-1\r\n"),
        (Reply::Integer(-7), ":-7\r\n"),
        (Reply::Integer(i64::MIN), ":-9223372036854775808\r\n"),
        (Reply::Error("ERR no".into()), "-ERR no\r\n"),
        (Reply::Array(Vec::new()), "*0\r\n"),
        (Reply::Array(strings), "*2\r\n$1\r\na\r\n$0\r\n\r\n"),
    ] {
        assert_eq!(encoded(&reply), bytes, "{reply:?}");
    }
}

#[test]
fn replies_are_appended() {
    let mut out = BytesMut::from("+OK\r\n");
    Reply::Null.encode(&mut out);
    Reply::OK.encode(&mut out);
    assert_eq!(out, "+OK\r\n$-1\r\n+OK\r\n");
}

#[test]
fn a_protocol_error_is_an_error_reply() {
    let error = ProtocolError::Unexpected {
        expected: b'$',
        got: b'\n',
    };
    let bytes = encoded(&error.into());
    assert_eq!(bytes, "-ERR Protocol error: expected '$', got '\\n'\r\n");
}

proptest! {
    #[test]
    fn a_list_of_strings_is_read_as_it_was_written(
        strings in vec(vec(any::<u8>(), 0..150), 0..30),
    ) {
        let reply = Reply::Array(strings.iter().cloned().map(Bytes::from).collect());
        let bytes = encoded(&reply);
        let frame = OwnedFrame::Array(strings.into_iter().map(OwnedFrame::BulkString).collect());
        prop_assert_eq!(frame.encode_len(false), bytes.len());
        let (read, length) = decode(&bytes).expect("a reply is in order").expect("it is whole");
        prop_assert_eq!((read, length), (frame, bytes.len()));
    }

    #[test]
    fn a_number_is_read_as_it_was_written(number: i64) {
        let expected = format!(":{number}\r\n");
        prop_assert_eq!(encoded(&Reply::Integer(number)), expected.as_bytes());
    }
}
