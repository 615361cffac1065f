//! A runtime of many threads, in real time.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

/// How long a test may take before it is said to hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on many threads, with a deadline.
pub(crate) fn on_many<F: Future<Output = ()>>(test: F) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build();
    let test = async { timeout(PATIENCE, test).await };
    runtime
        .expect("a runtime")
        .block_on(test)
        .expect("it hangs");
}
