//! What holds for every stream, however it is cut into pieces. Properties draw streams, and so does
//! the fuzz target `framing`.

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Decoder;

use super::framing::{FrameError, Frames, Framing, HEADER_MAX};

pub(super) type Framed = Result<Bytes, FrameError>;

/// A stream gives the same messages and errors in pieces of any sizes, and takes no more memory
/// than a message and a piece; lines are those that a reader without bounds would find.
pub(super) fn check(length_max: usize, stream: &[u8], sizes: &[u8]) {
    let sizes: Vec<_> = sizes.iter().map(|size| usize::from(*size).max(1)).collect();
    for framing in [Framing::Lines, Framing::ContentLength] {
        let whole = cut(framing, length_max, stream, &[stream.len().max(1)]);
        let pieces = cut(framing, length_max, stream, &sizes);
        assert_eq!(pieces, whole, "{framing:?}, in pieces of {sizes:?}");
    }
    let lines = cut(Framing::Lines, length_max, stream, &sizes);
    assert_eq!(lines, lines_of(length_max, stream));
}

/// What comes out of a stream that arrives in pieces of these sizes, in turn.
pub(super) fn cut(
    framing: Framing,
    length_max: usize,
    stream: &[u8],
    sizes: &[usize],
) -> Vec<Framed> {
    let room = match framing {
        Framing::Lines => length_max.saturating_add(1),
        Framing::ContentLength => length_max.saturating_add(HEADER_MAX),
    };
    let mut frames = Frames::new(framing, length_max);
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    let mut sizes = sizes.iter().cycle();
    let mut rest = stream;
    while !rest.is_empty() {
        let size = sizes
            .next()
            .map_or(rest.len(), |size| *size.min(&rest.len()));
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        buffer.extend_from_slice(piece);
        found.extend(std::iter::from_fn(|| decoded(frames.decode(&mut buffer))));
        assert!(buffer.len() <= room, "{} bytes are kept", buffer.len());
    }
    found.extend(std::iter::from_fn(|| {
        decoded(frames.decode_eof(&mut buffer))
    }));
    found
}

fn decoded(result: std::io::Result<Option<Framed>>) -> Option<Framed> {
    result.expect("what is wrong is an item")
}

/// The lines of a stream that is there as a whole.
fn lines_of(length_max: usize, stream: &[u8]) -> Vec<Framed> {
    let mut lines: Vec<_> = stream.split(|byte| *byte == b'\n').collect();
    let torn = lines.pop().filter(|torn| !torn.is_empty());
    let long = || Err(FrameError::TooLong { max: length_max });
    let lines = lines.into_iter().filter_map(|line| {
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        let text = Bytes::copy_from_slice(line.trim_ascii_end());
        match length > length_max {
            true => Some(long()),
            false => (!text.is_empty()).then_some(Ok(text)),
        }
    });
    let torn = torn.map(|torn| match torn.len() {
        bytes if bytes > length_max + 1 => long(),
        bytes => Err(FrameError::Torn { bytes }),
    });
    lines.chain(torn).collect()
}
