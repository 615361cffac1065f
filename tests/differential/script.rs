//! What a script says: a supervisor, its children, and what happens to them.
//!
//! ```text
//! script NAME
//! sup STRATEGY RESTARTS/MS [any|all]      the supervisor at the top
//! child PATH KEY..                        a child; `s.x` stands below the supervisor `s`
//! sub PATH STRATEGY RESTARTS/MS KEY..     a child that is a supervisor
//! spare PATH KEY..                        one that is not there at the beginning
//! > STEP                                  see `Step`
//! ```
//!
//! The keys: `transient`, `temporary`, `significant`; `grace=MS`, `brutal`, `forever`; `start=MS`
//! and `stop=MS`, how long it takes to; `stop=hang`, `stop=crash`; `fails=1,3` and `fails=2..`,
//! which of its starts fail; `crashes=..`, after which of them it crashes, at once or when it
//! `lasts=MS`. Of a supervisor: `hasty`, it returns as soon as it is told to stop.

use std::str::FromStr;
use std::time::Duration;

use perennial::{Grace, Restart, Strategy};

use crate::step::Step;

/// One history, to be played on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    /// Its lines, without comments, as the other side reads them.
    pub(crate) text: String,
    pub(crate) top: Supervision,
    pub(crate) children: Vec<Child>,
    pub(crate) steps: Vec<Step>,
}

/// How a supervisor answers the ends of its children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Supervision {
    pub(crate) strategy: Strategy,
    pub(crate) restarts: u32,
    pub(crate) within: Duration,
    pub(crate) auto: Auto,
    pub(crate) leaving: Leaving,
}

/// When a supervisor that is told to stop returns. In OTP it cannot before its children are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaving {
    Last,
    AtOnce,
}

/// Whether the end of significant children ends their supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auto {
    Never,
    Any,
    All,
}

#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) path: String,
    pub(crate) restart: Restart,
    pub(crate) is_significant: bool,
    pub(crate) role: Role,
    pub(crate) ways: Ways,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Worker,
    Supervisor(Supervision),
    /// Not there at the beginning.
    Spare,
}

/// What the code of a child does by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    pub(crate) grace: Grace,
    pub(crate) start: Duration,
    pub(crate) stop: Stopping,
    pub(crate) fails: Which,
    pub(crate) crashes: Which,
    pub(crate) lasts: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Stopping {
    Takes(Duration),
    Hangs,
    Crashes,
}

impl Default for Stopping {
    fn default() -> Self {
        Self::Takes(Duration::ZERO)
    }
}

/// Some of the starts of a child, counted from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    listed: Vec<u64>,
    from: Option<u64>,
}

impl Which {
    pub(crate) fn has(&self, start: u64) -> bool {
        self.listed.contains(&start) || self.from.is_some_and(|from| start >= from)
    }
}

impl Script {
    /// Reads all scripts of a file.
    ///
    /// # Panics
    ///
    /// If a line is not understood, since the files are ours.
    pub(crate) fn read(text: &str) -> Vec<Self> {
        let mut scripts = Vec::new();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix("script ") {
                Some(name) => scripts.push(Self::new(name)),
                None => scripts.last_mut().expect("a script has a name").add(line),
            }
        }
        scripts.iter_mut().for_each(|script| script.add("> stop"));
        scripts
    }

    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: format!("script {name}\n"),
            top: supervision("one_for_one", "0/1000", &[]),
            children: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn add(&mut self, line: &str) {
        self.text += &format!("{line}\n");
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [">", ref step @ ..] => self.steps.push(Step::read(step)),
            ["sup", strategy, budget, ref keys @ ..] => {
                self.top = supervision(strategy, budget, keys);
            }
            ["sub", path, strategy, budget, ref keys @ ..] => {
                let role = Role::Supervisor(supervision(strategy, budget, keys));
                self.children.push(Child::read(path, role, keys));
            }
            ["child", path, ref keys @ ..] => {
                self.children.push(Child::read(path, Role::Worker, keys));
            }
            ["spare", path, ref keys @ ..] => {
                self.children.push(Child::read(path, Role::Spare, keys));
            }
            _ => panic!("{}: what is {line:?}?", self.name),
        }
    }

    /// The children of the supervisor at this path; the empty one is the top.
    pub(crate) fn below(&self, path: &str) -> impl Iterator<Item = &Child> {
        let is_below = move |child: &&Child| child.parent() == path;
        self.children.iter().filter(is_below)
    }

    /// Whether a step wants to meet this child while it restarts.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let is_held = |step: &Step| matches!(step, Step::Hold(held) if held == path);
        self.steps.iter().any(is_held)
    }
}

fn supervision(strategy: &str, budget: &str, keys: &[&str]) -> Supervision {
    let (restarts, within) = budget.split_once('/').expect("RESTARTS/MS");
    Supervision {
        strategy: match strategy {
            "one_for_one" => Strategy::OneForOne,
            "one_for_all" => Strategy::OneForAll,
            "rest_for_one" => Strategy::RestForOne,
            strategy => panic!("what is {strategy}?"),
        },
        restarts: number(restarts),
        within: ms(within),
        auto: match keys {
            keys if keys.contains(&"any") => Auto::Any,
            keys if keys.contains(&"all") => Auto::All,
            _ => Auto::Never,
        },
        leaving: match keys.contains(&"hasty") {
            true => Leaving::AtOnce,
            false => Leaving::Last,
        },
    }
}

impl Child {
    fn read(path: &str, role: Role, keys: &[&str]) -> Self {
        let mut child = Self {
            path: path.to_owned(),
            restart: Restart::Permanent,
            is_significant: false,
            role,
            ways: Ways::default(),
        };
        for key in keys {
            child.set(key);
        }
        child
    }

    fn set(&mut self, key: &str) {
        let ways = &mut self.ways;
        match key.split_once('=').unwrap_or((key, "")) {
            ("transient", "") => self.restart = Restart::Transient,
            ("temporary", "") => self.restart = Restart::Temporary,
            ("significant", "") => self.is_significant = true,
            ("any" | "all" | "hasty", "") => assert!(matches!(self.role, Role::Supervisor(_))),
            ("brutal", "") => ways.grace = Duration::ZERO.into(),
            ("forever", "") => ways.grace = Grace::Infinite,
            ("grace", grace) => ways.grace = ms(grace).into(),
            ("start", time) => ways.start = ms(time),
            ("stop", "hang") => ways.stop = Stopping::Hangs,
            ("stop", "crash") => ways.stop = Stopping::Crashes,
            ("stop", time) => ways.stop = Stopping::Takes(ms(time)),
            ("fails", which) => ways.fails = which.parse().expect("starts"),
            ("crashes", which) => ways.crashes = which.parse().expect("starts"),
            ("lasts", time) => ways.lasts = Some(ms(time)),
            _ => panic!("{}: what is {key:?}?", self.path),
        }
    }

    pub(crate) fn parent(&self) -> &str {
        parent(&self.path)
    }

    pub(crate) fn name(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or(&self.path, |(_, name)| name)
    }
}

impl FromStr for Which {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let from = text.strip_suffix("..").map(str::parse).transpose()?;
        let listed = match from {
            Some(_) => Vec::new(),
            None => text.split(',').map(str::parse).collect::<Result<_, _>>()?,
        };
        Ok(Self { listed, from })
    }
}

/// The path of the supervisor above; the empty one is the top.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

pub(crate) fn ms(text: &str) -> Duration {
    Duration::from_millis(number(text))
}

fn number<N: FromStr>(text: &str) -> N {
    let number = text.parse().ok();
    number.unwrap_or_else(|| panic!("{text:?} is no number"))
}
