//! Panics of supervised code: caught, with message, location and backtrace (R18).
//!
//! With `panic = "abort"` nothing can be caught: the process ends, as everywhere.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{
    AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook,
};
use std::sync::Once;

use crate::exit::Panic;
use crate::runtime::mailbox::Payload;
use crate::runtime::sync::thread_local;

/// Who hears of a panic in what this thread runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// Code that nobody supervises: the hook that was there before ours.
    Unsupervised,
    /// Supervised code, and nobody listens to the tree: the hook before ours, and the evidence.
    Loud,
    /// Supervised code, and somebody listens to the tree: only the evidence.
    Silent,
}

/// What this thread runs now, and whether a panic was seen in it.
#[derive(Clone, Copy)]
struct Watch {
    hook: Hook,
    has_seen: bool,
}

thread_local! {
    static WATCH: Cell<Watch> = const { Cell::new(Watch::new(Hook::Unsupervised)) };
    // Apart, as it needs a look at whether it is there: it is seldom touched.
    static SEEN: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

impl Watch {
    const fn new(hook: Hook) -> Self {
        Self {
            hook,
            has_seen: false,
        }
    }
}

/// Installs the panic hook, once in a process. It chains to the one that was there before it.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            // A thread that is being torn down has no supervised code.
            let watch = WATCH.try_with(Cell::get);
            let hook = watch.map_or(Hook::Unsupervised, |watch| watch.hook);
            if hook != Hook::Unsupervised {
                see(info);
            }
            if hook != Hook::Silent {
                previous(info);
            }
        }));
    });
}

fn see(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    let message = message(info.payload());
    keep_seen(Panic::with_backtrace(
        message,
        location,
        Backtrace::capture(),
    ));
}

fn keep_seen(panic: Panic) {
    // A thread that is being torn down has no place for what was seen.
    let _ = SEEN.try_with(|seen| {
        seen.replace(Some(panic));
        WATCH.with(|watch| {
            watch.set(Watch {
                has_seen: true,
                ..watch.get()
            });
        });
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a payload that is no text").to_owned()
}

/// Runs supervised code, and catches its panic.
pub(crate) fn catch<T>(hook: Hook, run: impl FnOnce() -> T) -> Result<T, (Panic, Payload)> {
    let outer = WATCH.with(|watch| watch.replace(Watch::new(hook)));
    let outer_seen = take_seen(outer);
    let result = catch_unwind(AssertUnwindSafe(run));
    let seen = take_seen(WATCH.with(|watch| watch.replace(outer)));
    if outer_seen.is_some() {
        SEEN.with(|seen| seen.replace(outer_seen));
    }
    result.map_err(|payload| {
        let text = message(payload.as_ref());
        // The hook does not see what is resumed, and the code may have caught what it saw.
        let seen = seen.filter(|seen| seen.message() == text);
        (seen.unwrap_or_else(|| Panic::new(text, None)), payload)
    })
}

fn take_seen(watch: Watch) -> Option<Panic> {
    watch.has_seen.then(|| SEEN.with(RefCell::take)).flatten()
}

impl Panic {
    /// Runs code, and catches its panic.
    ///
    /// Where that was is known in a process that has started a
    /// [`Supervisor`](crate::Supervisor). In a tree that somebody listens to, a panic that is
    /// caught is not printed, as those of nodes are not: it is the caller's to tell.
    ///
    /// # Errors
    ///
    /// The panic. Its payload is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use perennial::Panic;
    ///
    /// let panic = Panic::catch(|| panic!("no more ink")).unwrap_err();
    /// assert_eq!(panic.message(), "no more ink");
    /// ```
    pub fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Self> {
        let hook = match WATCH.with(Cell::get).hook {
            Hook::Unsupervised => Hook::Loud,
            supervised => supervised,
        };
        catch(hook, run).map_err(|(panic, payload)| {
            drop_shielded(payload);
            panic
        })
    }
}

/// Goes on with a panic that was caught on another thread, with what was seen of it there.
pub(crate) fn resume(panic: Panic, payload: Payload) -> ! {
    keep_seen(panic);
    resume_unwind(payload)
}

/// Runs code of the user's in the processor, such as the drop of a runnable or the text of an
/// error. Its panic is worth the hook's line, and stops nothing else.
pub(crate) fn shield<T>(run: impl FnOnce() -> T) -> Option<T> {
    match catch(Hook::Loud, run) {
        Ok(value) => Some(value),
        Err((_, payload)) => {
            // A payload may panic when it is dropped, and so may what that throws.
            std::mem::forget(payload);
            None
        }
    }
}

/// Drops what may run code of the user's.
pub(crate) fn drop_shielded<T>(value: T) {
    let _ = shield(|| drop(value));
}
