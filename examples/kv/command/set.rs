//! `SET`, the one command with options.

use std::{time::Duration, vec};

use bytes::Bytes;

use super::{Command, CommandError, parse};
use crate::store::Condition;

/// `SET key value [NX|XX] [EX seconds|PX milliseconds]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    /// What is set.
    pub(crate) key: Bytes,
    /// To what.
    pub(crate) value: Bytes,
    /// `NX` or `XX`: what must hold.
    pub(crate) condition: Condition,
    /// `EX` or `PX`: how long the key has from now, or `None` for ever.
    pub(crate) lifetime: Option<Duration>,
}

impl Set {
    /// Parses the arguments of the command.
    pub(super) fn parse(arguments: Vec<Bytes>) -> Result<Command, CommandError> {
        let mut words = arguments.into_iter();
        let (Some(key), Some(value)) = (words.next(), words.next()) else {
            return Err(CommandError::WrongArity { command: "set" });
        };
        let mut set = Self {
            key,
            value,
            condition: Condition::Always,
            lifetime: None,
        };
        while let Some(option) = words.next() {
            set.take_option(&option, &mut words)?;
        }
        Ok(Command::Set(set))
    }

    /// Takes in one option, whose argument is the next of `words` if it has one.
    fn take_option(
        &mut self,
        option: &[u8],
        words: &mut vec::IntoIter<Bytes>,
    ) -> Result<(), CommandError> {
        if option.eq_ignore_ascii_case(b"nx") {
            self.restrict(Condition::IfAbsent)
        } else if option.eq_ignore_ascii_case(b"xx") {
            self.restrict(Condition::IfPresent)
        } else if option.eq_ignore_ascii_case(b"ex") {
            self.limit(words.next(), parse::MS_PER_SECOND)
        } else if option.eq_ignore_ascii_case(b"px") {
            self.limit(words.next(), 1)
        } else {
            Err(CommandError::Syntax)
        }
    }

    /// Takes in a condition, unless it contradicts an earlier one.
    fn restrict(&mut self, condition: Condition) -> Result<(), CommandError> {
        if self.condition != Condition::Always && self.condition != condition {
            return Err(CommandError::Syntax);
        }
        self.condition = condition;
        Ok(())
    }

    /// Takes in a time to live, unless there is one already.
    fn limit(&mut self, count: Option<Bytes>, unit_ms: i64) -> Result<(), CommandError> {
        let (Some(count), None) = (count, self.lifetime) else {
            return Err(CommandError::Syntax);
        };
        let invalid = CommandError::InvalidExpireTime { command: "set" };
        self.lifetime = Some(parse::lifetime(&count, unit_ms, "set")?.ok_or(invalid)?);
        Ok(())
    }
}
