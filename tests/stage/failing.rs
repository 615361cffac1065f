//! A test in a test, which has to fail.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The text of the panic that ends it.
pub(crate) fn text_of_failure(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("it should fail");
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
    text.expect("a panic with a text")
}
