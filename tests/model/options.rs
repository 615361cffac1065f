//! What may be chosen for a tree, a node and a group.

use std::time::Duration;

use perennial::tree::{
    AtRoot, GroupOptions, Health, Intensity, Kind, OnLeak, OnSpent, Restart, Settings, Significant,
    Stops, Strategy as Falls,
};
use proptest::prelude::*;

use crate::choices::{Choices, Policy, intensity};

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let at_root = || prop_oneof![4 => Just(AtRoot::Retry), 1 => Just(AtRoot::Fail)];
    let interval = prop_oneof![4 => Just(0), 1 => Just(40)];
    (interval, at_root(), at_root()).prop_map(|(interval, start, escalations)| {
        let mut settings = Settings::default();
        settings.gc_interval = Duration::from_millis(interval);
        settings.leak_after = Duration::from_secs(1);
        settings.start = start;
        settings.escalations = escalations;
        settings
    })
}

pub(crate) fn choices() -> impl Strategy<Value = Choices> {
    let kind = prop_oneof![5 => Just(Kind::Runnable), 1 => Just(Kind::Pool)];
    let restart = prop_oneof![
        6 => Just(Restart::Permanent),
        2 => Just(Restart::Transient),
        1 => Just(Restart::Temporary),
    ];
    let health = prop_oneof![4 => Just(Health::Signalled), 1 => Just(Health::AtStart)];
    let millis = |millis| Some(Duration::from_millis(millis));
    let grace = prop_oneof![6 => Just(millis(2000)), 1 => Just(millis(0)), 2 => Just(None)];
    let initial =
        prop_oneof![4 => Just(500), 2 => Just(0), 1 => Just(8000)].prop_map(Duration::from_millis);
    let reset_after = prop_oneof![1 => Just(None), 1 => Just(millis(1000))];
    let choices = (kind, restart, health, grace, initial, reset_after, policy());
    choices.prop_map(
        |(kind, restart, health, grace, initial, reset_after, policy)| {
            Choices {
                kind,
                restart,
                health,
                grace,
                initial,
                jitter: 0.0,
                reset_after,
                policy,
            }
            .as_declared()
        },
    )
}

impl Choices {
    /// A pool has no code that could be done or return.
    fn as_declared(mut self) -> Self {
        if self.kind == Kind::Pool {
            self.restart = Restart::Permanent;
            self.policy.significant = None;
        }
        self
    }
}

fn policy() -> impl Strategy<Value = Policy> {
    let start_timeout = prop_oneof![7 => Just(None), 1 => Just(Some(Duration::from_millis(700)))];
    let run_timeout = prop_oneof![24 => Just(None), 1 => Just(Some(Duration::from_millis(2000)))];
    let beat_timeout = prop_oneof![24 => Just(None), 1 => Just(Some(Duration::from_millis(900)))];
    let limits = (start_timeout, run_timeout, beat_timeout);
    let on_spent = prop_oneof![
        6 => Just(OnSpent::Escalate),
        4 => Just(OnSpent::StayDown),
        1 => Just(OnSpent::StopTree),
    ];
    let on_leak = prop_oneof![3 => Just(OnLeak::Keep), 1 => Just(OnLeak::Abandon)];
    let stops = prop_oneof![4 => Just(Stops::Together), 1 => Just(Stops::AfterUsers)];
    let significant = prop_oneof![
        10 => Just(None),
        1 => Just(Some(Significant::Any)),
        1 => Just(Some(Significant::All)),
    ];
    let some = (limits, on_spent, on_leak, stops, significant);
    (some, budget(6), budget(6)).prop_map(|(some, intensity, children_intensity)| {
        let (limits, on_spent, on_leak, stops, significant) = some;
        let (start_timeout, run_timeout, beat_timeout) = limits;
        Policy {
            start_timeout,
            run_timeout,
            beat_timeout,
            intensity,
            children_intensity,
            on_spent,
            on_leak,
            stops,
            significant,
        }
    })
}

fn budget(none: u32) -> impl Strategy<Value = Option<Intensity>> {
    prop_oneof![
        none => Just(None),
        1 => Just(Some(intensity(0, 1000))),
        1 => Just(Some(intensity(1, 1000))),
        1 => Just(Some(intensity(2, 20_000))),
    ]
}

/// Of any kind, but most run once.
pub(crate) fn pool_child() -> impl Strategy<Value = Choices> {
    let runs_once = prop_oneof![2 => Just(true), 1 => Just(false)];
    (choices(), runs_once).prop_map(|(mut choices, runs_once)| {
        if runs_once && choices.kind == Kind::Runnable {
            choices.restart = Restart::Temporary;
        }
        choices
    })
}

pub(crate) fn group() -> impl Strategy<Value = GroupOptions> {
    let falls = prop_oneof![
        3 => Just(Falls::OneForAll),
        2 => Just(Falls::RestForOne),
        1 => Just(Falls::OneForOne),
    ];
    let in_order = prop_oneof![1 => Just(true), 1 => Just(false)];
    (falls, in_order, budget(4)).prop_map(|(falls, in_order, intensity)| {
        let mut options = GroupOptions::from(falls);
        if in_order {
            options = options.in_order();
        }
        options.intensity = intensity;
        options
    })
}
