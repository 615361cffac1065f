//! The protocol from both sides, with bytes for a socket.

mod arrival;
mod refusals;
mod replies;
mod requests;

use bytes::{BufMut, BytesMut};

use super::{Limits, ProtocolError, RequestReader};

/// The words of a request.
type Words = Vec<Vec<u8>>;

/// Reads `pieces` one after the other, and answers the words of all requests and the error that
/// ended them, if one did.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Words>, Option<ProtocolError>) {
    read_within(Limits::default(), pieces)
}

/// The same within other limits.
fn read_within<'a>(
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Words>, Option<ProtocolError>) {
    let mut reader = RequestReader::new(limits);
    let mut buffer = BytesMut::new();
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.put_slice(piece);
        loop {
            match reader.next(&mut buffer) {
                Ok(Some(request)) => {
                    let words = std::iter::once(request.name).chain(request.arguments);
                    requests.push(words.map(|word| word.to_vec()).collect());
                }
                Ok(None) => break,
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}

/// The error that `bytes` end in.
fn refusal(bytes: &[u8]) -> ProtocolError {
    read([bytes]).1.expect("these bytes are an error")
}

/// The bytes of an array of `words`.
fn array(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// The words of a request, from text.
fn words(text: &[&str]) -> Words {
    text.iter().map(|word| word.as_bytes().to_vec()).collect()
}
