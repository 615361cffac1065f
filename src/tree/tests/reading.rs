//! The table of R5, every cell.

use crate::exit::Exit;
use crate::tree::options::Restart;
use crate::tree::reading::{Reading, Returned, read};
use crate::tree::signal::Intent;
use crate::tree::state::{Down, Told};
use crate::tree::tests::world::{failure, panic};

/// The rows of R5, in its order: the first that matches decides, and `-` leaves the decision to the
/// rows below. A crash is a panic, or a task that vanished.
///
/// Nobody is told to stop by itself without being condemned; it reads as told by nobody.
const TABLE: &str = "
    told               condemned restart    intent   | ok         error      crash

    none,itself,group  yes       temporary  any      | failed     failed     failed
    none,itself,group  yes       any        any      | dead       dead       dead
    significant        any       any        any      | done       done       done
    terminate,remove   any       any        any      | terminated terminated terminated
    group,parent       any       temporary  any      | temporary  temporary  temporary
    group,parent       any       any        any      | canceled   canceled   canceled
    tree,restart       any       any        any      | canceled   canceled   canceled
    none,itself        no        any        done     | done       -          -
    none,itself        no        temporary  any      | finished   failed     failed
    none,itself        no        any        give_up  | give_up    give_up    give_up
    none,itself        no        any        restart  | restart    restart    dead
    none,itself        no        any        done     | -          dead       dead
    none,itself        no        transient  nothing  | done       dead       dead
    none,itself        no        any        nothing  | dead       dead       dead
";

const TOLD: [(&str, Option<Told>); 9] = [
    ("none", None),
    ("significant", Some(Told::Significant)),
    ("itself", Some(Told::Itself)),
    ("restart", Some(Told::Restart)),
    ("group", Some(Told::Group)),
    ("parent", Some(Told::Parent)),
    ("terminate", Some(Told::Terminate)),
    ("remove", Some(Told::Remove)),
    ("tree", Some(Told::Tree)),
];
const CONDEMNED: [(&str, bool); 2] = [("no", false), ("yes", true)];
const RESTART: [(&str, Restart); 3] = [
    ("permanent", Restart::Permanent),
    ("transient", Restart::Transient),
    ("temporary", Restart::Temporary),
];
const INTENT: [(&str, Intent); 4] = [
    ("nothing", Intent::Nothing),
    ("done", Intent::Done),
    ("restart", Intent::Restart),
    ("give_up", Intent::GiveUp),
];

#[test]
fn every_exit_is_read_as_the_table_says() {
    // R5. Every cell: told, condemned, restart, intent, exit.
    let exits = [
        (Exit::Returned, 0),
        (failure(), 1),
        (Exit::Panicked(panic()), 2),
        (Exit::Aborted, 2),
    ];
    let mut cells = 0;
    for (told_name, told) in TOLD {
        for (condemned_name, condemned) in CONDEMNED {
            for (restart_name, restart) in RESTART {
                for (intent_name, intent) in INTENT {
                    for (exit, column) in &exits {
                        let names = [told_name, condemned_name, restart_name, intent_name];
                        let returned = Returned {
                            told,
                            condemned,
                            intent,
                            restart,
                        };
                        let reading = read(exit, returned);
                        assert_eq!(reading, expected(names, *column), "{names:?}, {exit}");
                        cells += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cells, 9 * 2 * 3 * 4 * 4);
}

#[test]
fn a_stop_is_recognised_whatever_error_is_returned() {
    // R5. Decided by whether it was told to stop, never by the identity of the error.
    for exit in [
        failure(),
        Exit::Returned,
        Exit::Panicked(panic()),
        Exit::Aborted,
    ] {
        let returned = Returned {
            told: Some(Told::Parent),
            condemned: false,
            intent: Intent::Nothing,
            restart: Restart::Permanent,
        };
        assert_eq!(read(&exit, returned), Reading::Canceled);
        let returned = Returned {
            told: None,
            ..returned
        };
        assert_eq!(read(&exit, returned), Reading::Dead);
    }
}

/// Looks a cell up.
fn expected(names: [&str; 4], column: usize) -> Reading {
    let rows = TABLE
        .lines()
        .filter_map(|line| line.split_once('|'))
        .skip(1);
    for (left, right) in rows {
        let wanted: Vec<_> = left.split_whitespace().collect();
        let mut pairs = wanted.iter().zip(names);
        let matches =
            pairs.all(|(wanted, is)| *wanted == "any" || wanted.split(',').any(|one| one == is));
        let reading = right.split_whitespace().nth(column).unwrap();
        if matches && reading != "-" {
            return reading_named(reading);
        }
    }
    panic!("the table has no row for {names:?}");
}

fn reading_named(name: &str) -> Reading {
    match name {
        "dead" => Reading::Dead,
        "canceled" => Reading::Canceled,
        "done" => Reading::Done,
        "restart" => Reading::Restart,
        "give_up" => Reading::GiveUp,
        "finished" => Reading::Down(Down::Finished),
        "failed" => Reading::Down(Down::Failed),
        "temporary" => Reading::Down(Down::Temporary),
        "terminated" => Reading::Down(Down::Terminated),
        _ => panic!("{name} is no reading"),
    }
}
