//! What an incarnation owns besides its own code: tasks and holds (R14).

use std::borrow::Cow;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll, ready};

use crate::exit::Panic;
use crate::path::Path;
use crate::runtime::error::{OwnError, OwnedError};
use crate::runtime::incarnation::Life;
use crate::runtime::ledger::Belonging;
use crate::runtime::mailbox::{Message, Payload};
use crate::runtime::sync::oneshot;
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
    pub(super) life: Arc<Life>,
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
    let key = life.own(Belonging::Hold(what.clone()))?;
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
    let key = life.own(Belonging::Task(None))?;
    let guard = Hold {
        life: life.clone(),
        key,
        what: Cow::Borrowed("task"),
    };
    let (reply, output) = oneshot::channel();
    let path = life.path().clone();
    let task = Task {
        future,
        reply,
        guard,
    };
    let abort = tasks::spawn(&life.shared.runtime, task.run());
    let mut ledger = life.ledger();
    if ledger.is_aborted {
        abort.abort();
    } else if let Some(Belonging::Task(handle)) = ledger.owned.get_mut(&key) {
        *handle = Some(abort);
    }
    drop(ledger);
    Ok(Owned { output, path })
}

/// An owned task. Its fields are dropped in this order: it has ended when its future is gone.
struct Task<F: Future> {
    future: F,
    reply: oneshot::Sender<Result<F::Output, OwnedError>>,
    guard: Hold,
}

impl<F: Future> Task<F> {
    async fn run(self) {
        // Dropped last, too.
        let guard = self.guard;
        let life = &guard.life;
        let scope = life.scope();
        let mut code = pin!(Some(self.future));
        let ran = tasks::poll_supervised(life, &scope, code.as_mut()).await;
        let ran = ran.and_then(|output| {
            let dropped = tasks::supervise(life, &scope, || code.set(None));
            dropped.and_then(|()| Ran::Returned(output))
        });
        let result = match ran {
            Ran::Returned(output) => Ok(output),
            Ran::Abandoned => Err(OwnedError::Aborted {
                path: life.path().clone(),
            }),
            Ran::Panicked(panic, payload) => Err(fail(life, panic, payload)),
        };
        // If nobody wants the output, dropping it runs code of the user's.
        let reply = self.reply;
        let replied = tasks::supervise(life, &scope, || drop(reply.send(result)));
        if let Ran::Panicked(panic, payload) = replied {
            fail(life, panic, payload);
        }
    }
}

/// Tells the tree of a panic, which fails the owner.
pub(super) fn fail(life: &Life, panic: Panic, payload: Payload) -> OwnedError {
    let (id, path) = (life.id(), life.path().clone());
    let told = Message::OwnedPanicked {
        id,
        panic: panic.clone(),
        payload,
    };
    life.shared.mailbox.tell(told);
    OwnedError::Panicked { path, panic }
}
