//! What an incarnation owns besides its own code: tasks and holds (R14).

use std::borrow::Cow;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll, ready};

use tokio::sync::oneshot;

use crate::path::Path;
use crate::runtime::error::{OwnError, OwnedError};
use crate::runtime::incarnation::Life;
use crate::runtime::ledger;
use crate::runtime::mailbox::Message;
use crate::runtime::task::{self as tasks, Ran};

/// A handle of a task that an incarnation owns: a future of the task's output.
///
/// Dropping it does not stop the task.
pub struct Owned<T> {
    output: oneshot::Receiver<Result<T, OwnedError>>,
    path: Path,
}

impl<T> Future for Owned<T> {
    type Output = Result<T, OwnedError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let output = ready!(Pin::new(&mut self.output).poll(cx));
        let aborted = || OwnedError::Aborted {
            path: self.path.clone(),
        };
        Poll::Ready(output.unwrap_or_else(|_| Err(aborted())))
    }
}

impl<T> fmt::Debug for Owned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owned")
            .field("by", &self.path)
            .finish_non_exhaustive()
    }
}

/// Keeps an incarnation from having ended, until it is dropped.
///
/// It can be sent anywhere, to a thread or into a process's guard.
#[must_use = "a hold that is dropped at once holds nothing"]
pub struct Hold {
    life: Arc<Life>,
    key: u64,
    what: Cow<'static, str>,
}

impl Hold {
    /// The name under which it is leaked if it does not end.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.life.disown(self.key);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hold({:?} of {:?})", self.what, self.life)
    }
}

pub(super) fn hold(life: &Arc<Life>, what: Cow<'static, str>) -> Result<Hold, OwnError> {
    let key = life.own(ledger::Owned::Hold(what.clone()))?;
    Ok(Hold {
        life: life.clone(),
        key,
        what,
    })
}

pub(super) fn spawn<F>(life: &Arc<Life>, future: F) -> Result<Owned<F::Output>, OwnError>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let key = life.own(ledger::Owned::Task(None))?;
    let guard = Hold {
        life: life.clone(),
        key,
        what: Cow::Borrowed("task"),
    };
    let (reply, output) = oneshot::channel();
    let path = life.path().clone();
    let abort = tasks::spawn(async move {
        // Dropped last: the task has ended when its future and its output are gone.
        let guard = guard;
        run(&guard.life, future, reply).await;
    });
    let mut ledger = life.ledger();
    if ledger.is_aborted {
        abort.abort();
    } else if let Some(ledger::Owned::Task(handle)) = ledger.owned.get_mut(&key) {
        *handle = Some(abort);
    }
    drop(ledger);
    Ok(Owned { output, path })
}

async fn run<F: Future>(
    life: &Arc<Life>,
    future: F,
    reply: oneshot::Sender<Result<F::Output, OwnedError>>,
) {
    let path = || life.path().clone();
    let result = match tasks::poll_supervised(life, pin!(Some(future))).await {
        Ran::Returned(output) => Ok(output),
        Ran::Abandoned => Err(OwnedError::Aborted { path: path() }),
        Ran::Panicked(panic, payload) => {
            let told = panic.clone();
            life.shared.mailbox.tell(Message::OwnedPanicked {
                id: life.id(),
                panic: told,
                payload,
            });
            Err(OwnedError::Panicked {
                path: path(),
                panic,
            })
        }
    };
    // Nobody may want the output any more.
    drop(reply.send(result));
}
