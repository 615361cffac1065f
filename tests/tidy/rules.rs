//! The laws and rules of `docs/semantics.md`: each that is cited exists, each that is built has a
//! test that names it, and what is not built yet is said to be so.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Fault, Kind, Source, Token, closing, starts_with};

/// Starts the line of `docs/semantics.md` that lists the rules nothing stands behind yet.
const NOT_YET: &str = "Not yet:";

/// A test and the rules that the first comment of its body names.
pub(crate) struct Test<'a> {
    pub(crate) name: &'a str,
    pub(crate) rules: Vec<&'a str>,
}

/// What the document defines, and where first.
fn definitions(semantics: &Source) -> BTreeMap<&str, usize> {
    headings(semantics).into_iter().rev().collect()
}

/// Each bold start with a number: `**R7 The GC pass.**` defines R7.
fn headings(semantics: &Source) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    for (at, line) in semantics.text.lines().enumerate() {
        let starts = line
            .split("**")
            .skip(1)
            .filter_map(|start| start.split_once(' '));
        found.extend(
            starts
                .filter(|(rule, _)| is_rule(rule))
                .map(|(rule, _)| (rule, at + 1)),
        );
    }
    found
}

/// Definitions of a number that has one already.
pub(crate) fn defined_twice(semantics: &Source) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    let again = headings(semantics)
        .into_iter()
        .filter(|(rule, _)| !seen.insert(*rule));
    let what = |rule| format!("{rule} is defined above already: give this one its own number");
    again
        .map(|(rule, line)| semantics.fault(line, what(rule)))
        .collect()
}

/// Rule numbers in comments that the document does not define.
pub(crate) fn unknown_citations(semantics: &Source, sources: &[Source]) -> Vec<Fault> {
    let defined = definitions(semantics);
    let mut faults = Vec::new();
    for source in sources {
        for comment in source.comments() {
            for (at, line) in comment.text.lines().enumerate() {
                let unknown = cited(line).filter(|rule| !defined.contains_key(rule));
                faults.extend(unknown.map(|rule| {
                    let what = format!("{rule} is not in {}: cite a rule that is", semantics.path);
                    source.fault(comment.line + at, what)
                }));
            }
        }
    }
    faults
}

/// Rules without a test, and what the list of rules not yet built says wrongly.
pub(crate) fn untested(semantics: &Source, sources: &[Source]) -> Vec<Fault> {
    let defined = definitions(semantics);
    let tests: Vec<_> = sources.iter().map(Source::tokens).collect();
    let tests: Vec<_> = tests.iter().flat_map(|tokens| tests_in(tokens)).collect();
    let mut tested = BTreeMap::new();
    for test in &tests {
        tested.extend(test.rules.iter().map(|rule| (*rule, test.name)));
    }
    let waiting = not_yet(semantics);
    let mut faults = Vec::new();
    if defined.is_empty() {
        faults.push(semantics.fault(1, "it defines no rule: begin each with **R1 and its name**"));
    }
    for (rule, line) in &waiting {
        if let Some(test) = tested.get(rule) {
            let what = format!("{rule} is tested by {test}: take it out of the list");
            faults.push(semantics.fault(*line, what));
        } else if !defined.contains_key(rule) {
            faults.push(semantics.fault(*line, format!("{rule} is not a rule of this document")));
        }
    }
    for (rule, line) in &defined {
        if !tested.contains_key(rule) && !waiting.contains_key(rule) {
            let what = format!(
                "no test names {rule}: begin one's body with `// {rule}.`, or list it: `{NOT_YET}`"
            );
            faults.push(semantics.fault(*line, what));
        }
    }
    faults.sort_by_key(|fault| fault.line);
    faults
}

fn not_yet(semantics: &Source) -> BTreeMap<&str, usize> {
    let lines = semantics.text.lines().enumerate();
    let lists = lines.filter_map(|(at, line)| Some((at + 1, line.strip_prefix(NOT_YET)?)));
    lists
        .flat_map(|(at, list)| cited(list).map(move |rule| (rule, at)))
        .collect()
}

/// The functions whose attribute is `test` or ends in it, those inside macros included.
pub(crate) fn tests_in<'a>(tokens: &[Token<'a>]) -> Vec<Test<'a>> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if starts_with(&tokens[at..], &["#", "["]) && is_test(tokens, at + 1) {
            found.extend(test_after(tokens, closing(tokens, at + 1) + 1));
        }
    }
    found
}

fn is_test(tokens: &[Token<'_>], open: usize) -> bool {
    let inside = &tokens[open + 1..closing(tokens, open)];
    let path = inside
        .iter()
        .take_while(|token| token.kind == Kind::Word || token.text == "::");
    path.last().is_some_and(|token| token.text == "test")
}

fn test_after<'a>(tokens: &[Token<'a>], start: usize) -> Option<Test<'a>> {
    let mut at = start;
    while tokens.get(at)?.text != "fn" {
        at = if tokens[at].text == "[" {
            closing(tokens, at) + 1
        } else {
            at + 1
        };
    }
    let name = tokens.get(at + 1)?.text;
    while tokens.get(at)?.text != "{" {
        at = if tokens[at].text == "(" {
            closing(tokens, at) + 1
        } else {
            at + 1
        };
    }
    let first = tokens
        .get(at + 1)
        .filter(|token| token.kind == Kind::Comment);
    Some(Test {
        name,
        rules: first.map_or_else(Vec::new, |comment| headed(comment.text)),
    })
}

/// The rules a comment begins with: `// R7.`, `// L1, R6: ..`.
fn headed(comment: &str) -> Vec<&str> {
    let line = comment
        .lines()
        .next()
        .unwrap_or("")
        .trim_start_matches(['/', '*', '!']);
    let words = line
        .split([' ', ','])
        .filter(|word| !matches!(*word, "" | "and"));
    let words = words.map(|word| word.trim_end_matches(['.', ':', ';']));
    words.take_while(|word| is_rule(word)).collect()
}

fn cited(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| is_rule(word))
}

/// `L` or `R`, a number, and perhaps one small letter.
fn is_rule(word: &str) -> bool {
    let Some(number) = word.strip_prefix(['L', 'R']) else {
        return false;
    };
    let number = number
        .strip_suffix(|c: char| c.is_ascii_lowercase())
        .unwrap_or(number);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}
