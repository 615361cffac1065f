//! Operations, values, stores and users that do what they should not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use perennial::solver::{
    BuildError, Edge, Identity, JobEventKind, JobWatch, Operation, OperationContext,
    OperationError, Output, RunContext, Solver, Vertex, VertexState, Watched,
};
use perennial::{Context, Grace, RunError, Supervisor};
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};

use crate::kit::{Kit, after, pass, play, play_with, text, when_cancelled};
use crate::stores::{Fault, TestStore};

/// An operation that is nothing but an identity.
struct Forged(Identity);

impl Operation for Forged {
    type Value = u64;

    fn identity(&self) -> Identity {
        self.0.clone()
    }

    async fn run(
        &self,
        _: RunContext<u64>,
        inputs: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        Ok(vec![(inputs.len() as u64).into()])
    }
}

#[test]
fn an_identity_that_looks_like_one_with_inputs_is_another() {
    // Rule 1. It has all that is known of an input.
    let leaf = Vertex::builder("leaf", Forged(Identity::new("leaf"))).build();
    let with_input = Vertex::builder("one", Forged(Identity::new("op")));
    let with_input = with_input.input(leaf.output(0)).build();
    let mut forged = Identity::new("op");
    forged.add(leaf.digest().as_bytes()).add(0_usize.to_le_bytes());
    forged.add([]).add([0]);
    let without = Vertex::builder("two", Forged(forged)).build();
    assert_ne!(with_input.digest(), without.digest());
}
