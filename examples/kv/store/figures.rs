//! The state of the data in a few numbers.

/// What can be said about the data in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// The keys there are.
    pub(crate) key_count: usize,
    /// Those of them that expire.
    pub(crate) expiring_count: usize,
    /// The length of all keys and values, without what it takes to keep them.
    pub(crate) bytes: usize,
    /// The keys removed so far because their time had come.
    pub(crate) expired_count: u64,
    /// The reads so far that found a value.
    pub(crate) hit_count: u64,
    /// The reads so far that found none.
    pub(crate) miss_count: u64,
}
