//! What an operation is, as a digest.

use crate::store::Digest;

/// How many bytes most identities and keys have room in.
const LENGTH: usize = 256;

/// What makes an operation what it is, written part by part.
///
/// Each part goes in with its length, so that no two lists of parts are the same bytes.
///
/// # Examples
///
/// ```
/// use perennial::solver::Identity;
///
/// let mut one = Identity::new("compile");
/// one.add("main.c").add("-O2");
/// let mut other = Identity::new("compile");
/// other.add("main.c-").add("O2");
/// assert_ne!(one.digest(), other.digest());
/// ```
#[derive(Clone, Debug)]
pub struct Identity(Vec<u8>);

impl Identity {
    /// The identity of an operation of this kind: such a word keeps kinds apart.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        let mut identity = Self(Vec::with_capacity(LENGTH));
        identity.add(kind);
        identity
    }

    /// Adds a part.
    pub fn add(&mut self, part: impl AsRef<[u8]>) -> &mut Self {
        let part = part.as_ref();
        self.0.extend((part.len() as u64).to_le_bytes());
        self.0.extend(part);
        self
    }

    /// The SHA-256 of all parts.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}
