//! What is due when (R5, R10).

use std::time::Duration;

use crate::tree::deadlines::{Deadlines, Due};
use crate::tree::limits::Limit;

const ALL: [Due; 6] = [
    Due::Rise(3),
    Due::Rung(0),
    Due::Limit(Limit::Start, 7),
    Due::Limit(Limit::Beat, 7),
    Due::Limit(Limit::Run, (1 << 30) - 1),
    Due::Stop,
];

#[test]
fn what_is_due_comes_in_the_order_of_time_and_kind() {
    // R10. Also at the first and the last time that there is.
    let times = [Duration::ZERO, Duration::new(5, 1), Duration::MAX];
    let mut deadlines = Deadlines::default();
    for at in times.into_iter().rev() {
        for due in ALL.into_iter().rev() {
            deadlines.insert(at, due);
        }
    }
    for at in times {
        for due in ALL {
            assert_eq!(deadlines.first(), Some(at));
            assert_eq!(deadlines.pop(at), Some(due));
        }
        assert_eq!(deadlines.pop(at), None);
    }
    assert_eq!(deadlines.first(), None);
}

#[test]
fn what_was_removed_is_not_due() {
    // R10. Another kind in the same slot, at the same time, stays.
    let (at, mut deadlines) = (Duration::from_secs(1), Deadlines::default());
    deadlines.insert(at, Due::Rung(1));
    deadlines.insert(at, Due::Rise(1));
    deadlines.remove(at, Due::Rise(1));
    assert!(!deadlines.contains(at, Due::Rise(1)));
    assert_eq!(deadlines.pop(at), Some(Due::Rung(1)));
    assert_eq!(deadlines.first(), None);
}
