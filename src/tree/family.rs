//! Who stands below whom: children come, and are discarded with their parent's incarnation.

use crate::name::Name;
use crate::tree::action::Action;
use crate::tree::core::Core;
use crate::tree::link::Link;
use crate::tree::memory::Memory;
use crate::tree::node::{Links, Node, Weight};
use crate::tree::options::Kind;

impl Core {
    /// Keeps a node, as the last child of `parent`.
    pub(super) fn insert(&mut self, mut node: Node, parent: Option<usize>) -> usize {
        let slot = self.nodes.vacant_key();
        if let Some(parent) = parent {
            node.parent = Link::to(parent);
            node.links.previous = self.append(parent, slot, node.path.name());
        }
        self.nodes.insert(node)
    }

    /// Makes a new child the last one of its parent, and returns the one before it.
    fn append(&mut self, parent: usize, slot: usize, name: &Name) -> Link {
        let above = &mut self.nodes[parent];
        if let Some(names) = above.names_mut() {
            names.insert(name.clone(), slot);
        }
        let previous = std::mem::replace(&mut above.links.last, Link::to(slot));
        match previous.get() {
            Some(previous) => self.nodes[previous].links.next = Link::to(slot),
            None => above.links.first = Link::to(slot),
        }
        previous
    }

    /// The children of a node, in order of declaration.
    pub(super) fn children(&self, slot: usize) -> impl Iterator<Item = usize> {
        let first = self.nodes[slot].links.first.get();
        std::iter::successors(first, |child| self.nodes[*child].links.next.get())
    }

    /// A node and all below it, each before its children and after its earlier siblings.
    pub(super) fn subtree(&self, top: usize) -> Vec<usize> {
        let mut order = Vec::new();
        let mut next = vec![top];
        while let Some(slot) = next.pop() {
            order.push(slot);
            let mut child = self.nodes[slot].links.last.get();
            while let Some(slot) = child {
                next.push(slot);
                child = self.nodes[slot].links.previous.get();
            }
        }
        order
    }

    /// Forgets all below a node. Nothing of it runs any more.
    pub(super) fn discard_below(&mut self, top: usize) {
        if self.nodes[top].links.first.is_none() {
            return;
        }
        for slot in self.subtree(top).into_iter().skip(1).rev() {
            self.forget(slot);
        }
        self.nodes[top].links.first = Link::NONE;
        self.nodes[top].links.last = Link::NONE;
        self.nodes[top].take_rare(|rare| rare.names.take());
    }

    /// Forgets one child, below which nothing is left.
    pub(super) fn discard(&mut self, slot: usize) {
        self.discard_below(slot);
        self.leave_family(slot);
        let Node {
            links: Links { next, previous, .. },
            parent,
            ..
        } = self.nodes[slot];
        match previous.get() {
            Some(previous) => self.nodes[previous].links.next = next,
            None => self.parent_links(parent).first = next,
        }
        match next.get() {
            Some(next) => self.nodes[next].links.previous = previous,
            None => self.parent_links(parent).last = previous,
        }
        self.forget(slot);
    }

    /// Takes a node out of its group and of the index of its parent.
    fn leave_family(&mut self, slot: usize) {
        let group = std::mem::take(&mut self.nodes[slot].group);
        if let Some(group) = group.get() {
            let members = &mut self.groups[group].members;
            members.retain(|member| *member != slot);
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
        let Node { parent, path, .. } = &self.nodes[slot];
        let (parent, path) = (parent.get(), path.clone());
        let names = parent.and_then(|parent| self.nodes[parent].names_mut());
        if let Some(names) = names {
            names.remove(path.name());
        }
    }

    fn parent_links(&mut self, parent: Link) -> &mut Links {
        let parent = parent.get().expect("the root is never discarded");
        &mut self.nodes[parent].links
    }

    fn forget(&mut self, slot: usize) {
        let (place, is_pooled) = (self.place(slot), self.is_pooled(slot));
        let node = self.nodes.remove(slot);
        assert!(
            node.is_out && node.leaks() == 0,
            "L1: {} is discarded alive",
            node.path
        );
        self.reweigh(node.weight, Weight::default());
        if let Some(group) = node.group.get() {
            // The first member to go takes the group along; the others go with the same parent.
            self.groups.try_remove(group);
        }
        let last = node.view(slot, is_pooled);
        self.actions.push_back(Action::Forget { place, last });
    }

    /// Remembers the attempts of all below a node, by name, before they are discarded (R8).
    pub(super) fn remember_below(&mut self, top: usize) {
        if self.nodes[top].links.first.is_none() {
            return self.nodes[top].forget_memories();
        }
        let below = self.subtree(top);
        for slot in &below {
            self.nodes[*slot].forget_memories();
        }
        for slot in below.into_iter().skip(1).rev() {
            let node = &mut self.nodes[slot];
            let children = node.take_rare(|rare| std::mem::take(&mut rare.memories));
            if node.failures == 0 && children.is_empty() {
                continue;
            }
            let name = node.path.name().clone();
            let memory = Memory {
                failures: node.failures,
                last_delay: node.last_delay,
                children,
            };
            let parent = node.parent.get();
            let parent = parent.expect("what is below a node has a parent");
            let memories = &mut self.nodes[parent].rare_mut().memories;
            memories.insert(name, memory);
        }
    }

    /// What a parent remembers of a child of this name in its previous incarnation.
    ///
    /// A pool numbers its children anew, so the same number is another child.
    pub(super) fn recall(&mut self, parent: usize, name: &Name) -> Option<Memory> {
        let parent = &mut self.nodes[parent];
        if parent.options.kind == Kind::Pool {
            return None;
        }
        parent.take_rare(|rare| rare.memories.remove(name))
    }
}
