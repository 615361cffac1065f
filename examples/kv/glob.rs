//! Patterns over keys: `*`, `?`, `[abc]`, `[^a]`, `[a-z]` and `\x`.
//!
//! Matching keeps one place to go back to, the latest star: an earlier one never has to be tried
//! again, because whatever it could give up the later star can take. The cost of a match is
//! therefore at most the length of the pattern times the length of the text, without recursion.

/// Says whether the whole of `text` matches `pattern`.
///
/// Every sequence of bytes is a pattern: a bracket that is never closed reaches to the end, and a
/// backslash at the end stands for itself.
pub(crate) fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut latest_star = None;
    loop {
        match Element::split(pattern) {
            Some((Element::Many, rest)) => {
                latest_star = Some((rest, text));
                pattern = rest;
                continue;
            }
            Some((element, rest)) => {
                if let Some((&byte, shorter)) = text.split_first()
                    && element.accepts(byte)
                {
                    (pattern, text) = (rest, shorter);
                    continue;
                }
            }
            None if text.is_empty() => return true,
            None => {}
        }
        // What followed the star does not fit here: let the star take one byte more.
        let Some((after, [_, shorter @ ..])) = latest_star else {
            return false;
        };
        latest_star = Some((after, shorter));
        (pattern, text) = (after, shorter);
    }
}

/// One part of a pattern.
#[derive(Clone, Copy, Debug)]
enum Element<'a> {
    /// `[abc]` or `[^abc]`: one byte of the set, or one outside of it.
    Class { members: &'a [u8], negated: bool },
    /// Any other byte, or one behind a backslash: that byte.
    Literal(u8),
    /// `*`: any number of bytes.
    Many,
    /// `?`: any one byte.
    One,
}

impl<'a> Element<'a> {
    /// The first part of `pattern` and what follows it.
    fn split(pattern: &'a [u8]) -> Option<(Self, &'a [u8])> {
        Some(match pattern {
            [] => return None,
            [b'*', rest @ ..] => (Self::Many, rest),
            [b'?', rest @ ..] => (Self::One, rest),
            [b'[', rest @ ..] => Self::split_class(rest),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (Self::Literal(*byte), rest),
        })
    }

    /// The class whose opening bracket stood before `pattern`.
    fn split_class(pattern: &'a [u8]) -> (Self, &'a [u8]) {
        let (negated, body) = match pattern {
            [b'^', body @ ..] => (true, body),
            body => (false, body),
        };
        let mut end = 0;
        while end < body.len() && body[end] != b']' {
            end += if body[end] == b'\\' { 2 } else { 1 };
        }
        let members = &body[..end.min(body.len())];
        let rest = body.get(end + 1..).unwrap_or_default();
        (Self::Class { members, negated }, rest)
    }

    /// Says whether this part can stand for `byte`.
    fn accepts(self, byte: u8) -> bool {
        match self {
            Self::Class { members, negated } => class_contains(members, byte) != negated,
            Self::Literal(literal) => literal == byte,
            Self::Many | Self::One => true,
        }
    }
}

/// Says whether `byte` is one of `members`, the text between two brackets.
fn class_contains(mut members: &[u8], byte: u8) -> bool {
    while !members.is_empty() {
        let (range, rest) = match members {
            [b'\\', one, rest @ ..] => (*one..=*one, rest),
            [low, b'-', high, rest @ ..] => (*low.min(high)..=*low.max(high), rest),
            [one, rest @ ..] => (*one..=*one, rest),
            [] => return false,
        };
        if range.contains(&byte) {
            return true;
        }
        members = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::matches;

    /// Checks a table of (pattern, text) pairs against one verdict.
    fn check(verdict: bool, pairs: &[(&str, &str)]) {
        for (pattern, text) in pairs {
            let found = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, verdict, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn a_plain_pattern_matches_itself_only() {
        check(true, &[("", ""), ("key", "key")]);
        check(
            false,
            &[
                ("", "k"),
                ("key", ""),
                ("key", "ke"),
                ("key", "keys"),
                ("key", "Key"),
            ],
        );
    }

    #[test]
    fn a_star_matches_any_run_of_bytes() {
        check(
            true,
            &[
                ("*", ""),
                ("*", "abc"),
                ("a*c", "ac"),
                ("a*c", "abcbc"),
                ("**b**", "abc"),
            ],
        );
        check(false, &[("a*c", "abcd"), ("*a", "ab"), ("a*b*c", "acb")]);
    }

    #[test]
    fn a_question_mark_matches_one_byte() {
        check(true, &[("?", "a"), ("h?llo", "hello"), ("*?", "ab")]);
        check(false, &[("?", ""), ("?", "ab"), ("h?llo", "hllo")]);
    }

    #[test]
    fn a_class_matches_its_members() {
        check(
            true,
            &[
                ("[abc]", "b"),
                ("h[ae]llo", "hallo"),
                ("[a-c]x", "bx"),
                ("[c-a]x", "bx"),
            ],
        );
        check(
            false,
            &[
                ("[abc]", "d"),
                ("[a-c]", "d"),
                ("[]", "a"),
                ("[abc]", ""),
                ("[a-c]", "-"),
            ],
        );
    }

    #[test]
    fn a_negated_class_matches_everything_else() {
        check(true, &[("[^a]", "b"), ("[^a-c]", "d"), ("[^]", "a")]);
        check(false, &[("[^a]", "a"), ("[^a-c]", "b"), ("[^a]", "")]);
    }

    #[test]
    fn a_backslash_takes_the_next_byte_literally() {
        check(
            true,
            &[
                (r"\*", "*"),
                (r"a\?", "a?"),
                (r"[\]]", "]"),
                (r"[\^]", "^"),
                (r"\", r"\"),
            ],
        );
        check(false, &[(r"\*", "a"), (r"a\?", "ab"), (r"[\]]", r"\")]);
    }

    #[test]
    fn an_unclosed_class_reaches_to_the_end() {
        check(
            true,
            &[
                ("[ab", "a"),
                ("x[ab", "xb"),
                (r"[ab\", "b"),
                (r"[ab\", r"\"),
            ],
        );
        check(false, &[("[", "a"), ("[ab", "c"), ("[ab", "ab")]);
    }

    #[test]
    fn many_stars_stay_cheap() {
        let pattern = "a*".repeat(500) + "b";
        let text = "a".repeat(5_000);
        assert!(!matches(pattern.as_bytes(), text.as_bytes()));
    }

    /// The same question, answered by trying everything.
    fn matches_slowly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([b'*', rest @ ..], _) => {
                (0..=text.len()).any(|taken| matches_slowly(rest, &text[taken..]))
            }
            ([b'?', rest @ ..], [_, shorter @ ..]) => matches_slowly(rest, shorter),
            ([byte, rest @ ..], [first, shorter @ ..]) if byte == first => {
                matches_slowly(rest, shorter)
            }
            ([], []) => true,
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_trying_everything(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let slowly = matches_slowly(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), slowly);
        }

        #[test]
        fn any_bytes_are_a_pattern(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, &text);
        }
    }
}
