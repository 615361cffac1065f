//! Children of one kind.

use std::fmt;
use std::sync::Arc;

use crate::name::{Name, NameError};
use crate::runtime::child::Child;
use crate::runtime::error::StartError;
use crate::runtime::panics::{self, Hook};
use crate::runtime::pool::Pool;
use crate::runtime::pool::cell::Called;
use crate::runtime::runnable::{Spec, Startable};

/// Starts children of one kind in a [`Pool`]; made by [`Pool::template`].
///
/// Whoever has it can start such children, and needs to know nothing of their code. Cheap to clone.
pub struct Template<A> {
    pool: Pool,
    make: Arc<dyn Fn(A) -> Spec + Send + Sync>,
}

impl<A> Template<A> {
    pub(super) fn new<C: Startable>(
        pool: Pool,
        make: impl Fn(A) -> C + Send + Sync + 'static,
    ) -> Self {
        Self {
            pool,
            make: Arc::new(move |argument| make(argument).into_child()),
        }
    }

    /// Starts a child for this argument; otherwise as [`Pool::start`].
    ///
    /// # Errors
    ///
    /// As [`Pool::start`], and [`StartError::Panicked`] if the template panics.
    pub fn start(&self, argument: A) -> Result<Child, StartError> {
        self.begin(Called::Numbered, argument)
    }

    /// Starts a child for this argument, under a name of its own; otherwise as
    /// [`Pool::start_named`].
    ///
    /// # Errors
    ///
    /// As [`Pool::start_named`], and [`StartError::Panicked`] if the template panics.
    pub fn start_named<N>(&self, name: N, argument: A) -> Result<Child, StartError>
    where
        N: TryInto<Name>,
        N::Error: Into<NameError>,
    {
        self.begin(Called::Named(name.try_into().map_err(Into::into)), argument)
    }

    fn begin(&self, called: Called, argument: A) -> Result<Child, StartError> {
        let spec = self.pool.made(|| (self.make)(argument))?;
        self.pool.cell.start(called, spec)
    }

    /// The pool.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Pool {
    /// What code of the user's makes for this pool.
    pub(in crate::runtime) fn made<T>(&self, make: impl FnOnce() -> T) -> Result<T, StartError> {
        let pool = self.path().ok_or(StartError::Undeclared)?;
        panics::catch(Hook::Loud, make).map_err(|(panic, payload)| {
            panics::drop_shielded(payload);
            StartError::Panicked { pool, panic }
        })
    }
}

impl<A> Clone for Template<A> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            make: self.make.clone(),
        }
    }
}

impl<A> fmt::Debug for Template<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
