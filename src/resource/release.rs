//! How a value is released.

use std::error::Error;
use std::time::Duration;

/// How long a release may take, unless the value says otherwise.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// How a value is released when the last reference to it is gone.
///
/// A release frees what the value stands for, and nothing else. What can be refused, such as a
/// commit, is a method that is called before: nobody may be left who could do something about it.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::path::PathBuf;
/// use perennial::resource::Release;
///
/// struct Workspace(PathBuf);
///
/// impl Release for Workspace {
///     type Error = io::Error;
///
///     async fn release(self) -> io::Result<()> {
///         tokio::task::spawn_blocking(|| std::fs::remove_dir_all(self.0)).await?
///     }
///
///     fn release_now(self) {
///         let _ = std::fs::remove_dir_all(self.0);
///     }
/// }
/// ```
pub trait Release: Send + Sync + Sized + 'static {
    /// Why a release fails; [`Infallible`](std::convert::Infallible) if it cannot.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Releases the value. It runs once, in a task of its own, without a lock, and may use
    /// references of its own, and any other of the crate's calls.
    ///
    /// The future is dropped when it takes longer than [`release_within`](Self::release_within),
    /// and what it has of the value with it.
    fn release(self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Releases the value as well as that can be done at once: no
    /// [`Releaser`](crate::resource::Releaser) stands any more, or none stood yet. By default it is
    /// dropped.
    ///
    /// It runs on the thread that gave the last reference away, or that finds that nobody will come
    /// for it any more, and must not wait.
    fn release_now(self) {}

    /// How long [`release`](Self::release) may take: 5 s by default. It is asked when the resource
    /// is opened.
    fn release_within(&self) -> Duration {
        RELEASE_WITHIN
    }
}
