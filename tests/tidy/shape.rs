//! The shape of files: sizes, words that are not used here, and the places of what has one place.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::references;
use crate::source::{Fault, Kind, Source, Token, closing, starts_with};

const LINE_LENGTH_MAX: usize = 100;
const FILE_LINES_MAX: usize = 500;

/// Unfinished work belongs in the list of issues; spelled apart so that this file passes.
const MARKERS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Files that may do what the others may not, each with its reason.
pub(crate) type Exceptions<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn long_lines(sources: &[Source]) -> Vec<Fault> {
    each_line(sources, |line| {
        let length = line.chars().count();
        (length > LINE_LENGTH_MAX).then(|| format!("{length} characters: break it at 100"))
    })
}

pub(crate) fn long_files(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        let tests: usize = source
            .parts()
            .tests
            .iter()
            .map(|tokens| height(tokens))
            .sum();
        let lines = source.text.lines().count() - tests;
        if lines > FILE_LINES_MAX {
            faults.push(source.fault(
                1,
                format!("{lines} lines: split it by the questions it answers"),
            ));
        }
    }
    faults
}

pub(crate) fn unfinished(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for comment in source.comments() {
            for word in comment.text.split(|c: char| !c.is_alphanumeric()) {
                if MARKERS.contains(&word) {
                    faults.push(
                        source.fault(comment.line, format!("{word}: do it, or open an issue")),
                    );
                }
            }
        }
        each_token(source, |tokens, at| {
            let is_stub = matches!(tokens[at].text, "todo" | "unimplemented" | "dbg");
            if is_stub && starts_with(&tokens[at + 1..], &["!"]) {
                let what = format!("{}!: finish it or take it out", tokens[at].text);
                faults.push(source.fault(tokens[at].line, what));
            }
        });
    }
    faults
}

/// `allow` outlives its cause; `expect` says when the cause is gone, and has to say the cause.
pub(crate) fn lints_switched_off(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        each_token(source, |tokens, at| {
            let opens = at > 0 && matches!(tokens[at - 1].text, "[" | ",");
            if !opens || !starts_with(&tokens[at + 1..], &["("]) {
                return;
            }
            let inside = &tokens[at..closing(tokens, at + 1)];
            let says_why = inside.iter().any(|token| token.text == "reason");
            if tokens[at].text == "allow" {
                let what = "write #[expect(lint, reason = \"..\")] instead of allow";
                faults.push(source.fault(tokens[at].line, what));
            } else if tokens[at].text == "expect" && !says_why {
                faults.push(source.fault(tokens[at].line, "an expected lint says its reason"));
            }
        });
    }
    faults
}

pub(crate) fn unsafe_code(sources: &[Source], exceptions: Exceptions<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        each_token(source, |tokens, at| {
            if tokens[at].text == "unsafe" {
                faults.push(source.fault(tokens[at].line, "unsafe: use a crate that wraps it"));
            }
        });
    }
    except(faults, sources, exceptions)
}

/// `lib.rs` is the table of contents: attributes, `mod name;` and `use`.
pub(crate) fn logic_in_lib(lib: &Source) -> Vec<Fault> {
    let (tokens, mut at, mut faults) = (lib.parts().code, 0, Vec::new());
    while at < tokens.len() {
        let item = at;
        while starts_with(&tokens[at..], &["#"]) {
            let open = at + 1 + usize::from(starts_with(&tokens[at + 1..], &["!"]));
            at = closing(&tokens, open) + 1;
        }
        at += usize::from(starts_with(&tokens[at..], &["pub"]));
        if starts_with(&tokens[at..], &["("]) {
            at = closing(&tokens, at) + 1;
        }
        let Some(word) = tokens.get(at) else {
            break;
        };
        let rest = &tokens[at..];
        let length = rest.iter().take_while(|token| token.text != ";").count();
        let is_module = word.text == "mod" && length == 2;
        if !is_module && word.text != "use" {
            faults.push(lib.fault(
                tokens[item].line,
                "lib.rs holds no logic: move it to a module",
            ));
            break;
        }
        if rest[..length].iter().any(|token| token.text == "*") {
            faults.push(lib.fault(word.line, "the public list names each name: no `*`"));
        }
        at += length + 1;
    }
    faults
}

