//! What is behind a reference: the whole of a resource, or a part of it.
//!
//! Two counts, each for one question. [`Record::refs`](crate::resource::record::Record::refs) is
//! exact and says who was last, and is told how the release went. The count of the `Arc` says who
//! has the value: `Arc::into_inner` gives it to one caller, and to that one by value. They differ
//! only while a reference is on its way: it leaves the record first and lets its `Arc` go after, so
//! whoever is told may not be who carries. What the last one wants to be told through is left
//! in the [`Ties`] before it lets go, where the carrier finds it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::Hold;
use crate::resource::door::Door;
use crate::resource::hooks::{Act, Hook, Hooks};
use crate::resource::outcome::Outlet;
use crate::resource::parting::{self, Parting};
use crate::resource::record::Record;
use crate::resource::release::Release;
use crate::resource::releasing;
use crate::resource::shared::Shared;

/// What a reference holds on to.
pub(super) trait Held<T: ?Sized>: Send + Sync {
    fn value(&self) -> &T;

    fn ties(&self) -> &Ties;

    fn before_release(&self, act: Box<Act<T>>) -> Hook;

    /// Gives up one share of the value, and releases it if that was the last.
    fn let_go(self: Arc<Self>);

    /// Whether nobody else has a share, as far as can be seen from `count`, the shares of this.
    fn is_sole(&self, count: usize) -> bool;

    /// Gets the value ready to be released, or gives the share back if there are others.
    fn into_sole(self: Arc<Self>) -> Result<Sole, Arc<dyn Held<T>>>;

    /// Takes the value out, or gives the share back.
    fn into_value(self: Arc<Self>) -> Result<T, NotTaken<T>>
    where
        T: Sized;
}

/// Releases a value that nobody shares, and tells how that went.
pub(super) type Sole = Box<dyn FnOnce(Outlet) + Send>;

/// Why a value was not taken out.
pub(super) enum NotTaken<T> {
    InUse(Arc<dyn Held<T>>),
    Part(Arc<dyn Held<T>>),
}

/// A value, and all that belongs to it.
pub(super) struct Whole<T> {
    pub(super) value: T,
    pub(super) within: Duration,
    pub(super) hooks: Arc<Hooks<T>>,
    pub(super) ties: Ties,
}

/// What a resource is tied to until it is released. Its drop is what has to happen then, however
/// the release went.
pub(super) struct Ties {
    pub(super) record: Arc<Record>,
    pub(super) door: Arc<Door>,
    /// Where the outcome is awaited, if somebody does.
    pub(super) outlet: OnceLock<Outlet>,
    pub(super) keeps: Keeps,
}

/// What a resource keeps as it is until it is released.
#[derive(Default)]
pub(super) struct Keeps {
    /// The incarnation that has not ended before.
    pub(super) hold: Option<Hold>,
    /// The resource it is derived from.
    pub(super) parent: Option<Shared<()>>,
}

impl<T: Release> Held<T> for Whole<T> {
    fn value(&self) -> &T {
        &self.value
    }

    fn ties(&self) -> &Ties {
        &self.ties
    }

    fn before_release(&self, act: Box<Act<T>>) -> Hook {
        self.hooks.register(act)
    }

    fn let_go(self: Arc<Self>) {
        if let Some(whole) = Arc::into_inner(self) {
            releasing::begin(whole);
        }
    }

    fn is_sole(&self, count: usize) -> bool {
        count == 1
    }

    fn into_sole(self: Arc<Self>) -> Result<Sole, Arc<dyn Held<T>>> {
        let whole = Arc::try_unwrap(self).map_err(|shared| shared as Arc<dyn Held<T>>)?;
        Ok(Box::new(|outlet| {
            whole.ties.await_outcome(outlet);
            releasing::begin(whole);
        }))
    }

    fn into_value(self: Arc<Self>) -> Result<T, NotTaken<T>> {
        let whole = Arc::try_unwrap(self).map_err(|shared| NotTaken::InUse(shared))?;
        // What it was tied to goes here: there will be no release.
        Ok(whole.value)
    }
}

/// A part of what another share holds on to, or that seen as another type.
struct Part<T: ?Sized, U: ?Sized> {
    of: Arc<dyn Held<T>>,
    view: Arc<View<T, U>>,
}

pub(super) type View<T, U> = dyn Fn(&T) -> &U + Send + Sync;

/// Makes of a share of a whole a share of its part.
pub(super) fn part<T, U>(of: Arc<dyn Held<T>>, view: Arc<View<T, U>>) -> Arc<dyn Held<U>>
where
    T: ?Sized + 'static,
    U: ?Sized + 'static,
{
    Arc::new(Part { of, view })
}

impl<T: ?Sized + 'static, U: ?Sized + 'static> Held<U> for Part<T, U> {
    fn value(&self) -> &U {
        (self.view)(self.of.value())
    }

    fn ties(&self) -> &Ties {
        self.of.ties()
    }

    fn before_release(&self, act: Box<Act<U>>) -> Hook {
        let view = self.view.clone();
        self.of.before_release(Box::new(move |of| act(view(of))))
    }

    fn let_go(self: Arc<Self>) {
        if let Some(part) = Arc::into_inner(self) {
            part.of.let_go();
        }
    }

    fn is_sole(&self, count: usize) -> bool {
        count == 1 && self.of.is_sole(Arc::strong_count(&self.of))
    }

    fn into_sole(self: Arc<Self>) -> Result<Sole, Arc<dyn Held<U>>> {
        // Asked before: a part that was taken apart is another one to its weak references.
        if !self.is_sole(Arc::strong_count(&self)) {
            return Err(self);
        }
        let part_alone = Arc::try_unwrap(self).map_err(|shared| shared as Arc<dyn Held<U>>)?;
        let Self { of, view } = part_alone;
        of.into_sole().map_err(|of| part(of, view))
    }

    fn into_value(self: Arc<Self>) -> Result<U, NotTaken<U>>
    where
        U: Sized,
    {
        Err(NotTaken::Part(self))
    }
}

impl Ties {
    /// Says where the outcome is awaited. Only the last reference does, so nobody has before.
    pub(super) fn await_outcome(&self, outlet: Outlet) {
        let is_first = self.outlet.set(outlet).is_ok();
        debug_assert!(is_first, "two references to {} were last", self.record.name);
    }
}

impl Drop for Ties {
    fn drop(&mut self) {
        self.door.forget(&self.record);
        drop(self.keeps.hold.take());
        if let Some(parent) = self.keeps.parent.take() {
            let outlet = self.outlet.take();
            parting::of(Parting { parent, outlet });
        }
    }
}
