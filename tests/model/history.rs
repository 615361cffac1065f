//! Histories: what may happen to a tree, chosen at random. A step names its node by a number that
//! counts around those which can do it then, so that what is left of a shortened history still
//! makes sense.

use std::time::Duration;

use perennial::tree::{GroupOptions, Kind, OrderKind, Restart, Settings, Signal};
use proptest::prelude::*;

use crate::choices::{Choices, How};
use crate::options::{choices, group, pool_child, settings};

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Run {
        by: usize,
        name: usize,
        child: Choices,
    },
    Group {
        by: usize,
        options: GroupOptions,
        members: Vec<Choices>,
    },
    StartInPool {
        pool: usize,
        child: Choices,
    },
    Signal {
        by: usize,
        signal: Signal,
    },
    Exit {
        by: usize,
        how: How,
        left: usize,
    },
    /// An incarnation returns that was asked to.
    Obey {
        by: usize,
        how: How,
        left: usize,
    },
    EndOwned {
        by: usize,
    },
    OwnedPanic {
        by: usize,
    },
    /// An incarnation says that it is alive.
    Beat {
        by: usize,
    },
    /// A message of an incarnation whose node has moved on.
    Late {
        by: usize,
        what: Late,
    },
    Order {
        to: usize,
        order: OrderKind,
    },
    /// Other options hold from the next start on.
    Reconfigure {
        to: usize,
        choices: Choices,
    },
    Stop {
        within: Option<Duration>,
    },
    /// Time passes up to the next deadline.
    Next,
    /// Time passes, and every deadline on the way is met.
    Sleep(Duration),
    /// Time passes, and the processor is late for every deadline on the way.
    Oversleep(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    Signal,
    Exit,
    Ended,
    OwnedPanic,
    Run,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) act: Act,
    /// Whether the mailbox is empty then, so that the pass runs and the actions are done.
    pub(crate) ends_batch: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) settings: Settings,
    pub(crate) root: Choices,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn histories() -> impl Strategy<Value = History> {
    let steps = prop::collection::vec(step(), 1..120);
    (settings(), choices(), steps).prop_map(|(settings, root, steps)| History {
        settings,
        root: Choices {
            kind: Kind::Runnable,
            restart: Restart::Permanent,
            ..root
        },
        steps,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let ends_batch = prop_oneof![3 => Just(true), 1 => Just(false)];
    (act(), ends_batch).prop_map(|(act, ends_batch)| Step { act, ends_batch })
}

fn act() -> impl Strategy<Value = Act> {
    let by = || 0..1000_usize;
    let members = || prop::collection::vec(choices(), 1..5);
    let pauses = prop_oneof![
        Just(1),
        Just(100),
        Just(700),
        Just(2500),
        Just(12_000),
        Just(17_000)
    ];
    let pauses = pauses.prop_map(Duration::from_millis).boxed();
    let within = prop_oneof![Just(None), Just(Some(0)), Just(Some(500)), Just(Some(4000))];
    let within = within.prop_map(|millis: Option<u64>| millis.map(Duration::from_millis));
    prop_oneof![
        16 => (by(), 0..4_usize, choices()).prop_map(|(by, name, child)| Act::Run {
            by,
            name,
            child
        }),
        12 => (by(), group(), members()).prop_map(|(by, options, members)| Act::Group {
            by,
            options,
            members
        }),
        16 => (by(), pool_child()).prop_map(|(pool, child)| Act::StartInPool { pool, child }),
        20 => (by(), signal()).prop_map(|(by, signal)| Act::Signal { by, signal }),
        12 => (by(), how(), left()).prop_map(|(by, how, left)| Act::Exit { by, how, left }),
        20 => (by(), how(), left()).prop_map(|(by, how, left)| Act::Obey { by, how, left }),
        12 => by().prop_map(|by| Act::EndOwned { by }),
        2 => by().prop_map(|by| Act::OwnedPanic { by }),
        3 => by().prop_map(|by| Act::Beat { by }),
        2 => (by(), late()).prop_map(|(by, what)| Act::Late { by, what }),
        12 => (by(), order()).prop_map(|(to, order)| Act::Order { to, order }),
        2 => (by(), choices()).prop_map(|(to, choices)| Act::Reconfigure { to, choices }),
        1 => within.prop_map(|within| Act::Stop { within }),
        14 => Just(Act::Next),
        6 => pauses.clone().prop_map(Act::Sleep),
        2 => pauses.prop_map(Act::Oversleep),
    ]
}

fn signal() -> impl Strategy<Value = Signal> {
    prop_oneof![
        4 => Just(Signal::Healthy),
        5 => Just(Signal::Done),
        1 => Just(Signal::Restart),
        1 => Just(Signal::GiveUp),
    ]
}

fn order() -> impl Strategy<Value = OrderKind> {
    prop_oneof![
        3 => Just(OrderKind::Start),
        2 => Just(OrderKind::Restart),
        2 => Just(OrderKind::Terminate),
        1 => Just(OrderKind::Remove),
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        4 => Just(How::Ok),
        4 => Just(How::Err),
        1 => Just(How::Panic),
        1 => Just(How::Abort),
    ]
}

fn left() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2)]
}

fn late() -> impl Strategy<Value = Late> {
    prop_oneof![
        Just(Late::Signal),
        Just(Late::Exit),
        Just(Late::Ended),
        Just(Late::OwnedPanic),
        Just(Late::Run),
    ]
}
