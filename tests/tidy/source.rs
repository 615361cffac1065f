//! The files of this repository, cut into tokens that keep their line and their comments.
//!
//! A parser would drop the comments, and the comments are where the rules are cited. What the
//! checks ask of the syntax is little: words, paths, and where a brace closes.

use std::fmt;
use std::fs;
use std::path::Path;

/// One file: its path from the root of the repository, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What is wrong, where, and what to do instead.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Comment,
    Literal,
    Punct,
    Word,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// The tokens of a file without its comments, its items under `#[cfg(test)]` set apart.
pub(crate) struct Parts<'a> {
    pub(crate) code: Vec<Token<'a>>,
    pub(crate) tests: Vec<Vec<Token<'a>>>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Reads every file below `folder` whose name ends in `extension`, in the order of the paths.
    pub(crate) fn all(folder: &str, extension: &str) -> Vec<Self> {
        let mut found = Self::beside(folder, extension);
        for path in entries(folder)
            .iter()
            .filter(|path| root().join(path).is_dir())
        {
            found.extend(Self::all(path, extension));
        }
        found
    }

    /// Reads the files in `folder` itself, and none below.
    pub(crate) fn beside(folder: &str, extension: &str) -> Vec<Self> {
        let paths = entries(folder)
            .into_iter()
            .filter(|path| path.ends_with(extension));
        paths.map(|path| Self::read(&path)).collect()
    }

    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path));
        Self {
            path: path.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{path}: {error}")),
        }
    }

    /// Whether the whole file is tests: `tests/..`, `src/../tests/..`, `src/../tests*.rs`.
    pub(crate) fn is_test(&self) -> bool {
        let (folders, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        file.starts_with("tests") || folders.split('/').any(|folder| folder == "tests")
    }

    pub(crate) fn fault(&self, line: usize, what: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }

    /// Every token of the file, comments included.
    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        let (mut rest, mut line, mut found) = (self.text.as_str(), 1, Vec::new());
        while !rest.is_empty() {
            let (kind, length) = measure(rest);
            let (text, tail) = rest.split_at(length);
            found.extend(kind.map(|kind| Token { kind, line, text }));
            line += text.matches('\n').count();
            rest = tail;
        }
        found
    }

    pub(crate) fn comments(&self) -> Vec<Token<'_>> {
        self.tokens()
            .into_iter()
            .filter(|token| token.kind == Kind::Comment)
            .collect()
    }

    pub(crate) fn parts(&self) -> Parts<'_> {
        let mut tokens = self.tokens();
        tokens.retain(|token| token.kind != Kind::Comment);
        let (mut parts, mut at) = (
            Parts {
                code: Vec::new(),
                tests: Vec::new(),
            },
            0,
        );
        while at < tokens.len() {
            if starts_with(&tokens[at..], &["#", "[", "cfg", "(", "test", ")"])
                || starts_with(&tokens[at..], &["#", "[", "cfg", "(", "all", "(", "test"])
            {
                let end = at + item_length(&tokens[at..]);
                parts.tests.push(tokens[at..end].to_vec());
                at = end;
            } else {
                parts.code.push(tokens[at]);
                at += 1;
            }
        }
        parts
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

pub(crate) fn starts_with(tokens: &[Token<'_>], texts: &[&str]) -> bool {
    tokens.len() >= texts.len()
        && tokens
            .iter()
            .zip(texts)
            .all(|(token, text)| token.text == *text)
}

/// Where the bracket that opens at `open` is closed, or the end.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

/// How many tokens the item takes that starts here, its attributes included.
fn item_length(tokens: &[Token<'_>]) -> usize {
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text {
            ";" => return at + 1,
            "{" => return closing(tokens, at) + 1,
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

/// The kind and the length of the first piece of `rest`; blank space has no kind.
fn measure(rest: &str) -> (Option<Kind>, usize) {
    let run = |ends: fn(char) -> bool| rest.find(ends).unwrap_or(rest.len());
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        (None, run(|c| !c.is_whitespace()))
    } else if rest.starts_with("//") {
        (Some(Kind::Comment), run(|c| c == '\n'))
    } else if rest.starts_with("/*") {
        (Some(Kind::Comment), block_comment_length(rest))
    } else if let Some(length) = literal_length(rest) {
        (Some(Kind::Literal), length)
    } else if first.is_alphanumeric() || first == '_' {
        (Some(Kind::Word), run(|c| !c.is_alphanumeric() && c != '_'))
    } else if rest.starts_with("::") {
        (Some(Kind::Punct), 2)
    } else {
        (Some(Kind::Punct), first.len_utf8())
    }
}

fn block_comment_length(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if tail.starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of the string or character that starts here; a lifetime is neither.
fn literal_length(rest: &str) -> Option<usize> {
    let open = rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    let (prefix, body) = rest.split_at(open);
    if !["", "b", "c", "r", "br", "cr"].contains(&prefix) {
        return None;
    }
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let text = body[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        return Some(open + hashes + 1 + text.find(&close)? + close.len());
    }
    let mut letters = body.chars();
    let length = match (letters.next()?, letters.next()?, letters.next()) {
        ('"', ..) => quoted_length(body, '"')?,
        ('\'', '\\', _) | ('\'', _, Some('\'')) => quoted_length(body, '\'')?,
        _ => return None,
    };
    Some(open + length)
}

fn quoted_length(body: &str, quote: char) -> Option<usize> {
    let mut letters = body.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Some(at + 1);
        }
    }
    None
}

/// The paths of what is in `folder`, in order, build output and hidden things left out.
fn entries(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names = names.filter(|name| name != "target" && !name.starts_with('.'));
    let paths = names.map(|name| format!("{folder}/{name}"));
    let mut paths: Vec<_> = paths
        .map(|path| path.trim_start_matches("./").to_owned())
        .collect();
    paths.sort();
    paths
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
