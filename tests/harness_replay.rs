//! The harness: a failure is told with what plays it again, and the same seed gives the same log.
#![cfg(feature = "testing")]

#[path = "stage/serve.rs"]
mod stage;

use std::collections::BTreeSet;
use std::env;
use std::process::Command;
use std::time::Duration;

use perennial::testing::{Fault, Harness, SEED_VARIABLE, Storm, assert_text};
use perennial::{Context, RunError, Strategy, runnable};
use stage::serve;

/// Set for the tests that this file runs again, in a process of their own.
const AGAIN: &str = "PERENNIAL_TEST_AGAIN";

/// Children alone, a group, and a pool with children.
async fn root(ctx: Context) -> Result<(), RunError> {
    for name in ["a", "b"] {
        ctx.run(name, serve)?;
    }
    ctx.group("pair", Strategy::OneForAll)
        .run("c", runnable(serve).grace(Duration::from_secs(1)))
        .run("d", serve)
        .start()?;
    let pool = ctx.pool("pool")?;
    for _ in 0..5 {
        // Nothing refuses them: the pool has just been declared.
        let _ = pool.start(serve);
    }
    ctx.done();
    Ok(())
}

/// The log of a storm, and how the tree looked after it.
fn storm(seed: u64) -> String {
    Harness::run(Some(seed), |h| async move {
        h.start(root);
        let storm = Storm::lasting(Duration::from_secs(120))
            .kills(0.5)
            .errors(0.5)
            .panics(0.2)
            .hangs(0.1)
            .blocks(0.1, Duration::from_millis(250))
            .slow_starts(0.2, Duration::from_millis(700))
            .slow_stops(0.2, Duration::from_millis(1300));
        h.storm(storm).await;
        h.settled().await;
        let strikes: Vec<_> = h.strikes().iter().map(ToString::to_string).collect();
        let (log, tree) = (h.log(), h.snapshot().await);
        format!("{}\n{log}\n{tree}\n", strikes.join("\n"))
    })
}

