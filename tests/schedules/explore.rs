//! Plays one race in many schedules, or in one again.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `SCHEDULES` | how many for each test, half of them random, half by priorities (PCT) |
//! | `SCHEDULE` | the schedule to play again, as a failure prints it |

use std::env;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// Schedules of each test, unless the environment says otherwise.
const SCHEDULES: usize = 2_000;
/// How many times PCT changes its mind in a schedule, and one more.
const PCT_DEPTH: usize = 3;
/// No race here takes a tenth of that.
const STEPS_MAX: usize = 100_000;
const STACK_BYTES: usize = 1 << 18;

/// Plays a race. It fails if a schedule panics or comes to a stop before the race is over.
pub(crate) fn explore<F>(race: impl Fn() -> F + Clone + Send + Sync + 'static)
where
    F: Future<Output = ()>,
{
    let play = move || shuttle::future::block_on(race());
    let told = env::var("SCHEDULE").ok().filter(|it| !it.is_empty());
    if let Some(schedule) = told {
        run(ReplayScheduler::new_from_encoded(schedule.trim()), play);
        return;
    }
    let wanted = env::var("SCHEDULES").ok();
    let wanted = wanted.map(|text| text.parse().expect("SCHEDULES is a number"));
    let half = wanted.unwrap_or(SCHEDULES).div_ceil(2);
    let began = Instant::now();
    let played = run(RandomScheduler::new(half), play.clone())
        + run(PctScheduler::new(PCT_DEPTH, half), play);
    let seconds = began.elapsed().as_secs_f64();
    tell(&format!(
        "schedules {played:>8} in {seconds:>7.2} s, {:>6.0} a second: {}",
        played as f64 / seconds,
        test()
    ));
}

fn run(scheduler: impl Scheduler + 'static, play: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.stack_size = STACK_BYTES;
    config.silence_warnings = true;
    let played = catch_unwind(AssertUnwindSafe(|| {
        Runner::new(scheduler, config).run(play)
    }));
    played.unwrap_or_else(|panic| {
        tell(&format!(
            "{} failed. To play its schedule again, take it from the output of the test:\n    \
             SCHEDULE=.. bash .ci/schedules {}",
            test(),
            test()
        ));
        resume_unwind(panic)
    })
}

fn test() -> String {
    let thread = std::thread::current();
    thread.name().unwrap_or("a test").to_owned()
}

/// Says it whether the test passes or not.
fn tell(line: &str) {
    // Nobody else could be told.
    let _ = writeln!(std::io::stderr(), "{line}");
}
