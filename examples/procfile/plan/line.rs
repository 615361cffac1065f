//! A command as a line of text, or as words.

use std::iter::once;

/// What needs a shell: variables, lists of commands, redirections, patterns and comments.
const SYNTAX: &[char] = &[
    '$', '`', ';', '&', '|', '<', '>', '(', ')', '*', '?', '[', ']', '{', '}', '~', '#', '!', '\n',
];

/// Words that a shell knows by itself, with which a command may begin.
const BUILTINS: &[&str] = &[
    ".", ":", "[", "break", "case", "cd", "command", "continue", "eval", "exec", "exit", "export",
    "for", "if", "read", "readonly", "return", "set", "shift", "test", "times", "trap", "type",
    "ulimit", "umask", "unset", "until", "wait", "while",
];

/// A command, as it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The program and its arguments. Never empty.
    pub(crate) words: Vec<String>,
    /// The program that has to be there: the first word, or with a shell the one that it runs
    /// first, if that can be told.
    pub(crate) needs: Option<String>,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRun {
    Empty,
    Unquoted,
}

impl Run {
    /// Reads a line as a shell does; where it needs no shell, none is between us and the program.
    pub(crate) fn from_line(line: &str) -> Result<Self, NoRun> {
        let words = shell_words::split(line).map_err(|_| NoRun::Unquoted)?;
        let first = words.first().ok_or(NoRun::Empty)?.clone();
        let is_program =
            !first.contains(SYNTAX) && !first.contains('=') && !BUILTINS.contains(&&*first);
        if is_program && !line.contains(SYNTAX) {
            return Self::from_words(words);
        }
        Ok(Self {
            words: ["sh", "-c", line].map(str::to_owned).to_vec(),
            needs: Some(first).filter(|_| is_program),
        })
    }

    /// Takes words as they are.
    pub(crate) fn from_words(words: Vec<String>) -> Result<Self, NoRun> {
        let first = words.first().filter(|first| !first.is_empty());
        let needs = Some(first.ok_or(NoRun::Empty)?.clone());
        Ok(Self { words, needs })
    }

    /// The command for people: its words, quoted where a shell would need that.
    pub(crate) fn shown(&self) -> String {
        match &*self.words {
            [sh, c, line] if sh == "sh" && c == "-c" => line.clone(),
            words => shell_words::join(words),
        }
    }

    /// The programs that have to be there.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &str> {
        once(&*self.words[0]).chain(self.needs.as_deref())
    }
}
