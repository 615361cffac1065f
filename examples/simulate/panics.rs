//! A panic of the core is a failure of its world like any other.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps panics off the terminal: they are reported with their history.
pub(crate) fn keep_panics() {
    set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        PLACE.with(|text| *text.borrow_mut() = place.unwrap_or_default());
    }));
}

/// Makes a panic a reason like the others.
pub(crate) fn caught(play: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| Some((*payload.downcast_ref::<&str>()?).to_owned()));
        let place = PLACE.with(|text| text.take());
        Err(format!("{}\n  {place}", text.unwrap_or_default()))
    })
}
