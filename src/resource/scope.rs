//! Many references that are closed together.

use std::fmt;

use crate::resource::error::{CloseError, ReleaseError};
use crate::resource::shared::Shared;

/// Keeps references to any resources, and closes them all, the last one first.
///
/// One that fails stops none of the others, and no error is lost. Dropped, it drops them in the
/// same order.
///
/// # Examples
///
/// ```
/// # use std::convert::Infallible;
/// # use perennial::resource::Release;
/// use perennial::resource::{CloseError, Releaser, Scope};
///
/// # struct Dir; struct File;
/// # impl Release for Dir {
/// #     type Error = Infallible;
/// #     async fn release(self) -> Result<(), Infallible> { Ok(()) }
/// # }
/// # impl Release for File {
/// #     type Error = Infallible;
/// #     async fn release(self) -> Result<(), Infallible> { Ok(()) }
/// # }
/// async fn work(releaser: &Releaser) -> Result<(), CloseError> {
///     let mut scope = Scope::new();
///     let dir = releaser.open("dir", Dir);
///     let file = releaser.open("file", File);
///     scope.keep(dir.dup());
///     scope.keep(file);
///     // ...
///     scope.close().await // the file, then the scope's reference to the directory
/// }
/// ```
#[derive(Default)]
pub struct Scope {
    kept: Vec<Shared<()>>,
    errors: Vec<ReleaseError>,
}

impl Scope {
    /// A scope that keeps nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a reference until the scope is closed.
    pub fn keep<T: ?Sized + 'static>(&mut self, reference: Shared<T>) {
        self.kept.push(reference.project(|_| &()));
    }

    /// Closes all references, the last one first.
    ///
    /// Closed again, it closes what it was given since, and says again what went wrong so far.
    ///
    /// # Errors
    ///
    /// [`CloseError`] with all that went wrong.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, it goes on where it was when it is called again; how a release
    /// went that was waited for is an event of the tree.
    pub async fn close(&mut self) -> Result<(), CloseError> {
        while let Some(reference) = self.kept.pop() {
            if let Err(error) = reference.close().await {
                self.errors.extend(error.into_errors());
            }
        }
        CloseError::gather(self.errors.clone())
    }
}

impl<T: ?Sized + 'static> Extend<Shared<T>> for Scope {
    fn extend<I: IntoIterator<Item = Shared<T>>>(&mut self, references: I) {
        references.into_iter().for_each(|one| self.keep(one));
    }
}

impl<T: ?Sized + 'static> FromIterator<Shared<T>> for Scope {
    fn from_iter<I: IntoIterator<Item = Shared<T>>>(references: I) -> Self {
        let mut scope = Self::new();
        scope.extend(references);
        scope
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        while let Some(reference) = self.kept.pop() {
            drop(reference);
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("kept", &self.kept)
            .field("errors", &self.errors)
            .finish()
    }
}