/// Files of `src` that no chain of `mod` declarations reaches from `lib.rs`.
pub(crate) fn dead_files(sources: &[Source]) -> Vec<Fault> {
    let files: BTreeMap<_, _> = sources.iter().map(|one| (one.path.as_str(), one)).collect();
    let (mut reached, mut next) = (BTreeSet::new(), vec!["src/lib.rs".to_owned()]);
    while let Some(path) = next.pop() {
        if let Some(source) = files
            .get(path.as_str())
            .filter(|_| reached.insert(path.clone()))
        {
            next.extend(declared(source));
        }
    }
    let dead = sources
        .iter()
        .filter(|source| !reached.contains(&source.path));
    dead.map(|source| source.fault(1, "no `mod` declares this file: declare or remove it"))
        .collect()
}

/// The files that the `mod name;` lines of `source` may stand for.
fn declared(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let stem = file.trim_end_matches(".rs");
    let inner = if matches!(stem, "lib" | "mod") {
        folder.into()
    } else {
        format!("{folder}/{stem}")
    };
    let (mut found, mut paths) = (Vec::new(), Vec::new());
    each_token(source, |tokens, at| match tokens[at].text {
        "path" if starts_with(&tokens[at + 1..], &["="]) => {
            let literal = tokens
                .get(at + 2)
                .map_or("", |token| token.text.trim_matches('"'));
            paths.push(format!("{folder}/{literal}"));
        }
        "mod" if tokens.get(at + 2).is_some_and(|token| token.text == ";") => {
            let name = tokens[at + 1].text;
            found.extend([
                format!("{inner}/{name}.rs"),
                format!("{inner}/{name}/mod.rs"),
            ]);
            found.append(&mut paths);
        }
        ";" | "}" => paths.clear(),
        _ => {}
    });
    found
}

/// A task has one owner, so tasks are spawned in one file of the runtime and nowhere else.
pub(crate) fn spawning(sources: &[Source], exceptions: Exceptions<'_>) -> Vec<Fault> {
    except(spawned(sources), sources, exceptions)
}

fn spawned(sources: &[Source]) -> Vec<Fault> {
    let mut places = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let code = source.parts().code;
        for reference in references(&code) {
            let spawns = reference
                .path
                .last()
                .is_some_and(|name| name.starts_with("spawn"));
            if reference.path[0] == "tokio" && spawns {
                places.push(source.fault(reference.line, ""));
            }
        }
        for at in 0..code.len() {
            let is_call = at > 1 && code[at - 1].text == "." && code[at].text.starts_with("spawn");
            if source.path.starts_with("src/runtime/") && is_call && !of_a_thread(&code[..at]) {
                places.push(source.fault(code[at].line, ""));
            }
        }
    }
    let is_runtime = |path: &str| path.starts_with("src/runtime/");
    let home = places
        .iter()
        .map(|place| place.path.clone())
        .find(|path| is_runtime(path));
    let has_runtime = sources.iter().any(|source| is_runtime(&source.path));
    match home {
        None if has_runtime && places.is_empty() => {
            let what = "nothing is spawned here: this check has lost its object";
            vec![Fault {
                path: "src/runtime".into(),
                line: 1,
                what: what.into(),
            }]
        }
        home => {
            let home = home.unwrap_or_else(|| "the runtime".into());
            places.retain(|place| place.path != home);
            let what = format!("tasks are spawned in {home} alone: ask it, or call it otherwise");
            places
                .into_iter()
                .map(|place| Fault {
                    what: what.clone(),
                    ..place
                })
                .collect()
        }
    }
}

