//! The difference that a new file makes.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use perennial::{Name, Order, RunError};
use tracing::{error, info, warn};

use super::{Crew, Phase, count};
use crate::plan::{BadFile, Plan, Unit};

impl Crew<'_> {
    /// Reads the file again. What is the same in it is not touched; a file that is wrong changes
    /// nothing.
    pub(crate) async fn reload(&mut self) -> Result<(), RunError> {
        let (plan, mut units) = match self.read() {
            Ok(read) => read,
            Err(error) => {
                error!("not reloaded:\n{error}");
                return Ok(());
            }
        };
        let is_kept = |unit: &Arc<Unit>| units.contains(unit);
        let (kept, gone): (_, Vec<_>) = self.units.drain(..).partition(is_kept);
        self.units = kept;
        units.retain(|unit| !self.units.contains(unit));
        let (starts, stops) = (count(&units), count(&gone));
        info!("reloads: {starts} started, {stops} stopped");
        self.remove(&gone).await;
        self.of.change(plan);
        self.phase = Phase::Again;
        self.ask_all_anew();
        self.begin(units)
    }

    fn read(&self) -> Result<(Plan, Vec<Arc<Unit>>), BadFile> {
        let plan = Plan::read(&self.of.file)?;
        let units = plan.units();
        let added = units.iter().filter(|unit| !self.units.contains(unit));
        let ours: BTreeSet<u16> = self.units.iter().flat_map(|unit| unit.ports()).collect();
        Plan::check_machine(&self.of.file, added, &ours)?;
        Ok((plan, units))
    }

    /// Stops what is in the file no more, or is another thing there now.
    async fn remove(&mut self, gone: &[Arc<Unit>]) {
        let names = gone.iter().map(|unit| unit.name());
        let nodes = names.filter_map(|name| self.nodes.remove(name));
        let orders: Vec<Order> = nodes.map(|node| node.remove()).collect();
        for refused in join_all(orders).await.into_iter().filter_map(Result::err) {
            warn!("{refused}");
        }
        // A group that has gone tells nothing after that.
        while let Ok(children) = self.declared.try_recv() {
            self.children.extend(children);
        }
        for unit in gone {
            self.waiting.remove(unit.name());
            for name in unit.names() {
                self.children.remove(name);
            }
        }
    }

    fn ask_all_anew(&mut self) {
        self.healthy.clear();
        self.down.clear();
        self.awaited.clear();
        let names: Vec<Name> = self.children.keys().cloned().collect();
        names.into_iter().for_each(|name| self.wait_for(name));
    }
}
