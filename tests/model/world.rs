//! Plays a history to the core and to the naive tree, as the runtime would: facts in batches, the
//! pass after each batch, the actions after the pass. An incarnation says only what it can say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use perennial::Path;
use perennial::tree::{self, Action, Core, Declaration, Id, Intent, Snapshot};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::choices::Choices;
use crate::history::History;
use crate::laws::{Fact, Laws};
use crate::naive::compare::{nodes, same, seen};
use crate::naive::{Flaw, Key, Naive, ROOT};
use crate::planted::Lie;

/// An incarnation as its own code knows it.
#[derive(Debug)]
pub(crate) struct Incarnation {
    pub(crate) id: Id,
    /// The same in the naive tree.
    pub(crate) naive: u64,
    pub(crate) path: Path,
    pub(crate) choices: Choices,
    pub(crate) names: Vec<String>,
    pub(crate) said: Intent,
    /// Its ledger takes no declaration: it was healthy, was asked to stop, or returned.
    pub(crate) is_closed: bool,
    pub(crate) has_returned: bool,
    pub(crate) has_ended: bool,
    pub(crate) was_asked: bool,
    pub(crate) was_aborted: bool,
}

/// A place in both trees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) place: tree::Place,
    pub(crate) key: Key,
}

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) core: Core,
    pub(crate) naive: Naive,
    pub(crate) laws: Laws,
    pub(crate) incarnations: Vec<Incarnation>,
    /// Those that were gone before their start was heard of.
    pub(crate) unborn: BTreeSet<u64>,
    /// When each incarnation of the core last beat.
    pub(crate) beats: BTreeMap<u64, Duration>,
    pub(crate) places: BTreeMap<String, Place>,
    /// Counts groups and children of pools.
    pub(crate) numbers: usize,
    /// The history as it came to be.
    pub(crate) log: Vec<String>,
    pub(crate) has_ended: bool,
    planted: Option<Planted>,
    /// All that was done, kept for whoever lies about it.
    past: Vec<Action>,
    pub(crate) tally: Tally,
    rng: StdRng,
    /// What the core wants done and nobody has done yet.
    pub(crate) actions: Vec<Action>,
}

/// A disagreement or a broken law, and the history up to it.
pub(crate) struct Broken {
    pub(crate) log: Vec<String>,
    pub(crate) reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "  {line}")?;
        }
        f.write_str(&self.reason)
    }
}

/// What is made wrong, so that it can be shown to be noticed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Planted {
    Flaw(Flaw),
    Lie(Lie),
}

/// How often what happened.
pub(crate) type Tally = BTreeMap<String, usize>;

/// Plays a history.
pub(crate) fn play(history: &History, planted: Option<Planted>) -> Result<Tally, Broken> {
    let mut world = World::new(history, planted);
    let played = catch_unwind(AssertUnwindSafe(|| world.play(history)));
    match played {
        Ok(Ok(())) => Ok(world.tally),
        Ok(Err(reason)) => Err(Broken {
            log: world.log,
            reason,
        }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).into()));
            let reason = format!("panicked: {}", text.unwrap_or_default());
            Err(Broken {
                log: world.log,
                reason,
            })
        }
    }
}

impl World {
    fn new(history: &History, planted: Option<Planted>) -> Self {
        let flaw = match planted {
            Some(Planted::Flaw(flaw)) => Some(flaw),
            Some(Planted::Lie(_)) | None => None,
        };
        let options = Arc::new(history.root.options());
        let core = Core::new(history.settings.clone(), options);
        let root = Place {
            place: core.root(),
            key: ROOT,
        };
        let places = BTreeMap::from([("root".to_owned(), root)]);
        Self {
            now: Duration::ZERO,
            core,
            naive: Naive::new(history.settings.clone(), history.root, flaw),
            laws: Laws::default(),
            incarnations: Vec::new(),
            unborn: BTreeSet::new(),
            places,
            numbers: 0,
            log: Vec::new(),
            has_ended: false,
            planted,
            past: Vec::new(),
            tally: Tally::new(),
            beats: BTreeMap::new(),
            rng: StdRng::seed_from_u64(0),
            actions: Vec::new(),
        }
    }

