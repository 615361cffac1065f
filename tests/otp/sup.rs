//! A node that does what a supervisor of OTP does: it starts its members in order, waits until they
//! are healthy, says so, and serves.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Cause, Child, Context, Down, Intensity, NodeSnapshot, Restart, RunError, Scope, State, Strategy,
};

use crate::ctl::Member;

pub(crate) const STRATEGIES: [Strategy; 3] = [
    Strategy::OneForOne,
    Strategy::OneForAll,
    Strategy::RestForOne,
];

/// The members and what they share.
#[derive(Clone)]
pub(crate) struct Sup {
    strategy: Strategy,
    intensity: Intensity,
    members: Vec<Member>,
    children: Arc<Mutex<Vec<Child>>>,
}

impl Sup {
    /// Roomy: ten restarts a minute.
    pub(crate) fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            intensity: within(10, Duration::from_secs(60)),
            members: Vec::new(),
            children: Arc::default(),
        }
    }

    pub(crate) fn intensity(self, restarts: u32, time: Duration) -> Self {
        let intensity = within(restarts, time);
        Self { intensity, ..self }
    }

    pub(crate) fn run(mut self, member: impl Into<Member>) -> Self {
        self.members.push(member.into());
        self
    }

    pub(crate) fn all<'a, M: 'a>(self, members: impl IntoIterator<Item = &'a M>) -> Self
    where
        Member: From<&'a M>,
    {
        members.into_iter().fold(self, Self::run)
    }

    /// The handles of its members in its newest incarnation.
    pub(crate) fn children(&self) -> Vec<Child> {
        self.children.lock().clone()
    }

    async fn serve(self, ctx: Context) -> Result<(), RunError> {
        let group = ctx.group("members", self.strategy).in_order();
        let add = |group: perennial::Group, member: &Member| {
            let (name, runnable) = (member.name, member.runnable());
            group.run(name, runnable)
        };
        let group = self
            .members
            .iter()
            .fold(group.intensity(self.intensity), add);
        let children = group.start()?;
        self.children.lock().clone_from(&children);
        for child in children {
            if ctx
                .until_cancelled(child.healthy())
                .await
                .is_none_or(|healthy| healthy.is_err())
            {
                // The start has failed, which escalates.
                ctx.cancelled().await;
                return Ok(());
            }
        }
        ctx.healthy();
        ctx.cancelled().await;
        Ok(())
    }

    /// The node, below another one.
    pub(crate) fn member(&self, name: &'static str) -> Member {
        let it = self.clone();
        Member::new(name, move |ctx| it.clone().serve(ctx))
    }

    /// A root above it. The node is `root.sup`, and is temporary: when it falls it stays down, and
    /// a test sees how it ended.
    pub(crate) fn root(&self) -> impl Fn(Context) -> Root + Send + Sync + use<> {
        over(
            &self
                .member("sup")
                .with(|run| run.restart(Restart::Temporary)),
        )
    }
}

type Root = BoxFuture<'static, Result<(), RunError>>;

/// A root that runs one child, and serves whatever becomes of it.
pub(crate) fn over(member: &Member) -> impl Fn(Context) -> Root + Send + Sync + use<> {
    let member = member.clone();
    move |ctx: Context| {
        let member = member.clone();
        async move {
            ctx.run(member.name, member.runnable())?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        }
        .boxed()
    }
}

pub(crate) fn within(restarts: u32, time: Duration) -> Intensity {
    Intensity::new(restarts, time).expect("the window is not empty")
}

/// The children of a node and what they do: `a healthy, b down (terminated)`.
pub(crate) async fn children(h: &Harness, parent: &str) -> String {
    let snapshot = h.snapshot().await;
    let below = |node: &&NodeSnapshot| node.path.parent().is_some_and(|path| *path == *parent);
    let shown = |node: &NodeSnapshot| match (node.down, node.wait) {
        (Some(down), _) => format!("{} down ({down})", node.path.name()),
        (_, Some(wait)) => format!("{} waiting ({wait})", node.path.name()),
        (None, None) => format!("{} {}", node.path.name(), node.state),
    };
    let nodes: Vec<_> = snapshot.nodes.iter().filter(below).map(shown).collect();
    nodes.join(", ")
}

/// How many children `root.sup` has, and how many of them run.
pub(crate) async fn counts(h: &Harness) -> (usize, usize) {
    counts_below(h, "root.sup").await
}

/// How many children a node has, and how many of them run.
pub(crate) async fn counts_below(h: &Harness, parent: &str) -> (usize, usize) {
    let snapshot = h.snapshot().await;
    let below = |node: &&NodeSnapshot| node.path.parent().is_some_and(|path| *path == *parent);
    let active = |node: &&NodeSnapshot| node.state.is_live();
    let nodes = || snapshot.nodes.iter().filter(below);
    (nodes().count(), nodes().filter(active).count())
}

/// The incarnation of a node, which changes with each start.
pub(crate) async fn incarnation(h: &Harness, path: &str) -> u64 {
    node(h, path).await.incarnation
}

/// A node as it is now.
pub(crate) async fn node(h: &Harness, path: &str) -> NodeSnapshot {
    let snapshot = h.snapshot().await;
    let node = snapshot.find(path);
    node.unwrap_or_else(|| panic!("there is no {path}:\n{snapshot}"))
        .clone()
}

/// Whether the node `root.sup` is up.
pub(crate) async fn is_up(h: &Harness) -> bool {
    h.state("root.sup").await == Some(State::Healthy)
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether the supervisor has fallen, and is down because a child escalated to it.
pub(crate) async fn has_fallen(h: &Harness) -> bool {
    let sup = node(h, "root.sup").await;
    let cause = sup.last_exit.as_ref().and_then(|exit| exit.cause.as_ref());
    sup.down == Some(Down::Failed) && matches!(cause, Some(Cause::Escalated(_)))
}

/// How many more restarts the group of a node allows.
pub(crate) async fn left(h: &Harness, path: &str) -> u32 {
    let node = node(h, path).await;
    let mut budgets = node.budgets.iter();
    let of_group = budgets.find(|budget| budget.scope == Scope::Group);
    of_group.expect("it is in a group with a budget").left
}

/// Lets time pass on the clock of the harness.
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
