//! A tree without a runtime: whatever the core asks for is done at once.

use std::sync::Arc;
use std::time::Duration;

use perennial::tree::{
    Action, Core, Declaration, Id, Options, OrderKind, Place, Settings, Signal, Strategy,
};
use perennial::{Backoff, Exit, Name, Path};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// How many members the group has.
const MEMBERS: usize = 10;

pub(crate) struct World {
    core: Core,
    now: Duration,
    rng: StdRng,
    options: Arc<Options>,
    root: Path,
    /// The incarnation and the path of the node in each slot.
    nodes: Vec<Option<(Id, Path)>>,
    children: Vec<Place>,
    group: Vec<Place>,
    started: Vec<Id>,
    asked: Vec<Id>,
    /// How many facts were told.
    pub(crate) facts: usize,
    named: usize,
}

impl World {
    /// A tree of so many children of the root, which are healthy, and a group.
    pub(crate) fn new(nodes: usize) -> Self {
        let mut options = Options::default();
        options.backoff = Backoff::none();
        let options = Arc::new(options);
        let root = Path::root();
        let mut world = Self {
            core: Core::new(Settings::default(), options.clone()),
            now: Duration::ZERO,
            rng: StdRng::seed_from_u64(1),
            options,
            root,
            nodes: Vec::new(),
            children: Vec::new(),
            group: Vec::new(),
            started: Vec::new(),
            asked: Vec::new(),
            facts: 0,
            named: 0,
        };
        let place = world.core.root();
        world.note(place, Path::root());
        world.advance();
        (0..nodes).for_each(|_| world.declare());
        world.declare_group();
        world.advance();
        world.facts = 0;
        world
    }

    fn note(&mut self, place: Place, path: Path) {
        let slot = place.slot();
        if self.nodes.len() <= slot {
            self.nodes.resize_with(slot + 1, || None);
        }
        let view = self.core.view(place).expect("it was just declared");
        self.nodes[slot] = Some((view.id, path));
    }

    fn declaration(&mut self) -> Declaration {
        self.named += 1;
        let name = Name::sanitize(&format!("child-{}", self.named));
        Declaration {
            path: self.root.child(name),
            options: self.options.clone(),
        }
    }

    fn root_id(&self) -> Id {
        let root = self.core.view(self.core.root());
        root.expect("there is a root").id
    }

    fn declare(&mut self) {
        let child = self.declaration();
        let (path, root) = (child.path.clone(), self.root_id());
        self.facts += 1;
        let place = self.core.run(self.now, root, child);
        let place = place.expect("the root is there");
        self.note(place, path);
        self.children.push(place);
    }

    fn declare_group(&mut self) {
        let members: Vec<_> = (0..MEMBERS).map(|_| self.declaration()).collect();
        let paths: Vec<_> = members.iter().map(|member| member.path.clone()).collect();
        let (root, label) = (self.root_id(), Name::sanitize("group"));
        let places = self
            .core
            .run_group(self.now, root, label, Strategy::OneForAll, members);
        self.group = places.expect("the root is there");
        for (place, path) in self.group.clone().into_iter().zip(paths) {
            self.note(place, path);
        }
    }

    /// Tells all facts that follow from what the core asks for, until it asks for nothing.
    fn advance(&mut self) {
        loop {
            self.core
                .advance(self.now, &mut self.rng, |_| Duration::ZERO);
            self.act();
            if self.started.is_empty() && self.asked.is_empty() {
                return;
            }
            for id in std::mem::take(&mut self.started) {
                self.tell_healthy(id);
            }
            for id in std::mem::take(&mut self.asked) {
                self.exit(id, Exit::Returned);
            }
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.core.next_action() {
            match action {
                Action::Start { id, .. } => {
                    if let Some((present, _)) = &mut self.nodes[id.slot()] {
                        *present = id;
                    }
                    self.started.push(id);
                }
                Action::Ask(id) => self.asked.push(id),
                _ => {}
            }
        }
    }

    fn tell_healthy(&mut self, id: Id) {
        let node = self.nodes[id.slot()].as_ref();
        let (_, path) = node.expect("what starts was declared");
        self.facts += 1;
        self.core.signal(self.now, id, path, Signal::Healthy);
    }

    fn exit(&mut self, id: Id, exit: Exit) {
        self.facts += 1;
        self.core.exited(self.now, id, exit, 0);
    }

    fn fail(&mut self, place: Place) {
        let node = self.nodes[place.slot()].as_ref();
        let (id, _) = node.expect("it was declared");
        self.exit(*id, Exit::failed(std::fmt::Error));
        self.advance();
    }

    pub(crate) fn start(&mut self) {
        self.declare();
        self.advance();
    }

    pub(crate) fn restart(&mut self, child: usize) {
        self.fail(self.children[child]);
    }

    pub(crate) fn fall(&mut self) {
        self.fail(self.group[0]);
    }

    pub(crate) fn order(&mut self, child: usize) {
        let place = self.children[child];
        for order in [OrderKind::Terminate, OrderKind::Start] {
            self.facts += 1;
            let taken = self.core.order(self.now, place, order);
            taken.expect("it stands");
            self.advance();
        }
    }

    pub(crate) fn stop(&mut self) {
        self.facts += 1;
        self.core.stop(self.now, None);
        self.act();
        self.advance();
        assert!(self.core.has_ended(), "all have ended");
    }
}
