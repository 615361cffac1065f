//! How each program is, in a table.

use std::array;
use std::collections::BTreeMap;

use perennial::process::{Process, Status};
use perennial::{Name, NodeSnapshot, Snapshot, State};

use crate::paint::program_at;
use crate::programs::Programs;

/// A line for each program, below the names of the columns.
pub(super) fn lines(programs: &Programs, snapshot: &Snapshot) -> Vec<String> {
    let nodes = snapshot.nodes.iter().filter_map(|node| {
        let path = node.path.to_string();
        Some((program_at(&path)?.to_owned(), node))
    });
    let nodes: BTreeMap<String, &NodeSnapshot> = nodes.collect();
    let head = ["NAME", "STATE", "PID", "CONTAINED", "RESTARTS", "FOR"].map(str::to_owned);
    let rows = programs.names().into_iter().map(|name| {
        let node = nodes.get(name.as_str()).copied();
        row(&name, node, programs.process(&name).as_ref())
    });
    let rows: Vec<_> = [head].into_iter().chain(rows).collect();
    in_columns(&rows)
}

fn row(name: &Name, node: Option<&NodeSnapshot>, process: Option<&Process>) -> [String; 6] {
    let none = || "-".to_owned();
    let name = name.to_string();
    let Some(node) = node else {
        let state = "not started".to_owned();
        return [name, state, none(), none(), none(), none()];
    };
    let process = process.filter(|process| !matches!(process.status(), Status::Stopped(_)));
    let state = match (node.state, node.due) {
        (State::Waiting, Some(due)) => format!("starts in {:.1} s", due.as_secs_f64()),
        (State::Down, _) => node.down.map_or_else(none, |down| format!("down ({down})")),
        (state, _) => state.to_string(),
    };
    [
        name,
        state,
        process.map_or_else(none, |process| process.id().pid().to_string()),
        process.map_or_else(none, |process| process.containment().to_string()),
        node.restarts.to_string(),
        format!("{} s", node.since.as_secs()),
    ]
}

/// Lines whose cells stand below each other.
fn in_columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let widths: [usize; N] = array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect()
}
