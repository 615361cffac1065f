//! Values that know where they stand.

/// A value and the line of the file that says it, counted from 1.
///
/// Two that say the same are equal wherever they stand, so that a file whose lines have moved says
/// nothing new.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) line: usize,
}

impl<T> Placed<T> {
    pub(crate) const fn new(value: T, line: usize) -> Self {
        Self { value, line }
    }
}

impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
