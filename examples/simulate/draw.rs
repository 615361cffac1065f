//! Draws a world from one number.

use std::time::Duration;

use perennial::tree::{Health, Kind, Restart, Strategy};
use perennial::{Name, Path};
use rand::rngs::Xoshiro256PlusPlus as Rng;
use rand::{RngExt, SeedableRng};

use crate::choices::Choices;
use crate::taste::{Taste, choices, group_options, pick, policy, settings};
use crate::world::{Brood, Career, Group, Manner, Place, Spot, World};

const DEPTH_MAX: usize = 5;

/// One world in this many is large.
const LARGE_ONE_IN: u32 = 16;

/// One world in this many leaves all policies as they are.
const PLAIN_ONE_IN: u32 = 4;

/// One world in this many finishes by itself.
const FINITE_ONE_IN: u32 = 8;

impl World {
    /// With `is_compared`, one that the naive tree can follow: small, and without jitter.
    pub(crate) fn draw(seed: u64, is_compared: bool) -> Self {
        let mut rng = Rng::seed_from_u64(seed);
        let is_large = rng.random_ratio(1, LARGE_ONE_IN) && !is_compared;
        let size = match (is_compared, is_large) {
            (true, _) => rng.random_range(5..=20),
            (false, true) => rng.random_range(100..=300),
            (false, false) => rng.random_range(5..=30),
        };
        let jitters = if is_compared { &[0.0][..] } else { &[0.0, 0.5] };
        let taste = Taste {
            jitter: *pick(&mut rng, jitters),
            is_finite: rng.random_ratio(1, FINITE_ONE_IN),
            has_policies: !rng.random_ratio(1, PLAIN_ONE_IN),
        };
        let within = [None, None, Some(0), Some(500), Some(4000)];
        let mut world = Self {
            settings: settings(&mut rng),
            places: Vec::new(),
            groups: Vec::new(),
            jitter_seed: rng.random(),
            stop_within: pick(&mut rng, &within).map(Duration::from_millis),
        };
        world.draw_root(&mut rng, taste);
        while world.places.len() < size {
            world.draw_brood(&mut rng, taste);
        }
        world
    }

    fn draw_root(&mut self, rng: &mut Rng, taste: Taste) {
        let mut root = Place::draw(rng, Path::root(), None, taste);
        root.choices.health = Health::Signalled;
        root.choices.restart = Restart::Permanent;
        root.choices.policy.significant = None;
        self.places.push(root);
    }

    fn draw_brood(&mut self, rng: &mut Rng, taste: Taste) {
        let parent = self.draw_parent(rng);
        let brood = match rng.random_range(0..10) {
            0..=4 => Brood::Alone(self.add(rng, parent, taste)),
            5 if !taste.is_finite => self.add_pool(rng, parent, taste),
            _ => self.add_group(rng, parent, taste),
        };
        self.places[parent].broods.push(brood);
    }

    fn draw_parent(&self, rng: &mut Rng) -> Spot {
        loop {
            let parent = rng.random_range(0..self.places.len());
            if self.places[parent].can_declare() {
                return parent;
            }
        }
    }

    fn add(&mut self, rng: &mut Rng, parent: Spot, taste: Taste) -> Spot {
        let spot = self.places.len();
        let name = Name::sanitize(&letters(spot));
        let path = self.places[parent].path.child(name);
        let place = Place::draw(rng, path, Some(parent), taste);
        self.places.push(place);
        spot
    }

    fn add_pool(&mut self, rng: &mut Rng, parent: Spot, taste: Taste) -> Brood {
        let pool = self.add(rng, parent, taste);
        for choices in self.choices_of(pool) {
            choices.kind = Kind::Pool;
            choices.restart = Restart::Permanent;
            choices.policy.significant = None;
        }
        for _ in 0..rng.random_range(2..6) {
            let child = self.add(rng, pool, taste);
            let runs_once = !taste.has_policies || rng.random_ratio(2, 3);
            for choices in self.choices_of(child) {
                if runs_once {
                    choices.restart = Restart::Temporary;
                }
            }
            self.places[pool].broods.push(Brood::Alone(child));
        }
        Brood::Alone(pool)
    }

    fn choices_of(&mut self, spot: Spot) -> [&mut Choices; 2] {
        let place = &mut self.places[spot];
        [&mut place.choices, &mut place.later]
    }

    fn add_group(&mut self, rng: &mut Rng, parent: Spot, taste: Taste) -> Brood {
        let options = group_options(rng, taste);
        let word = match options.strategy {
            Strategy::OneForAll => "all",
            Strategy::RestForOne => "rest",
            _ => "one",
        };
        let members = (0..rng.random_range(2..6)).map(|_| self.add(rng, parent, taste));
        let members = members.collect();
        let group = self.groups.len();
        self.groups.push(Group {
            label: Name::sanitize(&format!("{word}-{group}")),
            options,
            members,
        });
        Brood::Group(group)
    }
}

impl Place {
    /// What is healthy at start declares no children, and a pool has its own.
    fn can_declare(&self) -> bool {
        let speaks = self.choices.health == Health::Signalled;
        speaks && self.choices.kind == Kind::Runnable && self.path.depth() < DEPTH_MAX
    }

    fn draw(rng: &mut Rng, path: Path, parent: Option<Spot>, taste: Taste) -> Self {
        let careers = [Career::Serves, Career::Serves, Career::Serves, Career::Done];
        let manner = match rng.random_range(0..20) {
            0 => Manner::Leaks,
            1..=3 => Manner::Ignores,
            _ => Manner::Obeys,
        };
        let choices = choices(rng, taste);
        let mut later = choices;
        if taste.has_policies {
            let other = policy(rng);
            later.policy.intensity = other.intensity;
            later.policy.children_intensity = other.children_intensity;
            later.policy.on_spent = other.on_spent;
        }
        Self {
            path,
            parent,
            choices,
            later,
            broods: Vec::new(),
            career: if taste.is_finite {
                Career::Done
            } else {
                *pick(rng, &careers)
            },
            manner,
        }
    }
}

/// `a` to `z`, then `aa` and on.
fn letters(number: usize) -> String {
    let last = char::from(b"abcdefghijklmnopqrstuvwxyz"[number % 26]);
    match number / 26 {
        0 => last.to_string(),
        rest => format!("{}{last}", letters(rest - 1)),
    }
}
