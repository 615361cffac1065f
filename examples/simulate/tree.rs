//! One tree: the storm, the calm and the end, and the same calls once more without any check.

use std::time::{Duration, Instant};

use perennial::tree::Core;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus as Rng;

use crate::act::History;
use crate::call::Call;
use crate::panics::caught;
use crate::player::Player;
use crate::seed::Trial;
use crate::storm::Storm;
use crate::tally::{Pace, Tally};
use crate::world::{ROOT, World};

/// Why a tree is wrong, and how that came to be.
type Wrong = (String, Box<History>);

/// Plays the tree of this number, and writes its log if one is wanted.
pub(crate) fn play_tree(
    number: u64,
    trial: Trial,
    log: &mut Option<String>,
) -> Result<Tally, Wrong> {
    let world = World::draw(number, trial.is_compared);
    let player = Player::new(&world, trial.is_compared, trial.planted).logging(log.take());
    let start = Instant::now();
    let mut storm = Storm::new(player, number);
    let result = caught(|| {
        storm.rage(trial.faults)?;
        storm.player.calm_down()
    });
    let took = start.elapsed();
    *log = storm.player.log.take();
    if let Err(reason) = result {
        let history = History {
            acts: storm.acts,
            is_compared: trial.is_compared,
            world: world.clone(),
        };
        return Err((reason, Box::new(history)));
    }
    let mut tally = tally(&storm);
    let tape = storm.player.tape;
    let steps = tape.len();
    let pace = Pace::new(steps, took);
    if trial.is_compared {
        tally.compared = pace;
    } else {
        tally.judged = pace;
    }
    tally.alone = Pace::new(steps, replay(&world, tape));
    Ok(tally)
}

fn tally(storm: &Storm<'_>) -> Tally {
    let player = &storm.player;
    let is_pass = |(_, call): &&(Duration, Call)| matches!(call, Call::Advance);
    Tally {
        trees: 1,
        nodes: player.world.places.len(),
        settled: u64::from(player.settled_after.is_some()),
        settled_after_max: player.settled_after.unwrap_or_default(),
        faults: storm.faults,
        restarts: player.monitor.restarts,
        passes: player.tape.iter().filter(is_pass).count(),
        actions: player.monitor.actions,
        simulated: player.now,
        ..Tally::default()
    }
}

/// Tells a core all of it again, does nothing about it, and says how long that took.
fn replay(world: &World, tape: Vec<(Duration, Call)>) -> Duration {
    let mut rng = Rng::seed_from_u64(world.jitter_seed);
    let root = world.places[ROOT].choices.options();
    let start = Instant::now();
    let mut core = Core::new(world.settings.clone(), root.into());
    for (now, call) in tape {
        call.tell(&mut core, now, &mut rng);
        while core.next_action().is_some() {}
    }
    start.elapsed()
}
