//! What helpers cost beside the same by hand: `cargo bench --bench helper --features helper`.
//!
//! - Calls: how many in a second, and how long one takes, beside the same lines written to a bare
//!   pipe and read from it; one call at a time, and 64.
//! - Bodies: how long small calls take while large ones are written to the same program.
//! - Memory: what a line of a gibibyte takes, where a mebibyte is the longest that may come.
//! - Recovery: from SIGKILL, with a call in flight, to the next answer.
//!
//! The program is this one again, as a child that answers with [`perennial::helper::serve`]; both
//! sides talk to the same. Figures are printed, not judged: they depend on the machine.

mod bodies;
mod calls;
mod figures;
mod hand;
mod memory;
mod program;
mod recovery;
mod stage;
mod words;

use std::env;

use tokio::runtime::Builder;
use tracing::subscriber::NoSubscriber;

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    match env::args().nth(1).as_deref() {
        Some(program::ANSWER) => runtime.block_on(program::answer()),
        Some(program::FLOOD) => program::flood(),
        _ => {
            // Deaths are made on purpose here.
            tracing::subscriber::set_global_default(NoSubscriber::new()).expect("it is the first");
            runtime.block_on(async {
                // First, for what others take stays with us.
                memory::measure().await;
                calls::measure().await;
                bodies::measure().await;
                recovery::measure().await;
            });
        }
    }
}
