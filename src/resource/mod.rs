//! References that are duplicated and closed, and a value that is released after the last.
//!
//! A file, a connection or a process is used by several parts, and has to be released when the
//! last of them is through with it: not before, once, and so that somebody hears how that went. The
//! rules are few:
//!
//! - Who makes a reference, by [`open`](Releaser::open) or [`dup`](Shared::dup), owns it, and
//!   closes it or hands it on.
//! - A function that is lent one (`&Shared<T>`) uses it. To keep the resource beyond the call, it
//!   takes its own.
//! - The last close releases, and waits for that. Who drops a reference instead does not hear how
//!   it went; the tree does.
//!
//! A value says how it is released: [`Release`]. The release runs in a task of its own, below a
//! node, the [`Releaser`], which stops after those that use resources. It is not at the mercy of
//! whoever closes: a future that is dropped, a panic or an abort changes nothing.
//!
//! `docs/guide/resources.md` shows how it is used.

mod door;
mod error;
mod generations;
mod held;
mod hooks;
mod live;
mod outcome;
mod parting;
mod place;
mod record;
mod release;
mod releaser;
mod releasing;
mod scope;
mod shared;
mod sync;
mod weak;

pub use self::error::{CloseError, CloseExclusiveError, ReleaseError, StillInUse, TakeError};
pub use self::generations::Generations;
pub use self::hooks::Hook;
pub use self::live::{Live, Unreleased};
pub use self::outcome::Closed;
pub use self::place::Place;
pub use self::release::Release;
pub use self::releaser::Releaser;
pub use self::scope::Scope;
pub use self::shared::Shared;
pub use self::weak::WeakShared;