/// Whether the statement that ends here builds a thread, which is not a task.
fn of_a_thread(before: &[Token<'_>]) -> bool {
    let statement = before
        .iter()
        .rev()
        .take_while(|token| !matches!(token.text, ";" | "{" | "}"));
    statement
        .into_iter()
        .any(|token| matches!(token.text, "thread" | "Builder"))
}

/// Sleeps in tests that a clock on pause does not serve.
pub(crate) fn real_sleeps(sources: &[Source], exceptions: Exceptions<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        let parts = source.parts();
        let whole = source.is_test().then_some(parts.code);
        for tokens in parts.tests.iter().chain(&whole) {
            let paused = has_paused_clock(tokens);
            for at in 1..tokens.len() {
                let sleeps = matches!(tokens[at].text, "sleep" | "sleep_until" | "sleep_ms");
                let is_ours = matches!(tokens[at - 1].text, "." | "fn");
                let of_thread = at > 1 && tokens[at - 2].text == "thread";
                if sleeps && !is_ours && (of_thread || !paused) {
                    let what = "no real sleep in a test: settle, or advance the clock";
                    faults.push(source.fault(tokens[at].line, what));
                }
            }
        }
    }
    except(faults, sources, exceptions)
}

/// Whether each `#[tokio::test]` here starts with its clock on pause, and there is one, or the
/// tests run in the harness, whose clock is virtual.
fn has_paused_clock(tokens: &[Token<'_>]) -> bool {
    let is_start = |at: &usize| starts_with(&tokens[*at..], &["[", "tokio", "::", "test"]);
    let starts: Vec<_> = (0..tokens.len()).filter(is_start).collect();
    let paused = |open: &usize| {
        let inside = &tokens[*open..closing(tokens, *open)];
        inside.iter().any(|token| token.text == "start_paused")
    };
    let in_harness = tokens.iter().any(|token| token.text == "testing");
    (in_harness || !starts.is_empty()) && starts.iter().all(paused)
}

/// A Markdown file has one title, which is its first line of that rank.
pub(crate) fn titles(documents: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for document in documents {
        let (mut in_code, mut titles) = (false, Vec::new());
        for (at, line) in document.text.lines().enumerate() {
            in_code ^= line.trim_start().starts_with("```");
            if !in_code && line.starts_with("# ") {
                titles.push(at + 1);
            }
        }
        if titles.len() != 1 {
            let line = titles.get(1).copied().unwrap_or(1);
            faults
                .push(document.fault(line, format!("{} titles: one `# ` per file", titles.len())));
        }
    }
    faults
}

/// Takes out what is excepted, and puts in each exception that nobody needs any more.
fn except(faults: Vec<Fault>, sources: &[Source], exceptions: Exceptions<'_>) -> Vec<Fault> {
    let excepted = |path: &str| exceptions.iter().any(|(name, _)| *name == path);
    let needed: BTreeSet<_> = faults.iter().map(|fault| fault.path.clone()).collect();
    let stale = sources
        .iter()
        .filter(|one| excepted(&one.path) && !needed.contains(&one.path));
    let stale: Vec<_> = stale
        .map(|one| one.fault(1, "take it out of the exceptions"))
        .collect();
    faults
        .into_iter()
        .filter(|fault| !excepted(&fault.path))
        .chain(stale)
        .collect()
}

fn height(tokens: &[Token<'_>]) -> usize {
    let ends = tokens.first().zip(tokens.last());
    ends.map_or(0, |(first, last)| last.line - first.line + 1)
}

fn each_line(sources: &[Source], judge: impl Fn(&str) -> Option<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            faults.extend(judge(line).map(|what| source.fault(at + 1, what)));
        }
    }
    faults
}

fn each_token(source: &Source, mut visit: impl FnMut(&[Token<'_>], usize)) {
    let mut tokens = source.tokens();
    tokens.retain(|token| token.kind != Kind::Comment);
    (0..tokens.len()).for_each(|at| visit(&tokens, at));
}
