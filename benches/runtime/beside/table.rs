//! The table: medians, how far the rounds are apart, and what they are beside the floor.

use std::collections::BTreeMap;

use super::args::Arguments;
use super::plan::{Job, Workload};
use super::rounds::{Row, Side, run};
use super::slope::slope;
use super::spread::Spread;
use super::{plot, results};

/// Measures what was asked for, and prints it as it comes.
///
/// # Errors
///
/// If a file cannot be written.
pub(crate) fn measure(arguments: &Arguments, sides: &[Side]) -> std::io::Result<()> {
    let is_wanted = |side: &Side| arguments.side.is_empty() || arguments.side.contains(&side.name);
    let (floor, others) = sides.split_first().expect("the floor is the first side");
    let others = others.iter().filter(|side| is_wanted(side));
    let sides: Vec<_> = std::iter::once(floor).chain(others).cloned().collect();

    let mut all = Vec::new();
    for (workload, jobs) in arguments.jobs() {
        println!("\n{}", workload.title());
        let mut rows = Vec::new();
        for job in jobs {
            let measured = run(arguments, &sides, job, &rows);
            measured.iter().for_each(print);
            rows.extend(measured);
        }
        if workload != Workload::Idle {
            print_slopes(workload, &rows);
        }
        all.extend(rows);
    }
    if let Some(path) = &arguments.json {
        results::write(path, &all)?;
    }
    match &arguments.plot {
        Some(folder) => plot::draw(folder, &all),
        None => Ok(()),
    }
}

fn print(row: &Row) {
    let Job { flavour, size, .. } = row.job;
    print!("  {flavour} {size:>9}  {:<24}", row.side);
    match &row.cannot {
        Some(why) => println!("cannot: {}", why.lines().next().unwrap_or_default()),
        None => println!("{}", figures(row).unwrap_or_default()),
    }
}

fn figures(row: &Row) -> Option<String> {
    let workload = row.job.workload;
    if workload == Workload::Idle {
        let cpu = row.spread(|figure| figure.cpu_ms)?.median;
        let switches = row.spread(|figure| figure.switches)?.median;
        return Some(format!("{cpu:>10.2} ms {switches:>6.0} switches"));
    }
    let Spread { low, median, high } = row.ns()?;
    let mut text = format!("{median:>9.0} ns ({low:.0} to {high:.0})");
    // There is none if the first side has no figures.
    let ratio = row.ratio();
    if let Some(Spread { low, median, high }) = ratio {
        text += &format!("  {median:>6.2}x ({low:.2} to {high:.2})");
    }
    if workload == Workload::Start {
        text += &format!("  {:>6.0} bytes", row.spread(|figure| figure.bytes)?.median);
    }
    if let Some(ratio) = ratio.filter(|_| row.side == "perennial") {
        text += &verdict(workload.bar(row.job.size)?, ratio.median);
    }
    Some(text)
}

fn verdict(bar: f64, ratio: f64) -> String {
    let word = if ratio <= bar { "within" } else { "above" };
    format!("  {word} {bar}")
}

/// How the time of all grows with the size, for each side and flavour.
fn print_slopes(workload: Workload, rows: &[Row]) {
    let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        let Some(ns) = row.ns() else { continue };
        let size = row.job.size as f64;
        let all = if workload.is_shared() { size } else { 1.0 };
        let line = lines.entry((row.job.flavour.to_string(), &row.side));
        line.or_default().push((size, ns.median * all));
    }
    for ((flavour, side), points) in lines {
        let Some(slope) = slope(&points) else {
            continue;
        };
        let most = workload.slope_max();
        println!("  {flavour}     slope  {side:<24}{slope:>9.2}, of at most {most}");
    }
}