/// Runs a test of this file again, in a process with other hash seeds and another address layout.
fn again(test: &str, set: &[(&str, &str)]) -> (bool, String) {
    let program = env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command
        .args(["--exact", test, "--nocapture"])
        .env(AGAIN, "1");
    command.env_remove(SEED_VARIABLE);
    command.envs(set.iter().copied());
    let output = command.output().expect("this program can be run");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn is_again() -> bool {
    env::var_os(AGAIN).is_some()
}

#[test]
fn the_same_seed_gives_the_same_log_in_one_process() {
    // L7. And another seed gives another.
    for seed in 0..20 {
        assert_text(storm(seed), &storm(seed));
    }
    assert_ne!(storm(1), storm(2));
}

#[test]
fn the_same_seed_gives_the_same_log_in_every_process() {
    // L7. Hash seeds and addresses differ from one process to the next.
    if is_again() {
        return println!("<log>{}</log>", storm(42));
    }
    let log = |()| {
        let (_, text) = again("the_same_seed_gives_the_same_log_in_every_process", &[]);
        let (_, rest) = text.split_once("<log>").expect("it prints a log");
        rest.split_once("</log>").expect("to the end").0.to_owned()
    };
    let logs: BTreeSet<_> = [(); 5].map(log).into();
    assert_eq!(logs.len(), 1, "{logs:#?}");
    assert!(logs.contains(&storm(42)), "as in this process");
}

#[test]
fn a_failure_is_played_again_by_the_command_that_it_prints() {
    // L7. Run again, the test fails for about every second seed.
    if is_again() {
        return Harness::run(None, |h| async move {
            h.start(root);
            h.settled().await;
            h.inject(Fault::kill("root.a"));
            let delay = h.advance_to_next().await.expect("a restart is due");
            println!("<delay>{delay:?}</delay>");
            assert!(delay < Duration::from_millis(500), "unlucky");
        });
    }
    let name = "a_failure_is_played_again_by_the_command_that_it_prints";
    let delay = |text: &str| {
        let (_, rest) = text.split_once("<delay>").expect("it prints the delay");
        rest.split_once("</delay>")
            .expect("to the end")
            .0
            .to_owned()
    };
    let mut runs = (0..100).map(|_| again(name, &[]));
    let failed = runs.find(|(is_ok, _)| !is_ok);
    let (_, text) = failed.expect("of a hundred runs one has no luck");
    let (_, command) = text
        .split_once("play it again with: ")
        .expect("it says how");
    let command = command.lines().next().expect("in one line");
    let (variable, rest) = command.split_once(' ').expect("a variable, a command");
    assert_eq!(rest, format!("cargo test -p perennial -- --exact {name}"));
    let (key, seed) = variable.split_once('=').expect("a name, a value");
    for _ in 0..3 {
        let (is_ok, replayed) = again(name, &[(key, seed)]);
        assert!(!is_ok && replayed.contains("unlucky"), "{replayed}");
        assert_eq!(delay(&replayed), delay(&text));
    }
}

#[test]
fn a_failure_shows_the_tree_its_last_events_and_what_struck() {
    // R17, L7. Run again, the test fails.
    if is_again() {
        return Harness::run(None, |h| async move {
            h.start(root);
            h.settled().await;
            h.inject(Fault::error("root.b"));
            h.settled().await;
            panic!("as it must");
        });
    }
    let name = "a_failure_shows_the_tree_its_last_events_and_what_struck";
    let (is_ok, text) = again(name, &[]);
    assert!(!is_ok);
    let parts = [
        "as it must",
        "the tree:\nroot #1 done\n  a #2 healthy",
        "root.b failed while healthy: injected error",
        "root.b #3 struck by error",
        "play it again with: PERENNIAL_SEED=",
    ];
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn a_test_that_returns_an_error_tells_its_seed() -> anyhow::Result<()> {
    // L7. A panic is not the only failure. Run again, the test fails.
    if is_again() {
        return Harness::run(None, |h| async move {
            h.start(root);
            h.settled().await;
            anyhow::bail!("the service is wrong")
        });
    }
    let (is_ok, text) = again("a_test_that_returns_an_error_tells_its_seed", &[]);
    assert!(!is_ok && text.contains("the service is wrong"), "{text}");
    assert!(text.contains("PERENNIAL_SEED="), "{text}");
    Ok(())
}

#[test]
fn the_events_of_a_failed_test_fit_the_tree_beside_them() {
    // R17. Also of one that fails before the tree ran at all, as when it is run again.
    if is_again() {
        return Harness::run(None, |h| async move {
            h.start(root);
            panic!("at once");
        });
    }
    let name = "the_events_of_a_failed_test_fit_the_tree_beside_them";
    let (is_ok, text) = again(name, &[]);
    assert!(!is_ok && text.contains("root #1 declared"), "{text}");
}

#[test]
fn a_seed_that_is_no_number_is_told() {
    // L7. It would not play anything again.
    if is_again() {
        return Harness::run(None, |_| async {});
    }
    let name = "a_seed_that_is_no_number_is_told";
    let (is_ok, text) = again(name, &[(SEED_VARIABLE, "lucky")]);
    assert!(!is_ok);
    assert!(
        text.contains("PERENNIAL_SEED is \"lucky\", which is no number of 64 bits"),
        "{text}"
    );
}

#[test]
fn the_seed_of_the_environment_comes_before_the_one_that_was_chosen() {
    // L7. Else a test with many seeds could not be played again with one.
    if is_again() {
        return Harness::run(Some(1), |h| async move { println!("<{}>", h.seed()) });
    }
    let name = "the_seed_of_the_environment_comes_before_the_one_that_was_chosen";
    assert!(again(name, &[]).1.contains("<1>"));
    assert!(again(name, &[(SEED_VARIABLE, "77")]).1.contains("<77>"));
}

#[test]
#[should_panic(expected = "- root #1 healthy\n+ root #1 done\n")]
fn a_text_that_differs_is_told_line_by_line() {
    // R17. Only what differs is marked.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            ctx.run("a", serve)?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.settled().await;
        assert_text(
            h.snapshot().await,
            "
            root #1 healthy
              a #2 healthy
            ",
        );
    });
}

/// Which of two branches a `select!` without `biased` took, each time.
#[cfg(tokio_unstable)]
fn picks(seed: u64) -> Vec<bool> {
    use std::future::ready;

    Harness::run(Some(seed), |_| async {
        let mut picks = Vec::new();
        for _ in 0..100 {
            picks.push(tokio::select! {
                () = ready(()) => true,
                () = ready(()) => false,
            });
        }
        picks
    })
}

#[cfg(tokio_unstable)]
#[test]
fn an_unbiased_select_draws_from_the_seed() {
    // L7. Only then can tokio be given one.
    assert_eq!(picks(1), picks(1));
    assert_ne!(picks(1), picks(2));
}
