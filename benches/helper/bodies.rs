//! Small calls while large bodies are written to the same program: one message is written at a
//! time, so a small one waits behind a large one.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::future::join_all;
use perennial::Backoff;

use crate::figures::percentile;
use crate::program::ANSWER;
use crate::stage::stage;

const BODY: usize = 20_000_000;
const BODIES: usize = 20;
const CALLERS: usize = 8;

pub(crate) async fn measure() {
    let limit = 2 * BODY;
    let stage = stage(ANSWER, Backoff::none(), |builder| {
        builder.message_length_max(limit)
    });
    let stage = &stage.await;
    let body = &"x".repeat(BODY);
    let send = async || {
        let mut times = Vec::new();
        for _ in 0..BODIES {
            let began = Instant::now();
            stage.ask(body).await;
            times.push(began.elapsed());
        }
        percentile(&mut times, 50)
    };
    let alone = send().await;
    let is_over = &Cell::new(false);
    let bodies = async {
        let whole = send().await;
        is_over.set(true);
        whole
    };
    let callers = join_all((0..CALLERS).map(async |_| {
        let mut times = Vec::new();
        while !is_over.get() {
            let began = Instant::now();
            stage.ask("small").await;
            times.push(began.elapsed());
        }
        times
    }));
    let (whole, small) = tokio::join!(bodies, callers);
    let mut small: Vec<Duration> = small.concat();
    let (p50, p99) = (percentile(&mut small, 50), percentile(&mut small, 99));
    println!("bodies of 20 MB, {BODIES} of them, and {CALLERS} callers of small calls");
    println!("  a body alone {alone:.1?}, beside small calls {whole:.1?} (p50)");
    println!(
        "  small calls beside bodies: p50 {p50:.1?}, p99 {p99:.1?}, {} of them",
        small.len()
    );
    let ratio = p99.as_secs_f64() / whole.as_secs_f64();
    println!("  p99 of small calls over the time of a whole body: {ratio:.2}");
}
