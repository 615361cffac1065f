//! What the host takes while a program says a line of a gibibyte.

use std::fs;
use std::time::Instant;

use perennial::Backoff;

use crate::program::{FLOOD, LINE};
use crate::stage::stage;

const MESSAGE_MAX: usize = 1 << 20;

pub(crate) async fn measure() {
    let stage = stage(FLOOD, Backoff::none(), |builder| {
        builder.message_length_max(MESSAGE_MAX).stray_max(1)
    })
    .await;
    // From here on the peak is counted anew.
    fs::write("/proc/self/clear_refs", "5").expect("the system is Linux");
    let before = kibibytes("VmRSS:");
    let began = Instant::now();
    assert_eq!(stage.ask("anything").await, "said");
    let (took, peak) = (began.elapsed(), kibibytes("VmHWM:"));
    println!("a line of {} MiB, where a message has 1 MiB", LINE >> 20);
    println!(
        "  {} KiB more at the peak, over {before} KiB; passed over in {took:.1?}",
        peak.saturating_sub(before)
    );
    stage.end().await;
}

/// A number of the system about this process.
fn kibibytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the system is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.expect("it is in kibibytes")
}
