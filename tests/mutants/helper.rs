//! Bugs to plant in what speaks with programs that answer calls.

use super::Finder::{Test, Unit};
use super::Mutant;

/// All of them.
pub(crate) const HELPER: &[Mutant] = &[
    Mutant {
        name: "a call that may not be made twice is made again",
        file: "src/helper/calls.rs",
        old: "if is_idempotent && tries",
        new: "if (is_idempotent || true) && tries",
        found_by: Test(
            "helper/crashes",
            "helper_30_all_calls_in_flight_fail_and_the_next_one_waits_for_the_next_incarnation",
        ),
    },
    Mutant {
        name: "a poisonous request is made once more than it may be",
        file: "src/helper/calls.rs",
        old: "tries < self.tries_max",
        new: "tries <= self.tries_max",
        found_by: Test(
            "helper/crashes",
            "helper_34_a_poisonous_request_is_not_made_for_ever",
        ),
    },
    Mutant {
        name: "calls that are made again change places",
        file: "src/helper/calls.rs",
        old: "std::cmp::Reverse(*id)",
        new: "*id",
        found_by: Test(
            "helper/crashes",
            "calls_that_are_made_again_keep_their_order",
        ),
    },
    Mutant {
        name: "calls that a close has cut off were aborted",
        file: "src/helper/calls.rs",
        old: "_ => Fate::Closed,",
        new: "_ => Fate::Aborted,",
        found_by: Test(
            "helper/closing",
            "a_call_that_is_made_once_and_cut_off_by_a_close_says_that",
        ),
    },
    Mutant {
        name: "an answer to nobody is let pass",
        file: "src/helper/calls.rs",
        old: "return false;",
        new: "return true;",
        found_by: Test("helper/calls", "what_it_may_not_say_is_a_crash_of_it_alone"),
    },
    Mutant {
        name: "a late answer is taken for one to nobody",
        file: "src/helper/calls.rs",
        old: "if self.given_up.remove(&id) {",
        new: "if self.given_up.remove(&id) && false {",
        found_by: Test(
            "helper/calls",
            "helper_19_a_late_answer_is_dropped_and_the_next_call_is_fine",
        ),
    },
    Mutant {
        name: "calls that were given up take room",
        file: "src/helper/calls.rs",
        old: "waiting.retain(Call::is_wanted);",
        new: "",
        found_by: Test("helper/calls", "calls_that_were_given_up_take_no_room"),
    },
    Mutant {
        name: "a call that was given up is sent",
        file: "src/helper/calls.rs",
        old: "!self.reply.is_closed()",
        new: "!self.reply.is_closed() || true",
        found_by: Test(
            "helper/calls",
            "helper_20_a_call_that_was_given_up_before_it_was_sent_is_never_sent",
        ),
    },
    Mutant {
        name: "nobody tells the program of a call that was given up",
        file: "src/helper/calls.rs",
        old: "if id != 0 {\n            given_up",
        new: "if id == 0 {\n            given_up",
        found_by: Test(
            "helper/calls",
            "helper_21_the_program_is_told_of_a_call_that_was_given_up",
        ),
    },
    Mutant {
        name: "a request that was written in part is told to be delivered",
        file: "src/helper/calls.rs",
        old: "delivered: Delivered::InPart,\n                is_idempotent",
        new: "delivered: Delivered::Whole,\n                is_idempotent",
        found_by: Test(
            "helper/crashes",
            "helper_29_a_program_that_reads_nothing_has_stalled",
        ),
    },
    Mutant {
        name: "a request that was written is told to be delivered in part",
        file: "src/helper/calls.rs",
        old: "sent.delivered = Delivered::Whole;",
        new: "let _ = sent;",
        found_by: Test("helper/calls", "what_it_may_not_say_is_a_crash_of_it_alone"),
    },
    Mutant {
        name: "each incarnation of a program counts its calls from one",
        file: "src/helper/handle.rs",
        old: "            let inner = self.inner.clone();
",
        new: "            let inner = self.inner.clone();
            inner.ids.store(1, Ordering::Relaxed);
",
        found_by: Test(
            "helper/crashes",
            "a_number_is_not_used_again_by_another_incarnation",
        ),
    },
    Mutant {
        name: "a line that is too long is told with each piece of it",
        file: "src/helper/framing.rs",
        old: "(!was_told).then_some(",
        new: "(true || was_told).then_some(",
        found_by: Unit(
            "helper/framing",
            "a_line_that_is_too_long_is_told_once_and_passed_over",
        ),
    },
    Mutant {
        name: "the end of a line that is too long is a message",
        file: "src/helper/framing.rs",
        old: "std::mem::replace(&mut self.passing, Passing::Line)",
        new: "std::mem::replace(&mut self.passing, Passing::Nothing)",
        found_by: Test("helper/calls", "helper_18_some_stray_lines_can_be_let_pass"),
    },
    Mutant {
        name: "white space does not count in a line that is there as a whole",
        file: "src/helper/framing.rs",
        old: "line.strip_suffix(b\"\\r\").unwrap_or(&line).len()",
        new: "line.trim_ascii_end().len()",
        found_by: Unit(
            "helper/framing",
            "any_stream_is_read_to_its_end_in_pieces_of_any_size_in_bounded_memory",
        ),
    },
    Mutant {
        name: "a line without an end is kept",
        file: "src/helper/framing.rs",
        old: "if stream.len() <= self.length_max.saturating_add(1) {",
        new: "if stream.len() <= self.length_max.saturating_mul(100) {",
        found_by: Unit(
            "helper/framing",
            "any_stream_is_read_to_its_end_in_pieces_of_any_size_in_bounded_memory",
        ),
    },
    Mutant {
        name: "a measured message that is too long is read as headers",
        file: "src/helper/framing.rs",
        old: "self.passing = Passing::Bytes(length);",
        new: "",
        found_by: Unit(
            "helper/framing",
            "a_measured_message_that_is_too_long_is_passed_over",
        ),
    },
    Mutant {
        name: "a stream that is torn is at its end",
        file: "src/helper/framing.rs",
        old: "let is_torn = bytes > 0 &&",
        new: "let is_torn = bytes > usize::MAX - 1 &&",
        found_by: Unit(
            "helper/framing",
            "a_stream_that_ends_within_a_message_says_so",
        ),
    },
    Mutant {
        name: "a header without an end is kept",
        file: "src/helper/framing.rs",
        old: "(searched.len() == HEADER_MAX).then(",
        new: "(searched.len() > HEADER_MAX).then(",
        found_by: Unit(
            "helper/framing",
            "a_header_without_a_length_breaks_the_stream",
        ),
    },
    Mutant {
        name: "a program is asked for what it cannot do",
        file: "src/helper/session.rs",
        old: "if self.inner.protocol.supports(capabilities, &call.request) {",
        new: "if self.inner.protocol.supports(capabilities, &call.request) || true {",
        found_by: Test("helper/calls", "helper_13_what_it_cannot_do_is_not_sent"),
    },
    Mutant {
        name: "a request that is too long is sent",
        file: "src/helper/session.rs",
        old: "if bytes > max {",
        new: "if bytes > max.saturating_mul(100) {",
        found_by: Test(
            "helper/calls",
            "helper_23_a_request_that_is_too_long_is_refused_here",
        ),
    },
    Mutant {
        name: "a program that says no hello is not to blame",
        file: "src/helper/session.rs",
        old: "Some(Err(_)) => Err(CrashCause::Mute { within }),",
        new: "Some(Err(_)) => Ok(None),",
        found_by: Test(
            "helper/handshake",
            "helper_03_a_hello_that_does_not_come_is_a_failure",
        ),
    },
    Mutant {
        name: "a program may read nothing for as long as by default",
        file: "src/helper/handle.rs",
        old: "self.limits.write = time;",
        new: "let _ = time;",
        found_by: Test(
            "helper/crashes",
            "helper_29_a_program_that_reads_nothing_has_stalled",
        ),
    },
    Mutant {
        name: "a program has room for calls without end",
        file: "src/helper/session.rs",
        old: "if calls < self.inner.limits.in_flight_max {",
        new: "if calls < self.inner.limits.in_flight_max.max(100) {",
        found_by: Test(
            "helper/crashes",
            "calls_that_all_have_given_up_do_not_fill_a_program_for_ever",
        ),
    },
    Mutant {
        name: "stray lines are let pass for ever",
        file: "src/helper/session.rs",
        old: "self.strays += 1;",
        new: "",
        found_by: Test("helper/calls", "helper_18_some_stray_lines_can_be_let_pass"),
    },
    Mutant {
        name: "a program is asked to close before it has answered",
        file: "src/helper/node.rs",
        old: "    session.drain().await?;
",
        new: "",
        found_by: Test(
            "helper/closing",
            "helper_38_a_close_waits_for_the_answers_and_ends_in_order",
        ),
    },
    Mutant {
        name: "a close leaves calls that were not sent to wait",
        file: "src/helper/handle.rs",
        old: "if has_changed {",
        new: "if has_changed && !true {",
        found_by: Test(
            "helper/promised_closing",
            "a_close_waits_for_a_hello_and_the_calls_do_not",
        ),
    },
    Mutant {
        name: "a program that crashes as it is closed is started again",
        file: "src/helper/node.rs",
        old: "if !matches!(*inner.state.borrow(), State::Closing) {",
        new: "if true {",
        found_by: Test(
            "helper/closing",
            "a_program_that_crashes_as_it_is_closed_is_not_started_again",
        ),
    },
    Mutant {
        name: "the last request does not wait for those before it",
        file: "src/helper/serve.rs",
        old: "    while let Some(answer) = running.next().await {
        say(answers, answer).await;
    }
",
        new: "",
        found_by: Test(
            "helper/serving",
            "the_last_request_waits_for_all_that_is_being_done",
        ),
    },
    Mutant {
        name: "requests are worked on without end",
        file: "src/helper/serve.rs",
        old: "let has_room = running.len() < limits.running_max.max(1);",
        new: "let has_room = running.len() < 100 * limits.running_max;",
        found_by: Test(
            "helper/serving",
            "no_more_is_worked_on_at_a_time_than_may_be",
        ),
    },
    Mutant {
        name: "a body of another length is taken",
        file: "src/helper/gocache/listening.rs",
        old: "if body.len() as u64 != put.size {",
        new: "if body.len() as u64 > put.size {",
        found_by: Test("helper/serving", "what_is_no_request_ends_it_with_an_error"),
    },
];
