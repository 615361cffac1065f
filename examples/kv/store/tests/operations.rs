//! Operations on keys that do not expire.

use std::time::Instant;

use bytes::Bytes;

use super::{data, ms, set};
use crate::store::{Condition, Data, Figures, IncrementError, Lifetime};

#[test]
fn what_was_set_is_read() {
    let (mut data, now) = data(&[("a", "1"), ("b", "2")]);
    assert_eq!(data.get(b"a", now).as_deref(), Some(b"1".as_slice()));
    assert_eq!(data.get(b"c", now), None);
}

#[test]
fn setting_again_replaces_the_value_and_its_time() {
    let (mut data, now) = data(&[]);
    set(&mut data, "a", "1", Some(now + ms(10)), now);
    set(&mut data, "a", "22", None, now);
    assert_eq!(data.get(b"a", now).as_deref(), Some(b"22".as_slice()));
    assert_eq!(data.lifetime(b"a", now), Lifetime::Endless);
    assert_eq!(data.next_due(), None);
}

#[test]
fn a_condition_decides_whether_a_key_is_set() {
    for (condition, present, absent) in [
        (Condition::Always, true, true),
        (Condition::IfAbsent, false, true),
        (Condition::IfPresent, true, false),
    ] {
        let (mut data, now) = data(&[("there", "1")]);
        assert_eq!(
            data.set(b"there", b"2", None, condition, now),
            present,
            "{condition:?}"
        );
        assert_eq!(
            data.set(b"not", b"2", None, condition, now),
            absent,
            "{condition:?}"
        );
        assert_eq!(data.get(b"there", now).as_deref() == Some(b"2"), present);
        assert_eq!(data.contains(b"not", now), absent);
    }
}

#[test]
fn what_is_stored_does_not_keep_the_buffer_it_came_in() {
    let (mut data, now) = data(&[]);
    let buffer = Bytes::from(vec![b'x'; 1 << 20]);
    assert!(data.set(&buffer[..1], &buffer[1..2], None, Condition::Always, now));
    assert!(buffer.is_unique());
}

#[test]
fn a_removed_key_is_gone() {
    let (mut data, now) = data(&[("a", "1")]);
    assert!(data.remove(b"a", now));
    assert!(!data.remove(b"a", now));
    assert!(!data.contains(b"a", now));
    data.entries.check_invariants();
}

#[test]
fn a_number_is_counted_up() {
    let (mut data, now) = data(&[("a", "-1"), ("b", "41")]);
    assert_eq!(data.increment(b"a", now), Ok(0));
    assert_eq!(data.increment(b"b", now), Ok(42));
    assert_eq!(data.get(b"b", now).as_deref(), Some(b"42".as_slice()));
    data.entries.check_invariants();
}

#[test]
fn an_absent_number_counts_as_zero() {
    let (mut data, now) = data(&[]);
    assert_eq!(data.increment(b"a", now), Ok(1));
    assert_eq!(data.lifetime(b"a", now), Lifetime::Endless);
}

#[test]
fn what_is_no_number_is_not_counted_up() {
    for value in ["", "one", "1.5", " 1", "9223372036854775808"] {
        let (mut data, now) = data(&[("a", value)]);
        assert_eq!(data.increment(b"a", now), Err(IncrementError::NotAnInteger));
        assert_eq!(data.get(b"a", now).as_deref(), Some(value.as_bytes()));
    }
}

#[test]
fn the_greatest_number_is_not_counted_up() {
    let greatest = i64::MAX.to_string();
    let (mut data, now) = data(&[("a", &greatest)]);
    assert_eq!(data.increment(b"a", now), Err(IncrementError::Overflow));
    assert_eq!(data.get(b"a", now).as_deref(), Some(greatest.as_bytes()));
}

#[test]
fn matching_keys_are_listed_in_order() {
    let (data, now) = data(&[("b1", ""), ("a", ""), ("b3", ""), ("b2", "")]);
    assert_eq!(data.keys(b"b?", now), ["b1", "b2", "b3"]);
    assert_eq!(data.keys(b"*", now).len(), 4);
    assert!(data.keys(b"c*", now).is_empty());
}

#[test]
fn clearing_removes_everything() {
    let (mut data, now) = data(&[("a", "1")]);
    set(&mut data, "b", "2", Some(now + ms(1)), now);
    data.clear();
    assert_eq!(data.key_count(now), 0);
    assert_eq!(data.next_due(), None);
    data.entries.check_invariants();
}

#[test]
fn the_figures_tell_what_happened() {
    let now = Instant::now();
    let mut data = Data::default();
    set(&mut data, "a", "123", None, now);
    set(&mut data, "bb", "4", Some(now + ms(10)), now);
    set(&mut data, "cc", "5", Some(now + ms(1)), now);
    assert!(data.get(b"a", now).is_some());
    assert!(data.get(b"nothing", now).is_none());
    assert!(data.get(b"nothing", now).is_none());
    let figures = Figures {
        key_count: 2,
        expiring_count: 1,
        bytes: 4 + 3,
        expired_count: 1,
        hit_count: 1,
        miss_count: 2,
    };
    assert_eq!(data.figures(now + ms(5)), figures);
}
