//! The seam of the runtime: what another implementation stands in for under shuttle.

use crate::layers::references;
use crate::source::{Fault, Source};

/// Where the runtime takes from what it shares, waits on and spawns with.
const SEAM: &str = "src/runtime/sync";

/// What has another implementation under shuttle.
const SHARED: [&[&str]; 10] = [
    &["parking_lot"],
    &["std", "sync", "Condvar"],
    &["std", "sync", "Mutex"],
    &["std", "sync", "OnceLock"],
    &["std", "sync", "RwLock"],
    &["std", "sync", "atomic"],
    &["tokio", "runtime"],
    &["tokio", "sync"],
    &["tokio", "task"],
    &["tokio_util"],
];

/// The schedules of `.ci/schedules` turn to another task only in what goes through the seam.
pub(crate) fn beside_the_seam(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let runtime = |source: &&Source| {
        source.path.starts_with("src/runtime/") && !source.path.starts_with(SEAM)
    };
    for source in sources.iter().filter(runtime) {
        for reference in references(&source.parts().code) {
            let path = &reference.path;
            let begins = |shared: &&&[&str]| {
                path.len() >= shared.len() && path.iter().zip(**shared).all(|(a, b)| a == b)
            };
            if SHARED.iter().any(|shared| begins(&shared)) {
                let path = path.join("::");
                let what = format!("{path}: take it from {SEAM}.rs, which schedules know");
                faults.push(source.fault(reference.line, what));
            }
        }
    }
    faults
}
