//! Cuts a failing history down: what can be left out while it fails for the same reason is left
//! out, and what was chosen is made plain.

use perennial::tree::{GroupOptions, Kind, Strategy};

use crate::choices::{Choices, Policy};
use crate::history::{Act, History};
use crate::world::play;

/// The shortest history found that fails in the same way.
pub(crate) fn shrink(mut history: History) -> History {
    let Some(wanted) = failure(&history) else {
        return history;
    };
    let mut fails = |history: &History| failure(history).as_ref() == Some(&wanted);
    let mut before = usize::MAX;
    while weight(&history) < before {
        before = weight(&history);
        leave_out_steps(&mut history, &mut fails);
        thin_groups(&mut history, &mut fails);
        make_plain(&mut history, &mut fails);
    }
    history
}

/// What a reason begins with, which is a law, or what was compared.
fn failure(history: &History) -> Option<String> {
    let reason = play(history, None).err()?.reason;
    let line = reason.lines().next().unwrap_or_default();
    let kind = line.split_once(':').map_or(line, |(kind, _)| kind);
    Some(kind.to_owned())
}

fn weight(history: &History) -> usize {
    format!("{history:?}").len()
}

/// Tries ever shorter stretches, the last ones first.
fn leave_out_steps(history: &mut History, fails: &mut impl FnMut(&History) -> bool) {
    let mut size = history.steps.len();
    while size > 0 {
        let mut end = history.steps.len();
        while end > 0 {
            let start = end.saturating_sub(size);
            let mut shorter = history.clone();
            shorter.steps.drain(start..end);
            if fails(&shorter) {
                *history = shorter;
            }
            end = start;
        }
        size /= 2;
    }
}

fn thin_groups(history: &mut History, fails: &mut impl FnMut(&History) -> bool) {
    for at in 0..history.steps.len() {
        let Act::Group { members, .. } = &history.steps[at].act else {
            continue;
        };
        for member in (0..members.len()).rev() {
            let mut shorter = history.clone();
            if let Act::Group { members, .. } = &mut shorter.steps[at].act {
                members.remove(member);
            }
            if fails(&shorter) {
                *history = shorter;
            }
        }
    }
}

/// Tries to do without each choice that is not what most nodes have.
fn make_plain(history: &mut History, fails: &mut impl FnMut(&History) -> bool) {
    let plain = Choices {
        policy: Policy::default(),
        ..history.root
    };
    let wishes: [fn(&mut Choices, Choices); 8] = [
        |it, _| it.policy = Policy::default(),
        |it, plain| it.restart = plain.restart,
        |it, plain| (it.initial, it.reset_after) = (plain.initial, plain.reset_after),
        |it, plain| (it.grace, it.health) = (plain.grace, plain.health),
        |it, _| (it.policy.intensity, it.policy.children_intensity) = (None, None),
        |it, _| (it.policy.start_timeout, it.policy.significant) = (None, None),
        |it, _| (it.policy.run_timeout, it.policy.beat_timeout) = (None, None),
        |it, _| it.policy.on_spent = Policy::default().on_spent,
    ];
    for at in 0..history.steps.len() {
        for wish in wishes {
            for member in 0..4 {
                let mut plainer = history.clone();
                if change(&mut plainer.steps[at].act, member, |it| wish(it, plain))
                    && fails(&plainer)
                {
                    *history = plainer;
                }
            }
        }
        let mut plainer = history.clone();
        if let Act::Group { options, .. } = &mut plainer.steps[at].act {
            *options = GroupOptions::from(Strategy::OneForOne);
            if fails(&plainer) {
                *history = plainer;
            }
        }
    }
}

/// Changes what was chosen for a node, if that is something else then.
fn change(act: &mut Act, member: usize, wish: impl FnOnce(&mut Choices)) -> bool {
    let choices = match act {
        Act::Run { child, .. } | Act::StartInPool { child, .. } if member == 0 => Some(child),
        Act::Group { members, .. } => members.get_mut(member),
        _ => None,
    };
    let Some(choices) = choices.filter(|it| it.kind == Kind::Runnable) else {
        return false;
    };
    let before = *choices;
    wish(choices);
    *choices != before
}
