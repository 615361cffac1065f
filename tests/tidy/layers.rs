//! The layer table, executed: which module may know what.
//!
//! | layer | modules | may know |
//! | --- | --- | --- |
//! | 0 | the words: single files beside `lib.rs` | `std`, thiserror, serde, layer 0 |
//! | 1 | `tree` | that, rand, slab, layer 1; no clock, lock, thread, file, hash order or async |
//! | 2 | `runtime` | all crates, layers 0 to 2 |
//! | 3 | the kit | all crates, and what `lib.rs` makes public |

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Fault, Kind, Source, Token, starts_with};

/// The modules that are not words.
const LAYERS: [(&str, u8); 9] = [
    ("tree", 1),
    ("runtime", 2),
    ("adapters", 3),
    ("helper", 3),
    ("process", 3),
    ("resource", 3),
    ("solver", 3),
    ("store", 3),
    ("testing", 3),
];

/// What a word may not touch either, for the core is made of words.
const NOT_IN_WORDS: [&str; 7] = [
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

const NOT_IN_THE_CORE: [&str; 8] = [
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process::Command",
    "std::process::exit",
];

/// A path in a file, from a `use` or from the code, its first segment resolved by the `use`s.
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
    /// The name a `use` gives it in this file.
    alias: Option<String>,
}

/// What the crate is made of: the modules and names of `lib.rs`, and the crates it depends on.
pub(crate) struct House {
    modules: BTreeSet<String>,
    /// The module each name at the root comes from.
    exports: BTreeMap<String, String>,
    public: BTreeSet<String>,
    crates: BTreeSet<String>,
}

/// Checks every import and every qualified path of `sources` against the table.
pub(crate) fn check(house: &House, sources: &[Source]) -> Vec<Fault> {
    let ordinary = sources.iter().filter(|source| !source.is_test());
    ordinary
        .flat_map(|source| check_file(house, source))
        .collect()
}

fn check_file(house: &House, source: &Source) -> Vec<Fault> {
    let own = module_path(&source.path);
    let Some(layer) = own.first().map(|module| layer_of(module)) else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    let is_folder = source.path.matches('/').count() > 1;
    if layer == 0 && is_folder {
        faults.push(source.fault(1, "this folder has no layer: add it to the table of layers"));
    }
    let code = source.parts().code;
    for reference in references(&code) {
        if let Err(why) = house.judge(&own, layer, &reference.path) {
            let path = reference.path.join("::");
            faults.push(source.fault(reference.line, format!("{path}: {why}")));
        }
    }
    for token in code.iter().filter(|_| layer <= 1) {
        if token.kind == Kind::Word && matches!(token.text, "async" | "await") {
            let what = "no async below the runtime: return an action, be told a fact";
            faults.push(source.fault(token.line, what));
        }
    }
    faults
}

impl House {
    pub(crate) fn new(lib: &Source, manifest: &Source) -> Self {
        let code = lib.parts().code;
        let mut house = Self {
            modules: BTreeSet::new(),
            exports: BTreeMap::new(),
            public: BTreeSet::new(),
            crates: dependencies(&manifest.text),
        };
        for at in 0..code.len() {
            let public = at > 0 && code[at - 1].text == "pub";
            if code[at].text == "mod" && at + 1 < code.len() {
                house.modules.insert(code[at + 1].text.to_owned());
                house
                    .public
                    .extend(public.then(|| code[at + 1].text.to_owned()));
            } else if code[at].text == "use" {
                for reference in used(&code[at..]) {
                    house.export(public, &reference);
                }
            }
        }
        house
    }

    fn export(&mut self, public: bool, reference: &Reference) {
        let segments = reference.path.iter().map(String::as_str);
        let module = segments
            .into_iter()
            .find(|part| !matches!(*part, "crate" | "self"));
        if let (Some(name), Some(module)) = (&reference.alias, module) {
            self.exports.insert(name.clone(), module.to_owned());
            self.public.extend(public.then(|| name.clone()));
        }
    }

    /// Whether the module at `own`, which is in `layer`, may speak of `path`.
    fn judge(&self, own: &[String], layer: u8, path: &[String]) -> Result<(), String> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        match path[0].as_str() {
            "std" | "core" | "alloc" => allowed_in_std(layer, path),
            "crate" => self.judge_own(own, layer, &path[1..]),
            "super" if supers == own.len() => self.judge_own(own, layer, &path[supers..]),
            name if self.crates.contains(name) => allowed_crate(layer, name),
            _ => Ok(()),
        }
    }

    fn judge_own(&self, own: &[String], layer: u8, path: &[String]) -> Result<(), String> {
        let Some(head) = path.first().filter(|head| **head != own[0]) else {
            return Ok(());
        };
        if layer == 3 {
            let why = "the kit uses the public API only: name what lib.rs exports";
            return if self.public.contains(head) {
                Ok(())
            } else {
                Err(why.to_owned())
            };
        }
        let module = self.exports.get(head).unwrap_or(head);
        if self.crates.contains(module) {
            return allowed_crate(layer, module);
        }
        let other = layer_of(module);
        if self.modules.contains(module) && other > layer {
            return Err(format!(
                "layer {layer} may not know layer {other}: turn it around"
            ));
        }
        Ok(())
    }
}

