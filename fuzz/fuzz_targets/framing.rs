//! Streams that arrive in pieces, cut into messages by the decoder of helpers.

#![no_main]

#[path = "../../src/helper/framing.rs"]
#[expect(dead_code, reason = "nothing is framed here")]
mod framing;
#[path = "../../src/helper/framing_checks.rs"]
mod framing_checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|drawn: (u8, Vec<u8>, &[u8])| {
    let (length_max, sizes, stream) = drawn;
    framing_checks::check(usize::from(length_max), stream, &sizes);
});
