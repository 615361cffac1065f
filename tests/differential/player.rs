//! Plays the steps of a script on this side, and writes its trace.

use std::sync::Arc;

use perennial::testing::{Fault, Harness};
use perennial::{OrderError, Restart, State};

use crate::compare::KEPT;
use crate::ours::{World, start};
use crate::script::{Script, parent};
use crate::step::{How, Order, Step};

/// Where the supervisor of the script stands.
const TOP: &str = "root.sup";

/// The most that is due by itself before a start fails that a script waits for.
const DUE_MAX: usize = 100;

/// The path in the tree.
fn place(path: &str) -> String {
    match path {
        "" => TOP.to_owned(),
        path => format!("{TOP}.{path}"),
    }
}

/// Plays a script, and returns its trace.
pub(crate) fn play(script: &Script) -> Vec<String> {
    let world = World::new(script);
    Harness::run(Some(0), |h| async move {
        let player = Player {
            h,
            world,
            trace: Vec::new(),
            hold: None,
        };
        player.play().await
    })
}

struct Player {
    h: Harness,
    world: Arc<World>,
    trace: Vec<String>,
    /// Whom the script wants to meet while it restarts, after the next strike.
    hold: Option<String>,
}

impl Player {
    async fn play(mut self) -> Vec<String> {
        start(&self.h, &self.world);
        self.h.settled().await;
        self.write("").await;
        let script = self.world.script.clone();
        let steps = script.text.lines().filter(|line| line.starts_with('>'));
        for (line, step) in steps.zip(&script.steps) {
            self.trace.push(line.to_owned());
            self.step(step).await;
        }
        self.trace
    }

    async fn step(&mut self, step: &Step) {
        let said = match step {
            Step::Hold(path) => {
                self.hold = Some(path.clone());
                return;
            }
            Step::Strike(how, paths) => self.strike(*how, paths),
            Step::Order(order, path) => self.order(*order, path).await,
            Step::Wait(time) => {
                self.h.advance(*time).await;
                ""
            }
            Step::Align => "",
            Step::Stop => {
                self.h.stop().await.expect("its root does not fail");
                ""
            }
        };
        match self.hold.take() {
            Some(path) => self.until_failed(&path).await,
            None => drop(self.h.settled().await),
        }
        self.write(said).await;
    }

    /// To the moment when a start of this child has failed, and it waits for the next.
    async fn until_failed(&self, path: &str) {
        let failed = format!("fail {path}");
        for _ in 0..DUE_MAX {
            self.h.idle().await;
            if self.world.has_said(&failed) {
                return;
            }
            self.h.advance_to_next().await;
        }
        panic!("{path} does not fail to start");
    }

    fn strike(&self, how: How, paths: &[String]) -> &'static str {
        let mut said = "";
        for path in paths {
            let is_struck = match how {
                How::Kill => self.world.hears(path) && self.kill(path),
                how => self.world.strike(path, how),
            };
            if !is_struck {
                said = "none";
            }
        }
        said
    }

    fn kill(&self, path: &str) -> bool {
        self.h.inject(Fault::kill(place(path)));
        true
    }

    /// As in OTP, a child can be ordered while its supervisor is there.
    async fn order(&self, order: Order, path: &str) -> &'static str {
        if self.is_gone(parent(path)).await {
            return "gone";
        }
        let node = self.h.tree().node(place(path));
        let order = match order {
            Order::Terminate => node.terminate(),
            Order::Restart | Order::Start => node.start(),
            Order::Delete => node.remove(),
        };
        match self.h.wait(order).await {
            Ok(_) => "ok",
            Err(OrderError::Running { .. }) => "running",
            Err(OrderError::NotFound { .. }) => "not_found",
            Err(why) => panic!("{path}: {why}"),
        }
    }

    /// Whether the supervisor at this path does not run; the empty one is the top.
    async fn is_gone(&self, path: &str) -> bool {
        let state = self.h.state(&place(path)).await;
        state.is_none_or(|state| !matches!(state, State::Starting | State::Healthy))
    }

    /// Writes what came of a step.
    async fn write(&mut self, said: &str) {
        self.trace.extend(self.world.take_lines());
        if !said.is_empty() {
            self.trace.push(format!("-> {said}"));
        }
        let list = self.list().await;
        self.trace.push(format!("= {list}").trim_end().to_owned());
    }

    async fn list(&self) -> String {
        if self.is_gone("").await {
            return "gone".to_owned();
        }
        let snapshot = self.h.snapshot().await;
        let entries = snapshot.nodes.iter().filter_map(|node| {
            let text = node.path.to_string();
            let path = text.strip_prefix(TOP)?.strip_prefix('.')?;
            // What is below one that is not there is at rest, or it is shown.
            let above = snapshot.find(&place(parent(path)))?;
            let is_left = above.state.has_exited() && is_over(node.state);
            (!is_left).then(|| format!("{path}{}", self.state(path, node.state)))
        });
        entries.collect::<Vec<_>>().join(", ")
    }

    /// In the words of OTP.
    fn state(&self, path: &str, state: State) -> &'static str {
        let children = &self.world.script.children;
        let child = children.iter().find(|child| child.path == path);
        let is_temporary = child.is_some_and(|child| child.restart == Restart::Temporary);
        match state {
            state if is_over(state) && is_temporary => KEPT,
            State::Done | State::Down => " none",
            State::Waiting | State::Dead | State::Canceled => " restarting",
            _ => " up",
        }
    }
}

/// Whether it does not start again by itself, and does not run.
fn is_over(state: State) -> bool {
    matches!(state, State::Done | State::Down)
}
