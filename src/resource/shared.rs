//! References to a resource.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::Context;
use crate::resource::error::{CloseError, CloseExclusiveError, StillInUse, TakeError};
use crate::resource::held::{self, Held, Keeps, NotTaken};
use crate::resource::hooks::Hook;
use crate::resource::outcome::{Closed, Pending, outlet};
use crate::resource::place::Place;
use crate::resource::record::{Mark, Record};
use crate::resource::release::Release;
use crate::resource::sync::point;
use crate::resource::weak::WeakShared;

/// A reference to a resource, which is released when the last one is closed or dropped.
///
/// It is made by a [`Releaser`](crate::resource::Releaser), and derefs to the value. It is
/// deliberately not `Clone`: who wants to keep the resource beyond a call takes a reference of its
/// own by [`dup`](Self::dup), so that each second owner is seen where it is made, and can be named.
///
/// # Examples
///
/// A closed reference is gone.
///
/// ```compile_fail,E0382
/// # use perennial::resource::{Release, Shared};
/// async fn twice<T: Release>(reference: Shared<T>) {
///     let _ = reference.close().await;
///     let _ = reference.close().await; // use of moved value
/// }
/// ```
///
/// ```compile_fail,E0505
/// # use perennial::resource::Shared;
/// async fn under_its_feet(reference: Shared<String>) {
///     let text: &str = &reference;
///     let _ = reference.close().await; // it is borrowed
///     println!("{text}");
/// }
/// ```
///
/// ```compile_fail,E0599
/// # use perennial::resource::Shared;
/// fn copied(reference: &Shared<String>) -> Shared<String> {
///     reference.clone() // there is no such method: say `dup`
/// }
/// ```
#[must_use = "a reference that is dropped is closed, and nobody hears how that went"]
pub struct Shared<T: ?Sized> {
    /// Present until it is closed.
    held: Option<Arc<dyn Held<T>>>,
    mark: Mark,
}

/// What a reference has left behind.
pub(super) enum Left {
    /// So many others.
    Others(usize),
    /// A release that has begun.
    Last(Pending),
}

impl<T: ?Sized> Shared<T> {
    pub(super) const fn new(held: Arc<dyn Held<T>>, mark: Mark) -> Self {
        Self {
            held: Some(held),
            mark,
        }
    }

    /// Another reference, to be closed on its own.
    #[track_caller]
    pub fn dup(&self) -> Self {
        self.dup_at(Place::here())
    }

    /// Another reference for the node of this context, which is named wherever the reference is in
    /// the way.
    #[track_caller]
    pub fn dup_in(&self, context: &Context) -> Self {
        self.dup_at(Place::here().for_node(context))
    }

    fn dup_at(&self, place: Place) -> Self {
        let held = self.held().clone();
        let mark = self.record().add(place);
        Self::new(held, mark)
    }

    /// Closes this reference, and if it is the last one, waits until the resource is released.
    ///
    /// If the resource is [derived](Self::derive) and has the last reference to its parent, the
    /// parent is released after it, and waited for, too.
    ///
    /// # Errors
    ///
    /// [`CloseError`] if this was the last one, and the release failed, panicked, took too long or
    /// was cut short. Nothing can be done with the resource any more.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the reference is closed all the same, and a release goes on; how
    /// that went is an event of the tree.
    pub async fn close(self) -> Result<Closed, CloseError> {
        match self.leave() {
            Left::Others(left) => Ok(Closed::NotLast { left }),
            Left::Last(pending) => pending.outcome().await.map(|()| Closed::Released),
        }
    }

    /// Closes this reference if it is the only one, and waits until the resource is released.
    ///
    /// # Errors
    ///
    /// [`CloseExclusiveError::InUse`] gives the reference back if there are others, and says where
    /// they were made. [`CloseExclusiveError::Release`] is as for [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// As [`close`](Self::close): if the future is dropped, the reference is closed or dropped.
    pub async fn close_exclusive(mut self) -> Result<(), CloseExclusiveError<T>> {
        let record = self.ties_record();
        let sole = match self.take_held().into_sole() {
            Ok(sole) => sole,
            Err(held) => {
                let still = StillInUse::new(held, self.mark);
                return Err(CloseExclusiveError::InUse(still));
            }
        };
        record.remove(self.mark);
        let (outlet, pending) = outlet(&record);
        sole(outlet);
        pending
            .outcome()
            .await
            .map_err(CloseExclusiveError::Release)
    }

    /// A reference that does not keep the resource.
    #[must_use]
    pub fn downgrade(&self) -> WeakShared<T> {
        WeakShared::new(self.held())
    }

