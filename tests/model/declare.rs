//! How children, groups and pools come to be.

use perennial::tree::{GroupOptions, Kind};
use perennial::{Name, Path};

use crate::choices::Choices;
use crate::world::{Incarnation, World};

/// Enough for every shape, and few enough to read.
const NODES_MAX: usize = 24;
const DEPTH_MAX: usize = 4;

impl World {
    fn pick_parent(&self, by: usize) -> Option<usize> {
        self.pick(by, |known| {
            let is_open = !known.is_closed && known.choices.kind == Kind::Runnable;
            is_open && known.path.depth() < DEPTH_MAX && self.naive.nodes.len() < NODES_MAX
        })
    }

    /// A name that the incarnation has not used.
    fn free_name(&mut self, by: usize, wanted: usize) -> Path {
        let known = &mut self.incarnations[by];
        let mut names = "abcdefghijklmnopqrstuvwxyz".chars().cycle().skip(wanted);
        let name = names.find(|name| !known.names.contains(&name.to_string()));
        let name = name.expect("there are more names than nodes").to_string();
        known.names.push(name.clone());
        known.path.child(Name::sanitize(&name))
    }

    pub(crate) fn run(&mut self, by: usize, name: usize, child: Choices) -> Result<(), String> {
        let Some(by) = self.pick_parent(by) else {
            return Ok(());
        };
        let path = self.free_name(by, name);
        self.note(format_args!("{path} is declared: {}", child));
        self.declare(by, path, child)
    }

    pub(crate) fn start_in_pool(&mut self, pool: usize, child: Choices) -> Result<(), String> {
        let has_room = self.naive.nodes.len() < NODES_MAX;
        let is_pool = |known: &Incarnation| known.choices.kind == Kind::Pool && !known.is_closed;
        let pool = self.pick(pool, |known| is_pool(known) && has_room);
        let Some(pool) = pool else { return Ok(()) };
        self.numbers += 1;
        let name = Name::sanitize(&self.numbers.to_string());
        let path = self.incarnations[pool].path.child(name);
        self.note(format_args!("{path} is started: {}", child));
        self.declare(pool, path, child)
    }

    pub(crate) fn declare(&mut self, by: usize, path: Path, child: Choices) -> Result<(), String> {
        let Incarnation {
            id, naive: parent, ..
        } = self.incarnations[by];
        let declaration = Self::declaration(&path, child);
        let place = self.state(
            &self.fact_of(by),
            |core, now| core.run(now, id, declaration),
            |naive, now, place| {
                let slot = place.map_or(0, |place| place.slot());
                naive.declare(now, parent, &[(path.clone(), child, slot)], None);
            },
        )?;
        place.map_or(Ok(()), |place| self.note_place(path, place, child))
    }

    pub(crate) fn run_group(
        &mut self,
        by: usize,
        options: GroupOptions,
        members: &[Choices],
    ) -> Result<(), String> {
        let Some(by) = self.pick_parent(by) else {
            return Ok(());
        };
        let Incarnation {
            id, naive: parent, ..
        } = self.incarnations[by];
        self.numbers += 1;
        let label = format!("group{}", self.numbers);
        self.note(format_args!("{label} is declared, {options:?}:"));
        let members = members
            .iter()
            .map(|member| (self.free_name(by, 0), *member));
        let members: Vec<_> = members.collect();
        for (path, member) in &members {
            self.note(format_args!("  {path}: {}", member));
        }
        let declared = members
            .iter()
            .map(|(path, child)| Self::declaration(path, *child));
        let declared = declared.collect();
        let label = Name::sanitize(&label);
        let places = self.state(
            &self.fact_of(by),
            |core, now| core.run_group(now, id, label.clone(), options, declared),
            |naive, now, places| {
                let places = places.iter().flatten();
                let members = members.iter().zip(places);
                let members = members.map(|((path, child), it)| (path.clone(), *child, it.slot()));
                naive.declare(now, parent, &members.collect::<Vec<_>>(), Some(options));
            },
        )?;
        self.laws.groups.insert(label.to_string(), options);
        for (place, (path, child)) in places.into_iter().flatten().zip(members) {
            self.note_place(path, place, child)?;
        }
        Ok(())
    }
}
