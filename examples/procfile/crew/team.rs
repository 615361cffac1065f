//! A group of the file as a node of the tree.

use std::sync::Arc;

use perennial::process::Process;
use perennial::{Child, Context, OnSpent, Published, RunError, method};
use tokio::sync::mpsc;

use super::Children;
use crate::plan::{Together, Unit};
use crate::program::no_restart;

/// The programs of a group, below a node of their own: what they cannot mend among themselves is
/// not the end of the others, and when the group is removed its name is free.
#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) together: Together,
    pub(crate) unit: Arc<Unit>,
    pub(crate) processes: Vec<Published<Process>>,
    pub(crate) declares: mpsc::Sender<Children>,
}

impl Team {
    /// Starts it below the node of this context.
    pub(crate) fn start(self, ctx: &Context) -> Result<Child, RunError> {
        let team = Arc::new(self);
        let node = method(&team, Self::run);
        let node = node.intensity(no_restart()).on_spent(OnSpent::StayDown);
        ctx.run(&team.together.name, node)
    }

    async fn run(&self, ctx: Context) -> Result<(), RunError> {
        let Together {
            name,
            strategy,
            in_order,
        } = &self.together;
        let mut group = ctx.group(name, *strategy);
        if *in_order {
            group = group.in_order();
        }
        for (program, process) in self.unit.programs.iter().zip(&self.processes) {
            group = group.run(&program.name.value, program.runnable(process));
        }
        let names = self.unit.names().cloned();
        let children = names.zip(group.start()?).collect();
        ctx.until_cancelled(self.declares.send(children)).await;
        ctx.done();
        Ok(())
    }
}
