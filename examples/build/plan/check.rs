//! What targets are to each other: who needs whom, and what is wrong with that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use super::Target;
use super::fault::{Fault, What};

/// Which target makes a path, by its place.
type Makers = HashMap<PathBuf, usize>;

/// Finds who needs whom, and puts each target after those that it needs.
pub(super) fn in_order(targets: Vec<Target>) -> Result<(Vec<Target>, Makers), Vec<Fault>> {
    let mut faults = Vec::new();
    let makers = makers(&targets, &mut faults);
    check_depfiles(&targets, &makers, &mut faults);
    let names = targets.iter().enumerate();
    let names: HashMap<_, _> = names.map(|(at, target)| (&*target.name, at)).collect();
    let needs = targets.iter();
    let needs: Vec<_> = needs
        .map(|target| needs_of(target, &names, &makers, &mut faults))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let order = order(&needs);
    if order.len() < targets.len() {
        return Err(vec![cycle(&targets, &needs, &order)]);
    }
    Ok(arrange(targets, &needs, &order, makers))
}

fn makers(targets: &[Target], faults: &mut Vec<Fault>) -> Makers {
    let mut makers = Makers::new();
    for (at, target) in targets.iter().enumerate() {
        for output in &target.outputs {
            let Some(other) = makers.insert(output.value.clone(), at) else {
                continue;
            };
            let what = What::OutputTwice {
                target: target.name.clone(),
                output: output.value.clone(),
                other: targets[other].name.clone(),
                line: targets[other].line,
            };
            faults.push(what.at(output.line));
        }
    }
    makers
}

/// Two commands that write to one depfile would be told what the other one reads.
fn check_depfiles(targets: &[Target], makers: &Makers, faults: &mut Vec<Fault>) {
    let made = makers.iter().map(|(path, at)| (path, *at));
    let mut writers: HashMap<_, _> = made.collect();
    for (at, target) in targets.iter().enumerate() {
        let Some(depfile) = &target.depfile else {
            continue;
        };
        let other = *writers.entry(depfile).or_insert(at);
        if other != at {
            let what = What::OutputTwice {
                target: target.name.clone(),
                output: depfile.clone(),
                other: targets[other].name.clone(),
                line: targets[other].line,
            };
            faults.push(what.at(target.line));
        }
    }
}

fn needs_of(
    target: &Target,
    names: &HashMap<&str, usize>,
    makers: &Makers,
    faults: &mut Vec<Fault>,
) -> BTreeSet<usize> {
    let made = target.inputs.iter();
    let made = made.filter_map(|input| makers.get(&input.value).copied());
    let mut needs: BTreeSet<usize> = made.collect();
    for depends in &target.depends {
        if let Some(other) = names.get(&*depends.value) {
            needs.insert(*other);
            continue;
        }
        let what = What::UnknownTarget {
            target: target.name.clone(),
            depends: depends.value.clone(),
        };
        faults.push(what.at(depends.line));
    }
    needs
}

/// The places of targets, each after those that it needs; who waits for itself is left out.
fn order(needs: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut waits: Vec<_> = needs.iter().map(BTreeSet::len).collect();
    let mut above = vec![Vec::new(); needs.len()];
    for (at, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|below| above[*below].push(at));
    }
    let free = (0..needs.len()).filter(|at| waits[*at] == 0);
    let mut free: BTreeSet<usize> = free.collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(at) = free.pop_first() {
        order.push(at);
        for above in &above[at] {
            waits[*above] -= 1;
            if waits[*above] == 0 {
                free.insert(*above);
            }
        }
    }
    order
}

/// Follows who needs whom among those that are left, until somebody comes again.
fn cycle(targets: &[Target], needs: &[BTreeSet<usize>], order: &[usize]) -> Fault {
    let ordered: BTreeSet<_> = order.iter().copied().collect();
    let is_left = |at: &usize| !ordered.contains(at);
    let mut at = (0..targets.len()).find(is_left).unwrap_or_default();
    let mut way = Vec::new();
    while !way.contains(&at) {
        way.push(at);
        // Who is left needs one who is left.
        at = needs[at].iter().copied().find(is_left).unwrap_or(at);
    }
    let first = way.iter().position(|seen| *seen == at).unwrap_or_default();
    let ring = way[first..].iter().chain([&at]);
    let names = ring.map(|at| targets[*at].name.clone()).collect();
    What::Cycle(names).at(targets[at].line)
}

fn arrange(
    targets: Vec<Target>,
    needs: &[BTreeSet<usize>],
    order: &[usize],
    makers: Makers,
) -> (Vec<Target>, Makers) {
    let places: BTreeMap<_, _> = order.iter().enumerate().map(|(to, at)| (*at, to)).collect();
    let mut arranged: Vec<_> = targets.into_iter().enumerate().collect();
    arranged.sort_by_key(|(at, _)| places[at]);
    let arranged = arranged.into_iter().map(|(at, target)| Target {
        needs: needs[at].iter().map(|below| places[below]).collect(),
        ..target
    });
    let makers = makers.into_iter().map(|(path, at)| (path, places[&at]));
    (arranged.collect(), makers.collect())
}
