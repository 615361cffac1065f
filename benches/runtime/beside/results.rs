//! All figures, to be kept.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::rounds::Row;

pub(crate) fn write(path: &Path, rows: &[Row]) -> std::io::Result<()> {
    let rows: Vec<_> = rows.iter().map(value).collect();
    fs::write(path, format!("{:#}\n", Value::Array(rows)))
}

fn value(row: &Row) -> Value {
    let of = |part: fn(&super::Figure) -> f64| row.figures.iter().map(part).collect::<Vec<_>>();
    json!({
        "workload": row.job.workload.word(),
        "flavour": row.job.flavour.to_string(),
        "size": row.job.size,
        "side": row.side,
        "cannot": row.cannot,
        "ns": of(|figure| figure.ns),
        "bytes": of(|figure| figure.bytes),
        "cpu_ms": of(|figure| figure.cpu_ms),
        "switches": of(|figure| figure.switches),
        "ratio": row.ratios,
    })
}
