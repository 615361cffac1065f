//! Random histories against a second implementation that is too simple to be wrong.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use proptest::{collection::vec, option, prelude::*};

use super::ms;
use crate::store::{Condition, Data, Lifetime};

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Advance(Duration),
    Clear,
    Expire(u8, Duration),
    Get(u8),
    Increment(u8),
    Remove(u8),
    Set(u8, i64, Option<Duration>, Condition),
    Sweep(usize),
}

/// Any step, on few keys so that they meet.
fn step() -> impl Strategy<Value = Step> {
    let key = 0_u8..6;
    let time = || (1_u64..20).prop_map(ms);
    let condition = prop_oneof![
        Just(Condition::Always),
        Just(Condition::IfAbsent),
        Just(Condition::IfPresent)
    ];
    let set = (key.clone(), -9_i64..9, option::of(time()), condition);
    prop_oneof![
        6 => set.prop_map(|(key, value, time, when)| Step::Set(key, value, time, when)),
        3 => (key.clone(), time()).prop_map(|(key, time)| Step::Expire(key, time)),
        3 => time().prop_map(Step::Advance),
        2 => key.clone().prop_map(Step::Get),
        2 => key.clone().prop_map(Step::Increment),
        1 => key.prop_map(Step::Remove),
        1 => (0_usize..4).prop_map(Step::Sweep),
        1 => Just(Step::Clear),
    ]
}

/// Numbers by key, without any that is due.
#[derive(Debug, Default)]
struct Model(BTreeMap<u8, (i64, Option<Instant>)>);

impl Model {
    /// Sets a key and says whether the condition held.
    fn set(&mut self, key: u8, value: i64, due: Option<Instant>, condition: Condition) -> bool {
        let allowed = match condition {
            Condition::Always => true,
            Condition::IfAbsent => !self.0.contains_key(&key),
            Condition::IfPresent => self.0.contains_key(&key),
        };
        if allowed {
            self.0.insert(key, (value, due));
        }
        allowed
    }

    /// Adds one to a key.
    fn increment(&mut self, key: u8) -> i64 {
        let (value, _) = self.0.entry(key).or_insert((0, None));
        *value += 1;
        *value
    }

    /// How long a key will be there.
    fn lifetime(&self, key: u8, now: Instant) -> Lifetime {
        match self.0.get(&key) {
            None => Lifetime::Absent,
            Some((_, None)) => Lifetime::Endless,
            Some((_, Some(due))) => Lifetime::Left(*due - now),
        }
    }
}

/// Takes one step in both and compares the answers.
fn take(step: &Step, data: &mut Data, model: &mut Model, now: &mut Instant) {
    match *step {
        Step::Advance(time) => {
            *now += time;
            model
                .0
                .retain(|_, (_, due)| due.is_none_or(|due| due > *now));
        }
        Step::Clear => {
            data.clear();
            model.0.clear();
        }
        Step::Expire(key, time) => {
            let known = model
                .0
                .get_mut(&key)
                .map(|(_, due)| *due = Some(*now + time));
            assert_eq!(data.expire(&[key], *now + time, *now), known.is_some());
        }
        Step::Get(key) => {
            let value = model.0.get(&key).map(|(value, _)| value.to_string());
            let found = data.get(&[key], *now);
            assert_eq!(found.as_deref(), value.as_ref().map(String::as_bytes));
        }
        Step::Increment(key) => {
            assert_eq!(data.increment(&[key], *now), Ok(model.increment(key)));
        }
        Step::Remove(key) => {
            assert_eq!(data.remove(&[key], *now), model.0.remove(&key).is_some());
        }
        Step::Set(key, value, time, condition) => {
            let due = time.map(|time| *now + time);
            let text = value.to_string();
            let was_set = data.set(&[key], text.as_bytes(), due, condition, *now);
            assert_eq!(was_set, model.set(key, value, due, condition));
        }
        Step::Sweep(limit) => assert!(data.expire_due(*now, limit) <= limit),
    }
}

proptest! {
    #[test]
    fn any_history_answers_as_the_model_does(steps in vec(step(), 0..80), curious: bool) {
        let (mut data, mut model) = (Data::default(), Model::default());
        let mut now = Instant::now();
        for step in &steps {
            take(step, &mut data, &mut model, &mut now);
            data.entries.check_invariants();
            let keys: Vec<_> = model.0.keys().map(|&key| vec![key]).collect();
            prop_assert_eq!(data.keys(b"*", now), keys);
            // Not asked in every history, because asking removes what is due.
            for key in (0..6).filter(|_| curious) {
                prop_assert_eq!(data.lifetime(&[key], now), model.lifetime(key, now));
            }
        }
        prop_assert_eq!(data.key_count(now), model.0.len());
        let soonest = model.0.values().filter_map(|(_, due)| *due).min();
        prop_assert_eq!(data.next_due(), soonest);
    }
}
