//! What a start, a restart and a stop allocate, and how many bytes a child holds: before a storm of
//! failures, in it, after it, and when all have stopped.

use std::sync::Arc;

use crate::bounds::{Bound, Bounds};
use crate::meter::{Meter, Share};
use crate::side::Side;
use crate::stage::{Failure, Stage};
use crate::table::Table;
use crate::{Plan, bare, tree};

const START: Bound = Bound {
    what: "allocations of a start",
    most: 9.0,
    why: "a task, an incarnation, code, options, path, address, and in a pool a name",
};

const RESTART: Bound = Bound {
    what: "allocations of a restart",
    most: 7.0,
    why: "an incarnation, its exit, the evidence of that, a seat, and lists of what falls",
};

const STOP: Bound = Bound {
    what: "allocations of a stop",
    most: 2.0,
    why: "the evidence of an exit",
};

const PEAK: Bound = Bound {
    what: "bytes that a child takes at the peak of a storm, beyond those before",
    most: 600.0,
    why: "the evidence of an exit, and that in the queue",
};

const GROWTH: Bound = Bound {
    what: "bytes that another storm adds",
    most: 1.0,
    why: "it keeps the evidence of its last exit, and of no other",
};

const LEFT: Bound = Bound {
    what: "bytes of each child that a stop leaves, beyond those of a bare task",
    most: 0.1,
    why: "a tree that has stopped keeps nothing, once its handles are dropped",
};

/// The phases of one measurement.
#[derive(Debug)]
struct Life {
    start: Share,
    /// All fail once, and run again.
    storm: Share,
    /// And again.
    next: Share,
    stop: Share,
}

pub(crate) fn storm(plan: Plan, bounds: &mut Bounds) {
    report(plan, bounds, "node", tree::children);
    report(plan, bounds, "pool", tree::pool_children);
}

fn report<S: Side>(
    plan: Plan,
    bounds: &mut Bounds,
    parent: &str,
    start: impl AsyncFn(&Arc<Stage>) -> S,
) {
    // Each round would give the same.
    let table = Table::measure(1, || measure(plan, bare::start), || measure(plan, &start));
    let size = plan.size;
    table.head(&format!("{size} children of a {parent}, for each"));
    table.row("allocations of a start", "", |life| life.start.allocations);
    table.row("allocations of a restart", "", |life| life.next.allocations);
    table.row("allocations of a stop", "", |life| life.stop.allocations);
    table.row("bytes when it has started", "B", |life| life.start.live);
    table.row("  at the peak of a storm", "B", |life| life.storm.peak);
    table.row("  after it", "B", |life| life.storm.live);
    table.row("  at the peak of another", "B", |life| life.next.peak);
    table.row("  after that", "B", |life| life.next.live);
    table.row("  at the peak of the stop", "B", |life| life.stop.peak);
    table.row("  after it", "B", |life| life.stop.live);
    let mut check = |bound, part: fn(&Life) -> f64| bounds.check(bound, table.most(part));
    check(&START, |life| life.start.allocations);
    check(&RESTART, |life| life.next.allocations);
    check(&STOP, |life| life.stop.allocations);
    check(&PEAK, |life| life.storm.peak - life.start.live);
    check(&GROWTH, |life| life.next.live - life.storm.live);
    bounds.check(&LEFT, table.most_beyond(|life| life.stop.live));
}

fn measure<S: Side>(plan: Plan, start: impl AsyncFn(&Arc<Stage>) -> S) -> Life {
    let (mut meter, stage) = (Meter::new(), Stage::new(plan.size, Failure::Error));
    let (mut side, start) = meter.measure(start(&stage));
    let [storm, next] = [(); 2].map(|()| {
        let ((), storm) = meter.measure(async {
            stage.strike(1);
            side.recover(plan.size).await;
            side.settle().await;
        });
        storm
    });
    let ((), stop) = meter.measure(side.stop());
    Life {
        start: start.shared(plan.size),
        storm: storm.shared(plan.size),
        next: next.shared(plan.size),
        stop: stop.shared(plan.size),
    }
}
