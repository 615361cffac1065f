//! What is written to the log.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

thread_local! {
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Keeps what this thread writes to the log.
pub(crate) struct Written(());

/// Where all threads write to. One subscriber for the program: what a test sees of one of its own
/// depends on what other tests have logged before.
struct Kept;

impl Written {
    /// Keeps it from now on.
    pub(crate) fn keep() -> Self {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            let all = tracing_subscriber::fmt().with_ansi(false);
            all.with_writer(|| Kept).init();
        });
        KEPT.set(Some(Vec::new()));
        Self(())
    }

    /// Takes out what was written so far.
    pub(crate) fn take(&self) -> String {
        let bytes = KEPT.replace(Some(Vec::new()));
        String::from_utf8(bytes.unwrap_or_default()).expect("text")
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        KEPT.take();
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A thread that ends may have none any more.
        let _ = KEPT.try_with(|kept| {
            if let Some(kept) = &mut *kept.borrow_mut() {
                kept.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
