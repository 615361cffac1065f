//! Paths of nodes: `root`, then names joined by dots (R1).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::name::Name;

/// The place of a node in its tree, such as `root.pipeline.reader`.
///
/// A path is a name and a link to the parent's path. It costs one allocation when the node is
/// declared and none when it is cloned; the text is built when somebody reads it. Paths compare by
/// their names from the root, and with texts.
#[derive(Clone)]
pub struct Path(Arc<Link>);

struct Link {
    parent: Option<Path>,
    name: Name,
    depth: usize,
}

impl Path {
    /// The path of the root.
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::new(Link {
            parent: None,
            name: Name::root(),
            depth: 0,
        }))
    }

    /// The path of the child with this name.
    #[must_use]
    pub fn child(&self, name: Name) -> Self {
        Self(Arc::new(Link {
            parent: Some(self.clone()),
            name,
            depth: self.depth() + 1,
        }))
    }

    /// The last name of the path.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.0.name
    }

    /// The path of the parent, or `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<&Self> {
        self.0.parent.as_ref()
    }

    /// How many names stand before the last one; 0 for the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.depth
    }

    /// The path itself, its parent's, and so on up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |path| path.parent())
    }

    fn names(&self) -> Vec<&Name> {
        let mut names: Vec<_> = self.ancestors().map(Self::name).collect();
        names.reverse();
        names
    }
}

/// Deep paths are taken apart link by link, so that no depth overflows the stack.
impl Drop for Link {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(Path(link)) = next {
            next = Arc::into_inner(link).and_then(|mut link| link.parent.take());
        }
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self
                .ancestors()
                .map(Self::name)
                .eq(other.ancestors().map(Self::name))
    }
}

impl Eq for Path {}

impl PartialEq<str> for Path {
    fn eq(&self, text: &str) -> bool {
        self.names()
            .into_iter()
            .map(Name::as_str)
            .eq(text.split('.'))
    }
}

impl PartialEq<&str> for Path {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(&other.names())
    }
}

impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for path in self.ancestors() {
            path.name().hash(state);
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().into_iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(name.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
