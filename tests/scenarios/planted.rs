//! Faults for the check of the scenarios, each of which it has to find.

use crate::check;

const HEAD: &str =
    "# Title\n\n| number | name | verdict | how or why |\n| --- | --- | --- | --- |\n";

const GOOD: &str = "#[test]\nfn otp_01_02_it_starts() {}\n\n#[test]\nfn otp_r1_it_panics() {}\n";

const ROWS: [&str; 4] = [
    "| 01 | start | test | so |",
    "| 02 | order | test | so |",
    "| 100 | dynamic | pool | later |",
    "| R1 | panic | test | so |",
];

/// The faults of a table with these lines and of this source.
fn faults(rows: &[&str], source: &str) -> String {
    let table = format!("{HEAD}{}\n\n| other | table |\n", rows.join("\n"));
    check("otp", &table, &[source], rows.len())
        .expect_err("it has a fault")
        .join("\n")
}

#[test]
fn a_good_table_is_summed_up_in_a_line() {
    // Only the first table counts, and one test may serve several numbers.
    let table = format!(
        "{HEAD}{}\n| 101 | code | no | no code is changed |\n",
        ROWS[..3].join("\n")
    );
    let summary = check("otp", &table, &["#[test]\nfn otp_01_02_it_starts() {}"], 4);
    let expected = "otp: 4 scenarios: 2 by 1 tests, 1 for pools, 1 not translated";
    assert_eq!(summary.as_deref(), Ok(expected));
}

#[test]
fn a_number_without_a_test_is_found() {
    // Neither another function nor an ignored test is one.
    for source in [
        "#[test]\nfn otp_01_it_starts() {}\n#[test]\nfn otp_r1_it_panics() {}",
        "#[test]\nfn otp_01_r1_it_starts() {}\nfn otp_02_fixture() {}",
        "#[test]\nfn otp_01_r1_it_starts() {}\n#[test]\n#[ignore]\nfn otp_02_it_is_slow() {}",
        "#[test]\nfn otp_01_r1_it_starts() {}\n// #[test]\n// fn otp_02_it_was() {}",
    ] {
        assert_eq!(
            faults(&ROWS, source),
            "02: no test, so find one or a reason"
        );
    }
}

#[test]
fn a_test_of_a_wrong_number_is_found() {
    // Unknown, of a pool, not padded, or none at all.
    for (more, expected) in [
        ("otp_77_it_is", "77 has a test, and is not in the table"),
        ("otp_100_it_is", "100 has a test, and its verdict is pool"),
        (
            "otp_01_2_it_is",
            "otp_01_2_it_is: a number has two digits at least, as in the table",
        ),
        ("otp_it_is", "otp_it_is: it is for no number"),
    ] {
        let source = format!("{GOOD}#[test]\nfn {more}() {{}}\n");
        assert_eq!(faults(&ROWS, &source), expected);
    }
}

#[test]
fn a_test_of_another_suite_is_none_of_this_one() {
    // Each table has its own tests, which the beginning of their names tells.
    let table = format!("{HEAD}{}\n", ROWS[..2].join("\n"));
    let source = "#[test]\nfn sol_01_it_starts() {}\n#[test]\nfn otp_02_77_it_is() {}";
    let of_solver = check("sol", &table, &[source], 2);
    let expected = "02: no test, so find one or a reason".to_owned();
    assert_eq!(of_solver, Err(vec![expected]));
}

#[test]
fn a_bad_line_is_found() {
    // Each of its four cells is looked at.
    for (line, expected) in [
        (
            "| R2 | drop | no |  |",
            "R2: neither its name nor its reason may be empty",
        ),
        (
            "| R2 |  | no | why |",
            "R2: neither its name nor its reason may be empty",
        ),
        ("| R2 | drop | maybe | why |", "R2: \"maybe\" is no verdict"),
        (
            "| R2 | drop | no |",
            "four cells are expected: | R2 | drop | no |",
        ),
    ] {
        let rows = [&ROWS[..], &[line]].concat();
        assert!(
            faults(&rows, GOOD).starts_with(expected),
            "{}",
            faults(&rows, GOOD)
        );
    }
    let unpadded = [&["| 1 | start | pool | later |"], &ROWS[2..]].concat();
    let source = "#[test]\nfn otp_r1_it_panics() {}";
    assert!(faults(&unpadded, source).contains("\"1\" is no number of a scenario"));
}

#[test]
fn a_number_out_of_order_is_found() {
    // So is one that stands there twice.
    let [first, second, third, last] = ROWS;
    let swapped = [first, third, second, last];
    assert_eq!(faults(&swapped, GOOD), "02 stands after 100");
    let twice = [first, first, second, last];
    assert_eq!(faults(&twice, GOOD), "01 stands after 01");
    let rust_first = [last, first, second];
    assert_eq!(faults(&rust_first, GOOD), "01 stands after R1");
}

#[test]
fn a_lost_line_is_found() {
    // Its number went with its test.
    let table = format!("{HEAD}{}\n", ROWS[..3].join("\n"));
    let lost = check("otp", &table, &["#[test]\nfn otp_01_02_it_starts() {}"], 4);
    assert_eq!(lost, Err(vec!["3 scenarios: there are 4".to_owned()]));
}