    /// Opens a resource that needs this one: it has a reference of its own, and is released first.
    #[track_caller]
    pub fn derive<U: Release>(&self, name: impl Into<Cow<'static, str>>, value: U) -> Shared<U>
    where
        T: 'static,
    {
        let place = Place::here();
        let keeps = Keeps {
            hold: None,
            parent: Some(self.dup_at(place.clone()).project(|_| &())),
        };
        let door = &self.held().ties().door;
        door.admit(name.into(), value, keeps, place)
    }

    /// Has something done just before the resource is released, such as to copy what is still
    /// needed of it.
    ///
    /// Hooks run one after the other, in the order in which they were registered, by the task that
    /// releases, or where [`Release::release_now`] runs; they must not wait. If one panics the
    /// others run, the value is released, and the release has failed.
    pub fn before_release(&self, act: impl FnOnce(&T) + Send + 'static) -> Hook {
        self.held().before_release(Box::new(act))
    }

    /// Makes of this reference one to a part of the value, or to the value as a trait object.
    ///
    /// `view` is called whenever the part is looked at. The reference counts as before: to keep
    /// both, take a [`dup`](Self::dup) first.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use std::fmt::Display;
    /// # use perennial::resource::Release;
    /// use perennial::resource::{Releaser, Shared};
    ///
    /// struct Session { user: String }
    /// # impl Release for Session {
    /// #     type Error = Infallible;
    /// #     async fn release(self) -> Result<(), Infallible> { Ok(()) }
    /// # }
    ///
    /// let releaser = Releaser::new();
    /// let session = releaser.open("session", Session { user: "eve".to_owned() });
    /// let user: Shared<str> = session.dup().project(|session| session.user.as_str());
    /// let shown: Shared<dyn Display> = session.project::<dyn Display>(|session| &session.user);
    /// assert_eq!(&*user, "eve");
    /// assert_eq!(shown.to_string(), "eve");
    /// ```
    pub fn project<U: ?Sized + 'static>(
        mut self,
        view: impl Fn(&T) -> &U + Send + Sync + 'static,
    ) -> Shared<U>
    where
        T: 'static,
    {
        let part = held::part(self.take_held(), Arc::new(view));
        Shared::new(part, self.mark)
    }

    /// How many references there are now.
    #[must_use]
    pub fn refs(&self) -> usize {
        self.record().refs()
    }

    /// The name of the resource.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.record().name
    }

    /// Closes this reference, and says what that leaves behind.
    pub(super) fn leave(mut self) -> Left {
        let held = self.take_held();
        let ties = held.ties();
        let left = match ties.record.remove(self.mark) {
            0 => {
                let (outlet, pending) = outlet(&ties.record);
                ties.await_outcome(outlet);
                Left::Last(pending)
            }
            others => Left::Others(others),
        };
        point();
        held.let_go();
        left
    }

    fn held(&self) -> &Arc<dyn Held<T>> {
        let held = self.held.as_ref();
        held.expect("a reference holds on until it is closed, and then it is gone")
    }

    /// Leaves nothing to drop.
    fn take_held(&mut self) -> Arc<dyn Held<T>> {
        let held = self.held.take();
        held.expect("a reference holds on until it is closed, and then it is gone")
    }

    fn record(&self) -> &Record {
        &self.held().ties().record
    }

    fn ties_record(&self) -> Arc<Record> {
        self.held().ties().record.clone()
    }
}

impl<T: Release> Shared<T> {
    /// Takes the value out if this is the only reference. It is not released, and its hooks do not
    /// run: it belongs to the caller. What it kept is let go of, its parent and its node.
    ///
    /// # Errors
    ///
    /// [`TakeError`] gives the reference back if there are others, and says where they were made;
    /// and if it is a part of another resource.
    pub fn take_exclusive(mut self) -> Result<T, TakeError<T>> {
        let record = self.ties_record();
        match self.take_held().into_value() {
            Ok(value) => {
                record.remove(self.mark);
                Ok(value)
            }
            Err(NotTaken::InUse(held)) => Err(TakeError::InUse(StillInUse::new(held, self.mark))),
            Err(NotTaken::Part(held)) => Err(TakeError::Part(Self::new(held, self.mark))),
        }
    }
}

impl<T: ?Sized> StillInUse<T> {
    fn new(held: Arc<dyn Held<T>>, mark: Mark) -> Self {
        let record = &held.ties().record;
        Self {
            // One that was closed meanwhile was in the way.
            others: record.refs().saturating_sub(1).max(1),
            holders: record.places(Some(mark)),
            reference: Shared::new(held, mark),
        }
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held().value()
    }
}

impl<T: ?Sized> Drop for Shared<T> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.ties().record.remove(self.mark);
            point();
            held.let_go();
        }
    }
}

impl<T: ?Sized> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name())
            .field("refs", &self.refs())
            .finish_non_exhaustive()
    }
}
