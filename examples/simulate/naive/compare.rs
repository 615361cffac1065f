//! What is compared of the two trees.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use perennial::Path;
use perennial::tree::{Down, Intensity, Rung, Scope, Snapshot, State, Told, Wait};

/// All that is compared of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: Path,
    pub(crate) state: State,
    pub(crate) wait: Option<Wait>,
    pub(crate) down: Option<Down>,
    pub(crate) told: Option<(Told, Path)>,
    pub(crate) rung: Rung,
    pub(crate) runs: bool,
    pub(crate) ending: usize,
    pub(crate) attempt: u32,
    pub(crate) restarts: u64,
    /// From now on.
    pub(crate) due: Option<Duration>,
    pub(crate) budgets: Vec<(Scope, Intensity, u32)>,
    pub(crate) abandoned: usize,
}

/// What is to be seen of the core, each node before its children.
pub(crate) fn seen(snapshot: Snapshot) -> Vec<Seen> {
    let seen = snapshot.nodes.into_iter().map(|node| Seen {
        path: node.path,
        state: node.state,
        wait: node.wait,
        down: node.down,
        told: node.told,
        rung: node.rung,
        runs: node.uptime.is_some(),
        ending: node.ending,
        attempt: node.attempt,
        restarts: node.restarts,
        due: node.due,
        budgets: node
            .budgets
            .into_iter()
            .map(|it| (it.scope, it.intensity, it.left))
            .collect(),
        abandoned: node.abandoned,
    });
    seen.collect()
}

/// Names the differences.
pub(crate) fn nodes(core: &[Seen], naive: &[Seen]) -> Result<(), String> {
    if core == naive {
        return Ok(());
    }
    let by_path = |seen: &[Seen]| -> BTreeMap<Path, Seen> {
        let named = seen.iter().map(|node| (node.path.clone(), node.clone()));
        named.collect()
    };
    let (core, naive) = (by_path(core), by_path(naive));
    let mut text = String::from("the trees differ");
    let missing = naive.keys().filter(|path| !core.contains_key(*path));
    for path in core.keys().chain(missing) {
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
