//! Names of nodes and groups (R1).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest name, in characters.
pub const NAME_LENGTH_MAX: usize = 64;

/// The name of a node among its siblings, or of a group among its parent's groups.
///
/// One to [`NAME_LENGTH_MAX`] characters out of `a-z`, `0-9`, `_` and `-`. A name is checked once,
/// where it enters; after that the type is the proof. Cloning is cheap: the text is shared.
///
/// # Examples
///
/// ```
/// use perennial::Name;
///
/// assert_eq!(Name::parse("http-2").unwrap().as_str(), "http-2");
/// assert!(Name::parse("eth0.100").is_err());
/// assert_eq!(Name::sanitize("eth0.100").as_str(), "eth0-100");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks `text` and keeps it as a name.
    ///
    /// # Errors
    ///
    /// [`NameError`] says what is wrong with which text.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, NameError> {
        let text = text.as_ref();
        check(text)?;
        Ok(Self(text.into()))
    }

    /// Makes a name out of any text, such as an interface, a path or a host.
    ///
    /// Letters become lower case, every other forbidden character becomes `-`, what is too long is
    /// cut, and an empty text becomes `-`. Different texts may become the same name.
    #[must_use]
    pub fn sanitize(text: &str) -> Self {
        let mut name: String = text
            .chars()
            .take(NAME_LENGTH_MAX)
            .map(|character| match character.to_ascii_lowercase() {
                allowed if is_allowed(allowed) => allowed,
                _ => '-',
            })
            .collect();
        if name.is_empty() {
            name.push('-');
        }
        Self(name.into())
    }

    /// The name of the pool child with this number.
    pub(crate) fn numbered(number: u64) -> Self {
        Self(number.to_string().into())
    }

    /// The name of the root, the only node that nobody declares.
    pub(crate) fn root() -> Self {
        Self("root".into())
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(character) = text.chars().find(|character| !is_allowed(*character)) {
        let name = excerpt(text);
        return Err(NameError::Character { name, character });
    }
    if text.len() > NAME_LENGTH_MAX {
        let name = excerpt(text);
        return Err(NameError::TooLong {
            name,
            length: text.len(),
        });
    }
    Ok(())
}

fn is_allowed(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '_' | '-')
}

/// What an error quotes of a text that may be of any length.
fn excerpt(text: &str) -> String {
    text.chars().take(NAME_LENGTH_MAX).collect()
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text has a character that names do not have.
    #[error("name {name:?} has {character:?}: only a-z, 0-9, _ and - are allowed")]
    Character {
        /// The beginning of the text.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// The text is longer than [`NAME_LENGTH_MAX`].
    #[error("name {name:?}.. has {length} characters: {NAME_LENGTH_MAX} at most are allowed")]
    TooLong {
        /// The beginning of the text.
        name: String,
        /// How long the text is, in characters.
        length: usize,
    },
}

/// A [`Name`] is already checked, so giving one where a text is accepted cannot fail.
impl From<std::convert::Infallible> for NameError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<&String> for Name {
    type Error = NameError;

    fn try_from(text: &String) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl From<&Self> for Name {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
