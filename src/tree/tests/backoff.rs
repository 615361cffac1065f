//! How long a node waits before it starts again (R8, and the planned restart of R4).

use std::time::Duration;

use proptest::prelude::{any, prop_assert, proptest};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::tree::backoff::{Backoff, BackoffError};
use crate::tree::options::{Health, Options, Strategy};
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, plain, secs};

const fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn doubling() -> Backoff {
    Backoff::default()
        .initial(secs(1))
        .factor(2.0)
        .unwrap()
        .jitter(0.0)
        .unwrap()
}

/// A child `a` with this backoff under a healthy root.
fn with(backoff: Backoff) -> World {
    let mut world = World::new();
    let options = Options { backoff, ..plain() };
    world.child_with("root", "a", options);
    world.healthy("root");
    world
}

#[test]
fn the_defaults_are_those_of_the_rule() {
    // R8. 500 ms, growing by half, at most a minute, moved by up to half of it either way.
    let backoff = Backoff::default().jitter(0.0).unwrap();
    assert_eq!(backoff.nominal(1), millis(500));
    assert_eq!(backoff.nominal(2), millis(750));
    assert_eq!(backoff.nominal(3), millis(1125));
    assert_eq!(backoff.nominal(100), secs(60));
}

#[test]
fn no_failure_has_no_delay() {
    // R8.
    assert_eq!(Backoff::default().nominal(0), Duration::ZERO);
    assert_eq!(Backoff::none().nominal(u32::MAX), Duration::ZERO);
}

#[test]
fn the_delay_grows_up_to_the_cap() {
    // R8.
    let backoff = doubling().cap(secs(5));
    let delays = [1, 2, 3, 4, 5].map(|failures| backoff.nominal(failures).as_secs());
    assert_eq!(delays, [1, 2, 4, 5, 5]);
}

#[test]
fn no_number_of_failures_overflows() {
    // R8.
    let mut rng = SmallRng::seed_from_u64(1);
    for failures in [1000, i32::MAX as u32, u32::MAX] {
        assert_eq!(doubling().nominal(failures), secs(60));
        let boundless = doubling().cap(Duration::MAX).jitter(1.0).unwrap();
        assert_eq!(boundless.nominal(failures), Duration::MAX);
        assert!(boundless.draw(failures, &mut rng) <= Duration::MAX);
    }
}

#[test]
fn draws_are_spread_over_all_of_the_jitter() {
    // R8. Of 20 000 draws, each tenth of the range has about a tenth.
    let backoff = Backoff::constant(secs(10)).jitter(0.5).unwrap();
    let mut rng = SmallRng::seed_from_u64(0);
    let mut tenths = [0; 10];
    for _ in 0..20_000 {
        let above = backoff.draw(1, &mut rng) - secs(5);
        tenths[usize::try_from(above.as_secs()).unwrap()] += 1;
    }
    let is_fair = |draws: &i32| (1800..2200).contains(draws);
    assert!(tenths.iter().all(is_fair), "{tenths:?}");
}

#[test]
fn a_factor_or_jitter_that_makes_no_sense_is_refused() {
    // R8.
    for factor in [0.9, -1.0, f64::INFINITY] {
        assert_eq!(
            Backoff::default().factor(factor),
            Err(BackoffError::Factor(factor))
        );
    }
    assert!(Backoff::default().factor(f64::NAN).is_err());
    for jitter in [-0.1, 1.1] {
        assert_eq!(
            Backoff::default().jitter(jitter),
            Err(BackoffError::Jitter(jitter))
        );
    }
    assert!(Backoff::default().jitter(f64::NAN).is_err());
}

proptest! {
    #[test]
    fn a_draw_is_moved_by_at_most_the_jitter(
        failures in 1_u32..,
        jitter in 0.0..=1.0,
        seed in any::<u64>(),
    ) {
        // R8.
        let backoff = Backoff::default().jitter(jitter).unwrap();
        let nominal = backoff.nominal(failures).as_secs_f64();
        let drawn = backoff.draw(failures, &mut SmallRng::seed_from_u64(seed)).as_secs_f64();
        // A duration counts nanoseconds.
        let slack = 1e-8;
        prop_assert!(drawn >= nominal * (1.0 - jitter) - slack);
        prop_assert!(drawn <= nominal * (1.0 + jitter) + slack);
    }
}

#[test]
fn each_failure_in_a_row_waits_longer() {
    // R8.
    let mut world = with(doubling());
    for wait in [1, 2, 4] {
        world.healthy("a");
        world.fails("a");
        assert_eq!(world.due("a"), Some(secs(wait)));
        world.step();
    }
    assert_eq!(world.attempt("a"), 4);
}

