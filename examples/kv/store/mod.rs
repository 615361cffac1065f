//! The keys, their values and when they expire: no clock, no lock, no task.
//!
//! Time is an argument of whatever depends on it, and must not run backwards. A key whose time has
//! come is absent from then on for every operation; its memory is given back when somebody asks
//! for it ([`Data::get`] and the like) or by [`Data::expire_due`], whichever is first. So the
//! answers do not depend on the task that calls `expire_due`: only the memory does.

mod data;
mod entries;
mod figures;

pub(crate) use self::{
    data::{Condition, Data, IncrementError, Lifetime},
    figures::Figures,
};

#[cfg(test)]
mod tests;
