//! Draws what is chosen for a tree, a node and a group.

use std::time::Duration;

use perennial::tree::{
    AtRoot, GroupOptions, Health, Intensity, Kind, OnLeak, OnSpent, Restart, Settings, Significant,
    Stops, Strategy,
};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Rng;
use rand::seq::IndexedRandom;

use crate::choices::{Choices, Policy, intensity};

/// What all nodes of a world have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taste {
    pub(crate) jitter: f64,
    /// All that runs is done sooner or later, so that the tree finishes (R11).
    pub(crate) is_finite: bool,
    /// Nodes and groups choose policies.
    pub(crate) has_policies: bool,
}

pub(crate) fn settings(rng: &mut Rng) -> Settings {
    let mut at_root = || {
        *pick(
            rng,
            &[AtRoot::Retry, AtRoot::Retry, AtRoot::Retry, AtRoot::Fail],
        )
    };
    let mut settings = Settings::default();
    settings.start = at_root();
    settings.escalations = at_root();
    settings.gc_interval = Duration::from_millis(*pick(rng, &[0, 0, 0, 40]));
    settings.leak_after = Duration::from_millis(*pick(rng, &[100, 1000, 5000]));
    settings
}

pub(crate) fn choices(rng: &mut Rng, taste: Taste) -> Choices {
    let millis = |millis: u64| Duration::from_millis(millis);
    let healths = [
        Health::Signalled,
        Health::Signalled,
        Health::Signalled,
        Health::AtStart,
    ];
    let graces = [Some(2000), Some(2000), Some(300), Some(300), Some(0), None];
    let restarts = [
        Restart::Permanent,
        Restart::Permanent,
        Restart::Permanent,
        Restart::Transient,
        Restart::Temporary,
    ];
    let resets = [None, Some(millis(1000)), Some(millis(0))];
    Choices {
        kind: Kind::Runnable,
        restart: if taste.has_policies {
            *pick(rng, &restarts)
        } else {
            Restart::Permanent
        },
        health: if taste.is_finite {
            Health::Signalled
        } else {
            *pick(rng, &healths)
        },
        grace: pick(rng, &graces).map(millis),
        initial: millis(*pick(rng, &[500, 500, 20, 0, 8000])),
        jitter: taste.jitter,
        reset_after: *pick(rng, &resets),
        policy: if taste.has_policies {
            policy(rng)
        } else {
            Policy::default()
        },
    }
}

pub(crate) fn policy(rng: &mut Rng) -> Policy {
    let mut seldom = |one_in: u32| rng.random_ratio(1, one_in);
    let start_timeout = seldom(8).then_some(Duration::from_millis(300));
    let run_timeout = seldom(12).then_some(Duration::from_millis(900));
    // Nobody beats here.
    let beat_timeout = seldom(16).then_some(Duration::from_millis(700));
    let on_leak = if seldom(4) {
        OnLeak::Abandon
    } else {
        OnLeak::Keep
    };
    let stops = if seldom(5) {
        Stops::AfterUsers
    } else {
        Stops::Together
    };
    let significant = match (seldom(16), seldom(16)) {
        (true, _) => Some(Significant::Any),
        (_, true) => Some(Significant::All),
        (false, false) => None,
    };
    let spent = [
        OnSpent::Escalate,
        OnSpent::Escalate,
        OnSpent::StayDown,
        OnSpent::StayDown,
    ];
    Policy {
        start_timeout,
        run_timeout,
        beat_timeout,
        intensity: budget(rng),
        children_intensity: budget(rng),
        on_spent: if rng.random_ratio(1, 40) {
            OnSpent::StopTree
        } else {
            *pick(rng, &spent)
        },
        on_leak,
        stops,
        significant,
    }
}

pub(crate) fn budget(rng: &mut Rng) -> Option<Intensity> {
    let budgets = [
        intensity(0, 1000),
        intensity(1, 1000),
        intensity(2, 20_000),
        intensity(5, 5000),
    ];
    rng.random_ratio(1, 5).then(|| *pick(rng, &budgets))
}

pub(crate) fn group_options(rng: &mut Rng, taste: Taste) -> GroupOptions {
    let strategies = [
        Strategy::OneForAll,
        Strategy::OneForAll,
        Strategy::RestForOne,
        Strategy::OneForOne,
    ];
    if !taste.has_policies {
        let together = rng.random_ratio(3, 4);
        return GroupOptions::from(strategies[if together { 0 } else { 3 }]);
    }
    let mut options = GroupOptions::from(*pick(rng, &strategies));
    if rng.random_ratio(1, 2) {
        options = options.in_order();
    }
    options.intensity = budget(rng);
    options
}

pub(crate) fn pick<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    choices.choose(rng).expect("there is something to choose")
}
