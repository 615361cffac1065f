//! Whatever is said by either side of Go's build cache is read without harm.

use proptest::option::of;
use proptest::prelude::*;

use crate::gocache_checks::check;

/// A request, an answer, a hello, or nearly one.
fn message() -> impl Strategy<Value = String> {
    let fields = (
        of("\"ID\":[0-9]{1,21}"),
        of("\"Command\":\"(get|put|close|steal)\""),
        of(coded().prop_map(|text| format!("\"ActionID\":{text}"))),
        of(coded().prop_map(|text| format!("\"OutputID\":{text}"))),
        of("\"BodySize\":-?[0-9]"),
        of("\"KnownCommands\":\\[(\"get\"|\"close\")?\\]"),
        of("\"Err\":\"[a-z ]{0,9}\""),
        of("\"Miss\":(true|false|1)"),
        of("\"Size\":[0-9]{1,21}"),
        of("\"DiskPath\":\"/[a-z\\\\]{0,9}\""),
    );
    let object = fields.prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
        let fields = [a, b, c, d, e, f, g, h, i, j].into_iter().flatten();
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    });
    prop_oneof![4 => object, 1 => coded(), 1 => any::<String>()]
}

/// A body in base64, or nearly one.
fn coded() -> impl Strategy<Value = String> {
    "\"(([A-Za-z0-9+/]{4}){0,3}|[A-Za-z0-9+/=]{0,9})\""
}

proptest! {
    #[test]
    fn what_is_read_says_the_same_when_it_is_written_again(
        messages in prop::collection::vec(message(), 1..12),
    ) {
        // D1, D2. And nothing that is said makes either side panic.
        check(messages.join("\n").as_bytes());
    }

    #[test]
    fn any_bytes_are_read_without_harm(stream in prop::collection::vec(any::<u8>(), 0..200)) {
        // D1.
        check(&stream);
    }
}
