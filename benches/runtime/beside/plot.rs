//! Cost over size, drawn: a line for each side, both scales logarithmic.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use super::flavour::Flavour;
use super::plan::Workload;
use super::rounds::Row;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
/// Room around the lines: for the numbers at the left and below, and for the names at the right.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 40.0;

const COLOURS: [&str; 9] = [
    "#999999", "#bbbbbb", "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#e377c2",
    "#ff7f0e",
];

/// Points of a line: size, and nanoseconds.
type Points = Vec<(f64, f64)>;

/// Draws a picture for each workload whose sizes differ.
pub(crate) fn draw(folder: &Path, rows: &[Row]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for workload in [
        Workload::Start,
        Workload::Storm,
        Workload::Restart,
        Workload::Stop,
    ] {
        let lines = lines(workload, rows);
        if lines.values().any(|points| points.len() > 1) {
            let path = folder.join(format!("{}.svg", workload.word()));
            fs::write(path, picture(workload.title(), &lines))?;
        }
    }
    Ok(())
}

fn lines(workload: Workload, rows: &[Row]) -> BTreeMap<&str, Points> {
    let mut lines: BTreeMap<&str, Points> = BTreeMap::new();
    for row in rows {
        let job = row.job;
        if job.workload == workload && job.flavour == Flavour::CurrentThread {
            let points = row.ns().map(|ns| (job.size as f64, ns.median));
            lines.entry(&row.side).or_default().extend(points);
        }
    }
    lines
}

fn picture(title: &str, lines: &BTreeMap<&str, Points>) -> String {
    let points = || lines.values().flatten();
    let x = Scale::over(points().map(|(size, _)| *size), LEFT..=WIDTH - RIGHT);
    let y = Scale::over(points().map(|(_, ns)| *ns), HEIGHT - BOTTOM..=TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"13\">{title}, ns; ct</text>\n"
    );
    let mut add = |line: String| {
        svg.push_str(&line);
        svg.push('\n');
    };
    for size in x.decades() {
        let (at, bottom) = (x.at(size), HEIGHT - BOTTOM);
        add(format!(
            "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#eee\"/>"
        ));
        add(format!(
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{size}</text>",
            bottom + 16.0
        ));
    }
    for ns in y.decades() {
        let (at, right) = (y.at(ns), WIDTH - RIGHT);
        add(format!(
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#eee\"/>"
        ));
        add(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{ns}</text>",
            LEFT - 6.0,
            at + 4.0
        ));
    }
    let mut names: Vec<_> = lines.keys().collect();
    names.sort_by(|one, other| last(&lines[*other]).total_cmp(&last(&lines[*one])));
    for (index, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let width = if *name == "perennial" { 3 } else { 1 };
        let line = points.iter().fold(String::new(), |mut line, (size, ns)| {
            let step = if line.is_empty() { 'M' } else { 'L' };
            let _ = write!(line, "{step}{:.1} {:.1}", x.at(*size), y.at(*ns));
            line
        });
        add(format!(
            "<path d=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        ));
        let row = names.iter().position(|other| *other == name).unwrap_or(0);
        let (at, below) = (WIDTH - RIGHT + 12.0, TOP + 14.0 + 16.0 * row as f64);
        add(format!(
            "<text x=\"{at}\" y=\"{below}\" fill=\"{colour}\">{name}</text>"
        ));
    }
    svg + "</svg>\n"
}

fn last(points: &Points) -> f64 {
    points.last().map_or(0.0, |(_, ns)| *ns)
}

/// A logarithmic scale of whole decades.
struct Scale {
    low: f64,
    high: f64,
    pixels: RangeInclusive<f64>,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64>, pixels: RangeInclusive<f64>) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value.log10()), high.max(value.log10()))
        });
        Self {
            low: low.floor(),
            high: high.ceil(),
            pixels,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.log10() - self.low) / (self.high - self.low);
        let (start, end) = (self.pixels.start(), self.pixels.end());
        start + share * (end - start)
    }

    fn decades(&self) -> impl Iterator<Item = f64> + use<> {
        let (low, high) = (self.low as i32, self.high as i32);
        (low..=high).map(|decade| 10_f64.powi(decade))
    }
}
