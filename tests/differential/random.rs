//! Scripts drawn from a seed, of what is to be alike on both sides.
//!
//! They keep clear of what is intended to differ and depends on the history: nobody is terminated
//! in a group without being started again at once, no start that is ordered fails, deaths that come
//! together are those of one group in the order of declaration, and no supervisor below is
//! transient.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::script::{Script, parent};

const STOPS: [&str; 7] = [
    "",
    "",
    "",
    " stop=3",
    " stop=crash",
    " brutal",
    " stop=hang grace=200",
];

/// Most starts do not fail, and a first one seldom does.
const FAILS: [&str; 30] = {
    let mut fails = [""; 30];
    fails[0] = " fails=1";
    let mut next = 1;
    while next < 11 {
        fails[next] = [" fails=2", " fails=2,3", " fails=3,5", " fails=2.."][next % 4];
        next += 1;
    }
    fails
};

/// Draws a script.
pub(crate) fn script(seed: u64) -> Script {
    let mut draft = Draft {
        rng: StdRng::seed_from_u64(seed),
        text: format!("script random_{seed}\n"),
        workers: Vec::new(),
        supervisors: Vec::new(),
    };
    draft.supervise("");
    for _ in 0..draft.rng.random_range(3..12) {
        draft.step();
    }
    Script::read(&draft.text).remove(0)
}

struct Draft {
    rng: StdRng,
    text: String,
    workers: Vec<Worker>,
    /// Paths of those below the top that are permanent.
    supervisors: Vec<String>,
}

#[derive(Clone)]
struct Worker {
    path: String,
    is_permanent: bool,
    /// None of its starts fails.
    is_sure: bool,
    is_alone: bool,
}

impl Draft {
    /// Declares the supervisor at this path, and its children.
    fn supervise(&mut self, path: &str) {
        let rng = &mut self.rng;
        let strategy = one_of(rng, &["one_for_one", "one_for_all", "rest_for_one"]);
        let restarts = rng.random_range(0..5);
        let restart = one_of(rng, &["", "", " temporary"]);
        // One that is permanent is not started again here when it has ended in this way.
        let is_restarted = restart.is_empty() && !path.is_empty();
        let auto = one_of(rng, &["", "", " any", " all"]);
        let auto = if is_restarted { "" } else { auto };
        let head = format!("{strategy} {restarts}/60000{auto}");
        if path.is_empty() {
            self.line(format!("sup {head}"));
        } else {
            self.line(format!("sub {path} {head}{restart}"));
        }
        if is_restarted {
            self.supervisors.push(path.to_owned());
        }
        let count = self.rng.random_range(1..=4);
        for name in ["a", "b", "c", "d"].iter().take(count) {
            if !path.is_empty() {
                self.child(format!("{path}.{name}"), strategy, auto);
            } else if self.rng.random_bool(0.2) {
                self.supervise(name);
            } else {
                self.child((*name).to_owned(), strategy, auto);
            }
        }
    }

    fn child(&mut self, path: String, strategy: &str, auto: &str) {
        let rng = &mut self.rng;
        let restart = one_of(rng, &["", "", "", " transient", " temporary"]);
        let ends = !restart.is_empty() && !auto.is_empty();
        let significant = one_of(rng, &["", if ends { " significant" } else { "" }]);
        let stop = one_of(rng, &STOPS);
        let fails = one_of(rng, &FAILS);
        self.line(format!("child {path}{restart}{significant}{stop}{fails}"));
        self.workers.push(Worker {
            path,
            is_permanent: restart.is_empty(),
            is_sure: fails.is_empty(),
            is_alone: strategy == "one_for_one",
        });
    }

    fn step(&mut self) {
        match self.rng.random_range(0..10) {
            0 => self.renew(),
            1 => self.terminate(),
            2 => self.ask_what_is_refused(),
            3 => self.renew_supervisor(),
            _ => self.strike(),
        }
    }

    /// Some children of one supervisor: two of them answer deaths in an order that is not given.
    fn strike(&mut self) {
        let how = one_of(
            &mut self.rng,
            &["crash", "crash", "panic", "kill", "finish", "retire"],
        );
        let first = self.pick(|_| true).expect("there is a child");
        let is_alone = first.is_alone || how == "kill";
        let mut struck = Vec::new();
        for Worker { path, .. } in &self.workers {
            let is_beside = parent(path) == parent(&first.path);
            let joins = is_beside && !is_alone && self.rng.random_bool(0.2);
            if joins || *path == first.path {
                struck.push(path.clone());
            }
        }
        self.line(format!("> {how} {}", struck.join(" ")));
    }

    /// Terminates a child and starts it again.
    fn renew(&mut self) {
        if let Some(worker) = self.pick(|worker| worker.is_permanent && worker.is_sure) {
            let path = worker.path;
            self.line(format!(
                "> terminate {path}\n> terminate {path}\n> restart {path}"
            ));
        }
    }

    fn renew_supervisor(&mut self) {
        if let Some(path) = self.supervisors.choose(&mut self.rng).cloned() {
            let mut below = self
                .workers
                .iter()
                .filter(|worker| parent(&worker.path) == path);
            if below.all(|worker| worker.is_sure) {
                self.line(format!("> terminate {path}\n> restart {path}"));
            }
        }
    }

    /// Terminates a child for good, perhaps, or deletes it.
    fn terminate(&mut self) {
        let Some(worker) = self.pick(|worker| worker.is_permanent && worker.is_sure) else {
            return;
        };
        let path = worker.path;
        self.line(format!("> terminate {path}"));
        if !worker.is_alone || self.rng.random_bool(0.5) {
            self.line(format!("> delete {path}\n> restart {path}"));
        }
    }

    fn ask_what_is_refused(&mut self) {
        let order = one_of(&mut self.rng, &["terminate", "restart", "delete"]);
        self.line(format!("> {order} z"));
    }

    fn pick(&mut self, is_fit: impl Fn(&Worker) -> bool) -> Option<Worker> {
        let fit: Vec<_> = self
            .workers
            .iter()
            .filter(|worker| is_fit(worker))
            .collect();
        fit.choose(&mut self.rng).map(|worker| (*worker).clone())
    }

    fn line(&mut self, line: String) {
        writeln!(self.text, "{line}").expect("a string takes all");
    }
}

fn one_of(rng: &mut StdRng, words: &[&'static str]) -> &'static str {
    words.choose(rng).expect("there are some")
}
