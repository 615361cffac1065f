//! What a compiler says that it has read: a rule of make.

/// The prerequisites of all rules; `None` if this is no such file.
pub(crate) fn parse(text: &str) -> Option<Vec<String>> {
    let mut read = Vec::new();
    for rule in text.replace("\\\r\n", " ").replace("\\\n", " ").lines() {
        if rule.trim().is_empty() {
            continue;
        }
        let (_, prerequisites) = split_targets(rule)?;
        read.extend(words(prerequisites));
    }
    Some(read)
}

/// Splits at the colon that ends the targets: a blank or the end follows it.
fn split_targets(rule: &str) -> Option<(&str, &str)> {
    let mut colons = rule.match_indices(':');
    let (at, _) = colons.find(|(at, _)| {
        let rest = &rule[at + 1..];
        rest.is_empty() || rest.starts_with([' ', '\t'])
    })?;
    Some((&rule[..at], &rule[at + 1..]))
}

/// Words apart by blanks; `\ `, `\#` and `$$` are a blank, a hash and a dollar in one.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek().copied()) {
            ('\\', Some(next @ (' ' | '#'))) | ('$', Some(next @ '$')) => {
                word.push(next);
                letters.next();
            }
            (' ' | '\t', _) => words.extend(Some(std::mem::take(&mut word))),
            (letter, _) => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_rule_of_a_compiler_is_read_whatever_its_paths_are() {
        // Bad input: blanks, hashes and dollars in names, lines that go on, empty rules.
        let text = "a.o dir/b.o: a.c \\\n a\\ b.h c\\#d.h \\\r\n $$e.h C:/f.h\n\na.h:\n";
        let read = parse(text).expect("it is a rule");
        assert_eq!(read, ["a.c", "a b.h", "c#d.h", "$e.h", "C:/f.h"]);
    }

    #[test]
    fn what_is_no_rule_is_told() {
        // Bad input.
        assert_eq!(parse("no rule at all"), None);
        assert_eq!(parse(""), Some(Vec::new()));
    }
}