    fn play(&mut self, history: &History) -> Result<(), String> {
        *self.tally.entry("history".into()).or_default() += 1;
        self.note(format_args!(
            "{:?}, root: {}",
            history.settings, history.root
        ));
        self.pass()?;
        for step in &history.steps {
            if self.has_ended {
                break;
            }
            *self.tally.entry("step".into()).or_default() += 1;
            self.act(&step.act)?;
            if step.ends_batch {
                self.pass()?;
            }
        }
        Ok(())
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        self.log
            .push(format!("{:>9.6} {what}", self.now.as_secs_f64()));
    }

    /// States a fact to both and compares. Each fact has a time of its own.
    pub(crate) fn state<T>(
        &mut self,
        fact: &Fact,
        core: impl FnOnce(&mut Core, Duration) -> T,
        naive: impl FnOnce(&mut Naive, Duration, &T),
    ) -> Result<T, String> {
        self.now += Duration::from_micros(1);
        let before = self.core.snapshot(self.now);
        let stale = self.core.stale();
        let answer = core(&mut self.core, self.now);
        naive(&mut self.naive, self.now, &answer);
        if matches!(fact, Fact::Stale) {
            same("L10: stale messages", self.core.stale(), stale + 1)?;
        }
        self.compare(fact, &before)?;
        Ok(answer)
    }

    fn compare(&mut self, fact: &Fact, before: &Snapshot) -> Result<(), String> {
        let actions: Vec<_> = std::iter::from_fn(|| self.core.next_action()).collect();
        let after = self.core.snapshot(self.now);
        self.check_laws(fact, (before, &after), &actions)?;
        nodes(&seen(after), &self.naive.seen(self.now))?;
        same("stale messages", self.core.stale(), self.naive.stale)?;
        self.actions.extend(actions);
        Ok(())
    }

    fn check_laws(
        &mut self,
        fact: &Fact,
        seen: (&Snapshot, &Snapshot),
        actions: &[Action],
    ) -> Result<(), String> {
        let Some(Planted::Lie(lie)) = self.planted else {
            return self.laws.check(fact, seen, actions);
        };
        let (fact, told) = lie.tell(&mut self.laws, fact, actions, &self.past);
        self.past.extend_from_slice(actions);
        self.laws.check(&fact, seen, &told)
    }

    /// The mailbox is empty: runs the pass and does the actions.
    pub(crate) fn pass(&mut self) -> Result<(), String> {
        if self.has_ended {
            return Ok(());
        }
        self.note(format_args!("    pass"));
        let before = self.core.snapshot(self.now);
        let beats = &self.beats;
        let last_beat = |id: Id| beats.get(&id.incarnation()).copied().unwrap_or_default();
        self.core.advance(self.now, &mut self.rng, last_beat);
        self.naive.advance(self.now);
        self.compare(&Fact::Pass, &before)?;
        self.do_actions()?;
        same(
            "settled",
            self.core.is_settled(),
            self.naive.is_all_settled(),
        )?;
        same("ready", self.core.is_ready(), self.naive.is_ready())?;
        same("ended", self.core.has_ended(), self.naive.ended.is_some())?;
        if self.has_ended {
            return Ok(());
        }
        same(
            "next deadline",
            self.core.next_deadline(),
            self.naive.next_deadline(),
        )
    }

    pub(crate) fn stop(&mut self, within: Option<Duration>) -> Result<(), String> {
        self.note(format_args!("the tree is told to stop, within {within:?}"));
        let core = |core: &mut Core, now| core.stop(now, within);
        self.state(&Fact::Other, core, |naive, now, ()| naive.stop(now, within))
    }

    pub(crate) fn sleep_until(&mut self, end: Duration) -> Result<(), String> {
        while let Some(due) = self.core.next_deadline().filter(|due| *due <= end) {
            if self.has_ended {
                return Ok(());
            }
            self.now = self.now.max(due);
            self.pass()?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    pub(crate) fn declaration(path: &Path, choices: Choices) -> Declaration {
        Declaration {
            path: path.clone(),
            options: Arc::new(choices.options()),
        }
    }
}