#[test]
fn a_healthy_incarnation_breaks_the_row_at_its_exit() {
    // R8. Compared when it exits: no timer stands for it (L8).
    let mut world = with(doubling().reset_after(secs(30)));
    world.fails("a");
    world.step();
    world.healthy("a");
    assert_eq!(world.core.next_deadline(), None);
    world.passes(secs(30));
    assert_eq!(world.attempt("a"), 2);
    world.fails("a");
    assert_eq!((world.due("a"), world.attempt("a")), (Some(secs(1)), 2));
}

#[test]
fn an_incarnation_that_was_healthy_for_less_continues_the_row() {
    // R8. What counts is how long it was healthy, not how long it ran.
    let mut world = with(doubling().reset_after(secs(30)));
    world.fails("a");
    world.step();
    world.passes(secs(100));
    world.healthy("a");
    world.passes(secs(29));
    world.fails("a");
    assert_eq!((world.due("a"), world.attempt("a")), (Some(secs(2)), 3));
}

#[test]
fn the_row_is_broken_by_default_after_the_longer_of_ten_seconds_and_the_last_delay() {
    // R8.
    let mut world = with(doubling());
    world.fails("a");
    world.step();
    world.healthy("a");
    world.passes(secs(10));
    world.fails("a");
    assert_eq!(world.due("a"), Some(secs(1)));

    let mut world = with(Backoff::constant(secs(40)));
    world.fails("a");
    world.step();
    world.healthy("a");
    world.passes(secs(39));
    world.fails("a");
    assert_eq!(world.attempt("a"), 3);
}

#[test]
fn a_row_that_is_broken_takes_its_last_delay_along() {
    // R8. The death after it is absorbed, so nothing else replaces that delay.
    let backoff = Backoff::constant(secs(40));
    let mut world = with(backoff);
    world.fails("a");
    world.step();
    world.healthy("a");
    world.passes(secs(40));
    world.together(|world| {
        world.fails("a");
        world.fails("root");
    });
    let options = Options { backoff, ..plain() };
    world.child_with("root", "a", options);
    world.healthy("a");
    world.passes(secs(10));
    world.fails("a");
    assert_eq!(world.attempt("a"), 2);
}

#[test]
fn a_planned_restart_is_neither_counted_nor_delayed() {
    // R4. It ran for longer than the initial delay.
    let mut world = with(doubling());
    world.healthy("a");
    world.passes(secs(1));
    world.restarts("a");
    assert_eq!((world.state("a"), world.attempt("a")), (State::Starting, 1));
}

#[test]
fn a_planned_restart_right_after_the_start_waits_for_the_rest_of_the_initial_delay() {
    // R4. No hot loop.
    let mut world = with(doubling());
    world.passes(millis(400));
    world.restarts("a");
    assert_eq!(
        (world.state("a"), world.due("a")),
        (State::Waiting, Some(millis(600)))
    );
    world.step();
    assert_eq!((world.state("a"), world.attempt("a")), (State::Starting, 1));
}

#[test]
fn a_planned_restart_keeps_the_row_of_failures() {
    // R4, R8. It is not counted, and breaks no row.
    let mut world = with(doubling());
    world.fails("a");
    world.step();
    world.passes(secs(1));
    world.restarts("a");
    assert_eq!(world.attempt("a"), 2);
    world.fails("a");
    assert_eq!(world.due("a"), Some(secs(2)));
}

#[test]
fn code_that_does_not_signal_is_healthy_at_its_start() {
    // R4.
    let mut world = World::new();
    let options = Options {
        health: Health::AtStart,
        ..plain()
    };
    world.child_with("root", "a", options);
    assert_eq!(world.state("a"), State::Healthy);
}

#[test]
fn code_that_never_signals_keeps_its_backoff() {
    // R4, R8. However long it ran: it was never healthy.
    let mut world = with(doubling());
    for wait in [1, 2] {
        world.passes(secs(1000));
        world.fails("a");
        assert_eq!(world.due("a"), Some(secs(wait)));
        world.step();
    }
}

#[test]
fn a_fall_waits_for_the_longest_of_its_draws() {
    // R8. Two members died in it, each with a backoff of its own.
    for (a, b) in [(3, 9), (9, 3)] {
        let mut world = World::new();
        let members = vec![("a", delayed(a)), ("b", delayed(b))];
        world.group_with("root", Strategy::OneForAll, members);
        world.owned_panics("a");
        world.fails("b");
        world.returns("a");
        assert_eq!(
            (world.due("a"), world.due("b")),
            (Some(secs(9)), Some(secs(9)))
        );
    }
}

#[test]
fn an_extreme_delay_does_not_overflow_the_clock() {
    // R8.
    let mut world = World::new();
    let options = Options {
        backoff: Backoff::constant(Duration::MAX),
        ..delayed(0)
    };
    world.child_with("root", "a", options);
    world.passes(secs(1));
    world.fails("a");
    assert_eq!(world.core.next_deadline(), Some(Duration::MAX));
}
