//! What a log has of starts (scenario 124 of `otp/scenarios.md`). A `tracing` subscriber is shared
//! by all threads in part, so this test has a process of its own.
#![cfg(feature = "testing")]

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{Backoff, Context, RunError, What, runnable};
use tracing_subscriber::filter::LevelFilter;

/// What a subscriber has written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// The lines since the last look.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock());
        let text = String::from_utf8(bytes).expect("it is text");
        text.lines().map(str::to_owned).collect()
    }
}

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

async fn root(ctx: Context) -> Result<(), RunError> {
    for number in 0..1000 {
        ctx.run(
            format!("n{number}"),
            runnable(serve).backoff(Backoff::none()),
        )?;
    }
    ctx.done();
    Ok(())
}

#[test]
fn otp_124_many_starts_do_not_flood_a_log_and_a_restart_is_in_it() {
    // R17. Each start is an event; in a log of level info there are only restarts.
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_writer(move || writer.clone())
        .finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let log = h.log();
        let starts = log
            .iter()
            .filter(|event| matches!(event.what, What::Starting { .. }));
        assert_eq!((starts.count(), written.take()), (1001, vec![]));
        h.inject(Fault::error("root.n7"));
        h.settled().await;
        let lines = written.take();
        let [died, scheduled, started] = &lines[..] else {
            panic!("one line for the death, and two for its answer: {lines:#?}");
        };
        assert!(
            died.contains(" WARN") && died.contains("root.n7 failed while healthy"),
            "{died}"
        );
        assert!(scheduled.contains(" INFO") && scheduled.contains("restart scheduled, attempt 2"));
        assert!(
            started.contains(" INFO") && started.contains("started again"),
            "{started}"
        );
    });
}
