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
        node.parent = parent.into();
        let previous = parent.and_then(|parent| self.nodes[parent].links.last.get());
        node.links.previous = previous.into();
        let name = node.path.name().clone();
        let slot = self.nodes.insert(node);
        let names = parent.and_then(|parent| self.nodes[parent].names.as_mut());
        if let Some(names) = names {
            names.insert(name, slot);
        }
        if let Some(previous) = previous {
            self.nodes[previous].links.next = Link::to(slot);
        }
        if let Some(parent) = parent {
            let links = &mut self.nodes[parent].links;
            links.last = Link::to(slot);
            if links.first.is_none() {
                links.first = Link::to(slot);
            }
        }
        slot
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
        self.nodes[top].names = None;
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
        let name = self.nodes[slot].path.name().clone();
        let parent = self.nodes[slot].parent.get();
        let names = parent.and_then(|parent| self.nodes[parent].names.as_mut());
        if let Some(names) = names {
            names.remove(&name);
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
            node.is_out && node.leaks == 0,
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
        let below = self.subtree(top);
        for slot in &below {
            self.nodes[*slot].memories = None;
        }
        for slot in below.into_iter().skip(1).rev() {
            let node = &mut self.nodes[slot];
            let children = node
                .memories
                .take()
                .map(|memories| *memories)
                .unwrap_or_default();
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
            self.nodes[parent]
                .memories
                .get_or_insert_default()
                .insert(name, memory);
        }
    }

    /// What a parent remembers of a child of this name in its previous incarnation.
    ///
    /// A pool numbers its children anew, so the same number is another child.
    pub(super) fn recall(&mut self, parent: usize, name: &Name) -> Option<Memory> {
        let parent = &mut self.nodes[parent];
        let memories = parent
            .memories
            .as_mut()
            .filter(|_| parent.options.kind != Kind::Pool)?;
        memories.remove(name)
    }
}
