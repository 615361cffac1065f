//! What is wrong in a plan by itself, whatever the machine has.

use std::collections::{BTreeMap, BTreeSet};

use perennial::Name;

use super::fault::{Fault, What};
use super::placed::Placed;
use super::{Plan, Program, Ready, Unit};

pub(super) fn faults(plan: &Plan) -> Vec<Fault> {
    if plan.programs.is_empty() {
        return vec![What::Empty.at(0)];
    }
    let mut faults = twice(plan);
    faults.extend(shared_ports(plan));
    faults.extend(
        plan.programs
            .iter()
            .flat_map(|program| strangers(plan, program)),
    );
    // With names that are not clear, an order of them tells nothing.
    if faults.is_empty() {
        faults.extend(cycle(plan));
    }
    faults
}

fn twice(plan: &Plan) -> Vec<Fault> {
    let mut first = BTreeMap::new();
    let mut faults = Vec::new();
    for Program { name, .. } in &plan.programs {
        if let Some(first) = first.get(&name.value) {
            let (name, line, first) = (name.value.clone(), name.line, *first);
            faults.push(What::Twice { name, first }.at(line));
        } else {
            first.insert(&name.value, name.line);
        }
    }
    let groups = plan.groups.iter().map(|group| &group.name);
    faults.extend(groups.filter_map(|name| {
        let program = *first.get(&name.value)?;
        let (name, line) = (name.value.clone(), name.line);
        Some(What::GroupToo { name, program }.at(line))
    }));
    faults
}

/// Ports at which two would be ready as soon as one is.
fn shared_ports(plan: &Plan) -> Vec<Fault> {
    let mut first = BTreeMap::new();
    let mut faults = Vec::new();
    for Program { name, ready, .. } in &plan.programs {
        let Ready::Port(port) = ready else { continue };
        if let Some(other) = first.insert(port.value, &name.value) {
            let (name, other) = (name.value.clone(), other.clone());
            let Placed { value: port, line } = *port;
            faults.push(What::PortTwice { name, other, port }.at(line));
        }
    }
    faults
}

/// What a program refers to that is not there, or is of no use to it.
fn strangers(plan: &Plan, program: &Program) -> Vec<Fault> {
    let name = || program.name.value.clone();
    let mut faults = Vec::new();
    for placed in &program.after {
        let after = placed.value.clone();
        let other = plan.programs.iter().find(|other| other.name.value == after);
        let what = match other {
            None => What::UnknownProgram {
                name: name(),
                after,
            },
            Some(other) if program.group.is_some() && other.group == program.group => {
                What::WithinGroup {
                    name: name(),
                    after,
                }
            }
            Some(_) => continue,
        };
        faults.push(what.at(placed.line));
    }
    let group = program.group.iter();
    let unknown = group.filter(|group| plan.groups.iter().all(|known| known.name != **group));
    faults.extend(unknown.map(|group| {
        let (name, line) = (name(), group.line);
        let group = group.value.clone();
        What::UnknownGroup { name, group }.at(line)
    }));
    faults
}

/// Who waits for itself, through others: found by taking away, again and again, who waits for
/// nobody that is left.
fn cycle(plan: &Plan) -> Option<Fault> {
    let units = plan.units();
    let mut left: Vec<&Unit> = units.iter().map(|unit| &**unit).collect();
    loop {
        let names: BTreeSet<&Name> = left.iter().flat_map(|unit| unit.names()).collect();
        let count = left.len();
        left.retain(|unit| !unit.after().is_disjoint(&names));
        if left.is_empty() {
            return None;
        }
        if left.len() == count {
            return Some(walk(&left, &names));
        }
    }
}

/// Follows who waits for whom until somebody comes again. All here wait for somebody here.
fn walk(left: &[&Unit], names: &BTreeSet<&Name>) -> Fault {
    let mut way: Vec<(&Unit, &Name, &Placed<Name>)> = Vec::new();
    let mut unit = left[0];
    while !way.iter().any(|(seen, ..)| *seen == unit) {
        let (name, after) = wait(unit, names).expect("who is left waits for one who is left");
        way.push((unit, name, after));
        let is_next = |unit: &&&Unit| unit.names().any(|name| *name == after.value);
        unit = left
            .iter()
            .find(is_next)
            .expect("its name is of one who is left");
    }
    let first = way.iter().position(|(seen, ..)| *seen == unit);
    let ring = &way[first.unwrap_or(0)..];
    let mut names: Vec<_> = ring.iter().map(|(_, name, _)| (*name).clone()).collect();
    names.extend(names.first().cloned());
    What::Cycle(names).at(ring[0].2.line)
}

/// The first program of a unit that waits for one of these, and for which.
fn wait<'a>(unit: &'a Unit, names: &BTreeSet<&Name>) -> Option<(&'a Name, &'a Placed<Name>)> {
    unit.programs.iter().find_map(|program| {
        let after = program
            .after
            .iter()
            .find(|after| names.contains(&after.value));
        Some((&program.name.value, after?))
    })
}
