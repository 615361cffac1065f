//! Keys that expire.

use std::time::Instant;

use super::{data, ms, set};
use crate::store::{Condition, Data, Lifetime};

/// Data in which `a` expires 10 ms after the time that is answered with it.
fn expiring() -> (Data, Instant) {
    let (mut data, now) = data(&[]);
    set(&mut data, "a", "1", Some(now + ms(10)), now);
    (data, now)
}

#[test]
fn a_key_is_there_until_its_time_has_come() {
    let (mut data, now) = expiring();
    assert!(data.contains(b"a", now + ms(9)));
    assert!(!data.contains(b"a", now + ms(10)));
}

#[test]
fn every_operation_takes_a_due_key_for_absent() {
    let due = |now| now + ms(10);
    let check = |verdict: fn(&mut Data, Instant) -> bool| {
        let (mut data, now) = expiring();
        assert!(verdict(&mut data, due(now)));
        data.entries.check_invariants();
    };
    check(|data, now| data.get(b"a", now).is_none());
    check(|data, now| !data.contains(b"a", now));
    check(|data, now| !data.remove(b"a", now));
    check(|data, now| !data.expire(b"a", now + ms(5), now));
    check(|data, now| data.increment(b"a", now) == Ok(1));
    check(|data, now| data.lifetime(b"a", now) == Lifetime::Absent);
    check(|data, now| data.keys(b"*", now).is_empty());
    check(|data, now| data.key_count(now) == 0);
    check(|data, now| data.set(b"a", b"2", None, Condition::IfAbsent, now));
    check(|data, now| !data.set(b"a", b"2", None, Condition::IfPresent, now));
}

#[test]
fn a_due_key_gives_its_memory_back_when_it_is_asked_for() {
    let (mut data, now) = expiring();
    assert_eq!(data.get(b"a", now + ms(10)), None);
    assert_eq!(data.entries.len(), 0);
    assert_eq!(data.next_due(), None);
    assert_eq!(data.figures(now + ms(10)).expired_count, 1);
}

#[test]
fn a_due_key_that_is_replaced_has_expired() {
    let (mut data, now) = expiring();
    set(&mut data, "a", "2", None, now + ms(10));
    assert_eq!(data.figures(now + ms(10)).expired_count, 1);
}

#[test]
fn a_lifetime_can_be_given_later() {
    let (mut data, now) = data(&[("a", "1")]);
    assert!(data.expire(b"a", now + ms(10), now));
    assert!(!data.expire(b"b", now + ms(10), now));
    assert_eq!(data.lifetime(b"a", now + ms(3)), Lifetime::Left(ms(7)));
    data.entries.check_invariants();
}

#[test]
fn a_lifetime_can_be_changed() {
    let (mut data, now) = expiring();
    assert!(data.expire(b"a", now + ms(50), now));
    assert_eq!(data.next_due(), Some(now + ms(50)));
    assert!(data.contains(b"a", now + ms(10)));
    data.entries.check_invariants();
}

#[test]
fn counting_up_keeps_the_lifetime() {
    let (mut data, now) = expiring();
    assert_eq!(data.increment(b"a", now + ms(1)), Ok(2));
    assert_eq!(data.lifetime(b"a", now + ms(1)), Lifetime::Left(ms(9)));
}

#[test]
fn the_next_due_time_is_the_soonest() {
    let (mut data, now) = expiring();
    assert_eq!(data.next_due(), Some(now + ms(10)));
    set(&mut data, "b", "1", Some(now + ms(5)), now);
    assert_eq!(data.next_due(), Some(now + ms(5)));
    assert!(data.remove(b"b", now));
    assert_eq!(data.next_due(), Some(now + ms(10)));
}

#[test]
fn a_sweep_removes_what_is_due_soonest_first_up_to_its_limit() {
    let (mut data, now) = data(&[("stays", "")]);
    for n in 0..10 {
        set(&mut data, &format!("k{n}"), "", Some(now + ms(n)), now);
    }
    assert_eq!(data.expire_due(now + ms(5), 4), 4);
    assert_eq!(data.next_due(), Some(now + ms(4)));
    assert_eq!(data.expire_due(now + ms(5), 4), 2);
    assert_eq!(data.expire_due(now + ms(5), 4), 0);
    assert_eq!(data.keys(b"*", now), ["k6", "k7", "k8", "k9", "stays"]);
    assert_eq!(data.figures(now).expired_count, 6);
}

#[test]
fn a_sweep_without_a_limit_left_removes_nothing() {
    let (mut data, now) = expiring();
    assert_eq!(data.expire_due(now + ms(10), 0), 0);
    assert_eq!(data.entries.len(), 1);
}
