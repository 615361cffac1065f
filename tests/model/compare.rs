//! What is compared of the two trees.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use perennial::tree::{Down, Rung, Snapshot, State, Told};

/// All that is compared of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) down: Option<Down>,
    pub(crate) told: Option<(Told, String)>,
    pub(crate) rung: Rung,
    pub(crate) runs: bool,
    pub(crate) ending: usize,
    pub(crate) attempt: u32,
    /// From now on.
    pub(crate) due: Option<Duration>,
}

/// What is to be seen of the core.
pub(crate) fn seen(snapshot: &Snapshot) -> BTreeMap<String, Seen> {
    let seen = snapshot.nodes.iter().map(|node| {
        let told = node.told.as_ref().map(|(told, by)| (*told, by.to_string()));
        let seen = Seen {
            state: node.state,
            down: node.down,
            told,
            rung: node.rung,
            runs: node.uptime.is_some(),
            ending: node.ending,
            attempt: node.attempt,
            due: node.due,
        };
        (node.path.to_string(), seen)
    });
    seen.collect()
}

/// Names the first difference.
pub(crate) fn nodes(
    core: &BTreeMap<String, Seen>,
    naive: &BTreeMap<String, Seen>,
) -> Result<(), String> {
    if core == naive {
        return Ok(());
    }
    let mut text = String::from("the trees differ");
    for path in core
        .keys()
        .chain(naive.keys().filter(|path| !core.contains_key(*path)))
    {
        if core.get(path) != naive.get(path) {
            let _ = write!(text, "\n{path}\n  core:  {}", show(core.get(path)));
            let _ = write!(text, "\n  naive: {}", show(naive.get(path)));
        }
    }
    Err(text)
}

fn show(seen: Option<&Seen>) -> String {
    seen.map_or_else(|| "is not there".into(), |seen| format!("{seen:?}"))
}

/// Compares one thing of the whole tree.
pub(crate) fn same<T: std::fmt::Debug + PartialEq>(
    what: &str,
    core: T,
    naive: T,
) -> Result<(), String> {
    if core == naive {
        return Ok(());
    }
    Err(format!("{what}\n  core:  {core:?}\n  naive: {naive:?}"))
}
