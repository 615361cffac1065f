//! Cuts a failing history down: whatever can be left out while it fails for the same reason is left
//! out.

use crate::act::{Act, History};
use crate::panics::caught;
use crate::planted::Planted;
use crate::player::Player;

/// A shrunk history is good enough after this many attempts.
const ATTEMPTS_MAX: usize = 10_000;

/// Plays the acts of a history, then what comes after each storm.
pub(crate) fn play(history: &History, planted: Option<Planted>) -> Result<(), String> {
    run(history, planted, false).0
}

/// The history as it comes to be, and how it fails.
pub(crate) fn tell(history: &History, planted: Option<Planted>) -> String {
    let (result, log) = run(history, planted, true);
    let verdict = result.err().unwrap_or_else(|| "nothing is wrong".into());
    format!("{log}{verdict}")
}

fn run(
    history: &History,
    planted: Option<Planted>,
    is_logged: bool,
) -> (Result<(), String>, String) {
    let log = is_logged.then(String::new);
    let mut player = Player::new(&history.world, history.is_compared, planted).logging(log);
    let result = caught(|| {
        player.pass()?;
        for act in &history.acts {
            player.play(act)?;
        }
        player.calm_down()
    });
    (result, player.log.unwrap_or_default())
}

/// Leaves out what is not needed for the same failure.
pub(crate) fn shrink(mut history: History, reason: &str, planted: Option<Planted>) -> History {
    let wanted = kind(reason);
    let mut attempts = 0;
    let mut fails = |history: &History| {
        attempts += 1;
        let broken = (attempts <= ATTEMPTS_MAX).then(|| play(history, planted).err());
        broken
            .flatten()
            .is_some_and(|reason| kind(&reason) == wanted)
    };
    leave_out_all(&mut history, &mut fails);
    join_waits(&mut history, &mut fails);
    leave_out_all(&mut history, &mut fails);
    thin_groups(&mut history, &mut fails);
    history
}

/// Tries ever shorter stretches, and single acts until all that are left are needed.
fn leave_out_all(history: &mut History, fails: &mut impl FnMut(&History) -> bool) {
    let mut size = history.acts.len();
    while size > 0 {
        let before = history.acts.len();
        leave_out(history, size, fails);
        if size > 1 || history.acts.len() == before {
            size /= 2;
        }
    }
}

/// Tries to wait once where it waits several times in a row.
fn join_waits(history: &mut History, fails: &mut impl FnMut(&History) -> bool) {
    let mut shorter = history.clone();
    shorter.acts.clear();
    for act in &history.acts {
        match (shorter.acts.last_mut(), act) {
            (Some(Act::Wait(time)), Act::Wait(more)) => *time += *more,
            _ => shorter.acts.push(act.clone()),
        }
    }
    if fails(&shorter) {
        *history = shorter;
    }
}

/// Tries to do without each stretch of this many acts, the last ones first.
fn leave_out(history: &mut History, size: usize, fails: &mut impl FnMut(&History) -> bool) {
    let mut end = history.acts.len();
    while end > 0 {
        let start = end.saturating_sub(size);
        let mut shorter = history.clone();
        shorter.acts.drain(start..end);
        if fails(&shorter) {
            *history = shorter;
        }
        end = start;
    }
}

/// Tries to do without each member of each group.
fn thin_groups(history: &mut History, fails: &mut impl FnMut(&History) -> bool) {
    for at in 0..history.acts.len() {
        let Act::Group { members, .. } = &history.acts[at] else {
            continue;
        };
        for member in members.clone() {
            let mut shorter = history.clone();
            if let Act::Group { members, .. } = &mut shorter.acts[at] {
                members.retain(|other| *other != member);
            }
            if !is_empty(&shorter.acts[at]) && fails(&shorter) {
                *history = shorter;
            }
        }
    }
}

fn is_empty(act: &Act) -> bool {
    matches!(act, Act::Group { members, .. } if members.is_empty())
}

/// What a reason begins with, which is a law, an invariant or what was compared.
fn kind(reason: &str) -> &str {
    let line = reason.lines().next().unwrap_or_default();
    line.split_once(':').map_or(line, |(kind, _)| kind)
}
