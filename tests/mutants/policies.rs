//! Bugs to plant in restart types, strategies, budgets, orders and the order among siblings.

use super::Finder::{Lib, Test};
use super::Mutant;

/// All of them.
pub(crate) const POLICIES: &[Mutant] = &[
    Mutant {
        name: "a death that is as old as its window counts no more",
        file: "src/tree/intensity.rs",
        old: "let is_old = |death: &Duration| time.saturating_sub(*death) > self.intensity.within;
        while",
        new: "let is_old = |death: &Duration| time.saturating_sub(*death) >= self.intensity.within;
        while",
        found_by: Lib(
            "windows",
            "a_death_that_is_as_old_as_the_window_still_counts",
        ),
    },
    Mutant {
        name: "a window ages while nobody runs",
        file: "src/tree/intensity.rs",
        old: "        if self.running == 0 {\n            return self.ran;\n        }\n",
        new: "",
        found_by: Lib("windows", "a_slow_stop_makes_no_room_for_another_restart"),
    },
    Mutant {
        name: "an order to start leaves the window as it is",
        file: "src/tree/orders.rs",
        old: "            own.empty();",
        new: "            let _ = own;",
        found_by: Lib("windows", "an_order_to_start_empties_the_nodes_own_window"),
    },
    Mutant {
        name: "the children's window outlives the parent's incarnation",
        file: "src/tree/pass.rs",
        old: "            children.empty();",
        new: "            let _ = children;",
        found_by: Lib(
            "windows",
            "the_windows_of_children_die_with_the_incarnation_of_their_parent",
        ),
    },
    Mutant {
        name: "a rest-for-one group falls as a whole",
        file: "src/tree/falls.rs",
        old: "Strategy::RestForOne => later(&group.members),",
        new: "Strategy::RestForOne => {
                later(&group.members);
                group.members.clone()
            }",
        found_by: Lib(
            "strategies",
            "a_death_in_a_rest_for_one_group_takes_those_declared_later",
        ),
    },
    Mutant {
        name: "a fall that joins another forgets when it was due",
        file: "src/tree/falls.rs",
        old: "            not_before = not_before.max(due);\n",
        new: "            not_before = not_before.max(due.min(not_before));\n",
        found_by: Lib(
            "joins",
            "the_fall_is_due_at_the_latest_of_its_draw_and_the_dues_that_joined",
        ),
    },
    Mutant {
        name: "nobody waits for the member before it",
        file: "src/tree/pass.rs",
        old: "Wait::InOrder => self.is_its_turn(slot),",
        new: "Wait::InOrder => self.is_its_turn(slot) || true,",
        found_by: Lib("in_order", "they_rise_in_order_after_one_backoff"),
    },
    Mutant {
        name: "a member that is down is waited for",
        file: "src/tree/sequence.rs",
        old: "            .skip_while(|node| node.state == State::Down);",
        new: "            .skip_while(|_| false);",
        found_by: Lib("in_order", "a_member_that_is_down_is_passed_by"),
    },
    Mutant {
        name: "a start that fails is a death like any other",
        file: "src/tree/sequence.rs",
        old: "self.nodes[slot].healthy_at.is_none()",
        new: "self.nodes[slot].healthy_at.is_some()",
        found_by: Lib(
            "start_phase",
            "a_start_that_fails_is_not_retried_whatever_the_strategy",
        ),
    },
    Mutant {
        name: "a provider does not wait for its parent's code",
        file: "src/tree/turns.rs",
        old: "if node.provides() && node.is_taken && self.may_use(parent) {",
        new: "if node.provides() && !node.is_taken && self.may_use(parent) {",
        found_by: Lib("providers", "an_aborted_parent_does_not_hold_it"),
    },
    Mutant {
        name: "whoever was asked in another stop ends the search",
        file: "src/tree/turns.rs",
        old: "let was_last = number > 0 && other.was_last_in == number;",
        new: "let was_last = number > 0 && other.was_last_in > 0;",
        found_by: Lib(
            "walk",
            "long_random_histories_of_all_policies_keep_the_laws",
        ),
    },
    Mutant {
        name: "what an order stops is canceled",
        file: "src/tree/reading.rs",
        old: "Some(Told::Terminate | Told::Remove) => Reading::Down(Down::Terminated),",
        new: "Some(Told::Terminate | Told::Remove) => Reading::Canceled,",
        found_by: Lib(
            "orders",
            "what_is_terminated_is_down_for_that_reason_in_every_state",
        ),
    },
    Mutant {
        name: "a terminated member leaves its fall at once",
        file: "src/tree/counts.rs",
        old: "let is_for_good = has_risen || node.told()",
        new: "let is_for_good = has_risen || node.is_out || node.told()",
        found_by: Lib(
            "orders_in_falls",
            "a_terminated_member_that_is_ordered_to_start_waits_for_all_that_fell_with_it",
        ),
    },
    Mutant {
        name: "an order does not hurry a fall that is not ready",
        file: "src/tree/pass.rs",
        old: "Phase::Falling | Phase::Ready(_) => self.falls[key].fate = Fate::RiseAtOnce,",
        new: "Phase::Falling | Phase::Ready(_) => {}",
        found_by: Lib(
            "orders_in_falls",
            "an_order_to_start_makes_the_fall_rise_without_a_delay_after_the_barrier",
        ),
    },
    Mutant {
        name: "one of all significant children is enough",
        file: "src/tree/exits.rs",
        old: "Some(Significant::All) => self.children(parent).all(|child| {",
        new: "Some(Significant::All) => self.children(parent).any(|child| {",
        found_by: Lib("significant", "only_the_last_end_of_all_stops_the_parent"),
    },
    Mutant {
        name: "the time limit of a start outlives it",
        file: "src/tree/limits.rs",
        old: "Limit::Start => (self.state == State::Starting,",
        new: "Limit::Start => (self.state != State::Down,",
        found_by: Lib("start_timeout", "who_is_healthy_in_time_is_never_woken"),
    },
    Mutant {
        name: "a leak is kept though its node would run beside it",
        file: "src/tree/ladder.rs",
        old: "options.on_leak == OnLeak::Abandon",
        new: "options.on_leak == OnLeak::Keep",
        found_by: Lib("abandoned", "it_rises_with_its_fall_beside_the_leak"),
    },
    Mutant {
        name: "what is to stay down escalates",
        file: "src/tree/budget.rs",
        old: "OnSpent::StayDown if slot != self.root =>",
        new: "OnSpent::StayDown if slot == self.root =>",
        found_by: Lib(
            "spent",
            "stay_down_keeps_the_node_down_and_nobody_else_notices",
        ),
    },
    Mutant {
        name: "a member that was started alone holds up those after it",
        file: "src/tree/pass.rs",
        old: "            self.starts.push_back(self.id(member));",
        new: "            if self.nodes[member].wait != Wait::InOrder {
                self.starts.push_back(self.id(member));
            }",
        found_by: Lib(
            "orders_in_order",
            "a_member_that_was_started_alone_does_not_stall_the_queue",
        ),
    },
    Mutant {
        name: "a parked task is given code of another type",
        file: "src/runtime/entries.rs",
        old: "let seat = seat.filter(|_| !entry.is_replaced);",
        new: "let seat = seat.filter(|_| true);",
        found_by: Test(
            "orders/replaced",
            "what_signals_and_what_does_not_replace_each_other",
        ),
    },
    Mutant {
        name: "whoever is asked to stop waits for its orders",
        file: "src/runtime/processor.rs",
        old: "                self.waits.asked(id);\n",
        new: "",
        found_by: Test(
            "orders/awaited",
            "who_comes_to_fall_with_what_it_ordered_does_not_wait_for_itself",
        ),
    },
];
