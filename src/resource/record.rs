//! What is known of a resource beside its value: its name, and who has references.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use slab::Slab;

use crate::Name;
use crate::resource::place::Place;
use crate::resource::sync::AtomicUsize;

/// What is known of a resource beside its value.
///
/// `refs` is exact: the states are Live(n) while it is n, and Releasing from the moment it is zero,
/// from which it never comes back.
#[derive(Debug)]
pub(super) struct Record {
    /// Unique in its releaser, in the order in which resources were opened.
    pub(super) id: u64,
    pub(super) name: Cow<'static, str>,
    refs: AtomicUsize,
    /// Where the present references were made, if that is tracked.
    places: Option<Mutex<Slab<Place>>>,
}

/// The entry of one reference among the places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

/// Whether it is kept where references were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracking {
    On,
    Off,
}

impl Record {
    /// A resource with its first reference.
    pub(super) fn new(
        id: u64,
        name: Cow<'static, str>,
        tracking: Tracking,
        first: Place,
    ) -> (Self, Mark) {
        let record = Self {
            id,
            name,
            refs: AtomicUsize::new(1),
            places: (tracking == Tracking::On).then(Mutex::default),
        };
        let mark = record.mark(first);
        (record, mark)
    }

    /// Counts one more reference; whoever calls has one.
    pub(super) fn add(&self, place: Place) -> Mark {
        self.refs.fetch_add(1, Ordering::Relaxed);
        self.mark(place)
    }

    /// Counts one more reference, unless the last one is gone.
    pub(super) fn try_add(&self, place: Place) -> Option<Mark> {
        let mut refs = self.refs.load(Ordering::Relaxed);
        while refs > 0 {
            let (present, next) = (refs, refs + 1);
            let relaxed = Ordering::Relaxed;
            match self
                .refs
                .compare_exchange_weak(present, next, relaxed, relaxed)
            {
                Ok(_) => return Some(self.mark(place)),
                Err(changed) => refs = changed,
            }
        }
        None
    }

    /// Counts one reference less, and says how many are left.
    ///
    /// The order of memory is that of the `Arc` behind each reference, which goes after this.
    pub(super) fn remove(&self, mark: Mark) -> usize {
        if let Some(places) = &self.places {
            places.lock().remove(mark.0);
        }
        self.refs.fetch_sub(1, Ordering::Relaxed) - 1
    }

    /// How many references there are; zero once it is being released.
    pub(super) fn refs(&self) -> usize {
        self.refs.load(Ordering::Relaxed)
    }

    /// Where the references were made, but for one of them; `None` if that is not tracked.
    pub(super) fn places(&self, except: Option<Mark>) -> Option<Vec<Place>> {
        let places = self.places.as_ref()?.lock();
        let is_other = |key: usize| except.is_none_or(|mark| mark.0 != key);
        let others = places.iter().filter(|(key, _)| is_other(*key));
        Some(others.map(|(_, place)| place.clone()).collect())
    }

    /// The name of the node that releases it.
    pub(super) fn node_name(&self) -> Name {
        Name::sanitize(&format!("{}-{}", self.id, self.name))
    }

    fn mark(&self, place: Place) -> Mark {
        let places = self.places.as_ref();
        Mark(places.map_or(usize::MAX, |places| places.lock().insert(place)))
    }
}
