//! Whole numbers as the protocol writes them: in headers, in arguments and in stored values.

/// Reads `text` as a decimal number, if it is one written in the only way it can be.
///
/// A sign other than `-`, leading zeros, blanks and `-0` are refused, so that a number which is
/// read and written again comes out as the same bytes.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_number_is_read_as_it_is_written() {
        for number in [0, 7, -7, 10, 1_234_567, i64::MAX, i64::MIN] {
            assert_eq!(parse(number.to_string().as_bytes()), Some(number));
        }
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            "", "-", "+1", "-0", "007", " 1", "1 ", "1.5", "0x1", "one", "1\r", "--1",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        assert_eq!(parse(b"9223372036854775808"), None);
        assert_eq!(parse(b"-9223372036854775809"), None);
        assert_eq!(parse(&[b'9'; 4096]), None);
    }
}