/// The module a file is: `src/tree/gc.rs` is `tree`, `gc`; `src/lib.rs` is none.
fn module_path(path: &str) -> Vec<String> {
    let path = path
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .trim_end_matches("/mod");
    path.split('/')
        .filter(|part| *part != "lib")
        .map(str::to_owned)
        .collect()
}

fn layer_of(module: &str) -> u8 {
    LAYERS
        .iter()
        .find(|(name, _)| *name == module)
        .map_or(0, |(_, layer)| *layer)
}

fn allowed_crate(layer: u8, name: &str) -> Result<(), String> {
    match (layer, name) {
        (0 | 1, "serde" | "thiserror") | (1, "rand" | "slab") | (2.., _) => Ok(()),
        _ => Err(format!(
            "layer {layer} does without {name}: let the runtime do it"
        )),
    }
}

fn allowed_in_std(layer: u8, path: &[String]) -> Result<(), String> {
    let path = format!("std::{}::", path[1..].join("::"));
    let refuses = |banned: &&str| {
        let banned = format!("{banned}::");
        path.starts_with(&banned)
            || path
                .strip_suffix("*::")
                .is_some_and(|folder| banned.starts_with(folder))
    };
    if (layer <= 1 && NOT_IN_WORDS.iter().any(refuses))
        || (layer == 1 && NOT_IN_THE_CORE.iter().any(refuses))
    {
        return Err(format!(
            "layer {layer} is pure: take it as an argument, or use a BTreeMap"
        ));
    }
    Ok(())
}

/// The names of what the crate depends on, on any target, as code writes them.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut is_listed = false;
    let lines = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            is_listed = *line == "[dependencies]"
                || line.starts_with("[target.") && line.ends_with(".dependencies]");
        }
        is_listed && !line.starts_with('[')
    });
    let names = lines.filter_map(|line| line.split(['=', '.']).next());
    let names = names.map(|name| name.trim().replace('-', "_"));
    names
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

/// Every `use` and every qualified path of `code`, aliases resolved.
pub(crate) fn references(code: &[Token<'_>]) -> Vec<Reference> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < code.len() {
        // `use<'a>` in a bound captures, it does not import.
        if code[at].text == "use" && !starts_with(&code[at + 1..], &["<"]) {
            found.extend(used(&code[at..]));
            at += code[at..]
                .iter()
                .take_while(|token| token.text != ";")
                .count();
        } else if starts_a_path(code, at) {
            let path = segments(&code[at..]);
            let length = 2 * path.len() - 1;
            found.push(Reference {
                line: code[at].line,
                path,
                alias: None,
            });
            at += length;
        } else {
            at += 1;
        }
    }
    let named = found
        .iter()
        .filter_map(|one| Some((one.alias.clone()?, one.path.clone())));
    let named: BTreeMap<_, _> = named.collect();
    for reference in found.iter_mut().filter(|one| one.alias.is_none()) {
        if let Some(full) = named.get(&reference.path[0]) {
            reference.path.splice(0..1, full.iter().cloned());
        }
    }
    found
}

fn starts_a_path(code: &[Token<'_>], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|at| code[at]);
    let continues = before(1).is_some_and(|token| token.text == "::")
        && before(2).is_some_and(|token| token.kind == Kind::Word || token.text == ">");
    code[at].kind == Kind::Word && starts_with(&code[at + 1..], &["::"]) && !continues
}

fn segments(code: &[Token<'_>]) -> Vec<String> {
    let mut path = vec![code[0].text.to_owned()];
    for pair in code[1..].chunks(2) {
        match pair {
            [colons, word] if colons.text == "::" && word.kind == Kind::Word => {
                path.push(word.text.to_owned());
            }
            _ => break,
        }
    }
    path
}

/// The leaves of the `use` that starts here.
fn used(code: &[Token<'_>]) -> Vec<Reference> {
    let (mut found, mut outer) = (Vec::<Reference>::new(), Vec::new());
    let mut path: Vec<String> = Vec::new();
    let mut tokens = code[1..]
        .iter()
        .take_while(|token| token.text != ";")
        .peekable();
    while let Some(token) = tokens.next() {
        match token.text {
            "::" => {}
            "{" => outer.push(path.clone()),
            "}" => drop(outer.pop()),
            "," => path = outer.last().cloned().unwrap_or_default(),
            "as" => {
                found.last_mut().expect("a name stands before `as`").alias =
                    tokens.next().map(|token| token.text.to_owned())
            }
            name => {
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                let ends = tokens
                    .peek()
                    .is_none_or(|next| matches!(next.text, "," | "}" | "as"));
                if ends {
                    let alias = path.last().cloned().filter(|name| name != "*");
                    found.push(Reference {
                        line: token.line,
                        path: path.clone(),
                        alias,
                    });
                }
            }
        }
    }
    found
}
