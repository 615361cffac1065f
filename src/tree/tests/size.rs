//! How large a node is.

use crate::tree::node::Node;

#[test]
fn a_node_is_small() {
    // R7, R13. A pass and a pool walk over nodes, and a tree may have a million of them: what most
    // never have is kept apart, in `rare.rs`.
    assert!(size_of::<Node>() <= 256, "{} bytes", size_of::<Node>());
}
