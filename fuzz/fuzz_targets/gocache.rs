//! Messages of Go's build cache, read by both sides.

#![no_main]

#[path = "../../tests/helper/gocache_checks.rs"]
mod gocache_checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| gocache_checks::check(stream));
