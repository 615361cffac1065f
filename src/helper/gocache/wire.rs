//! Requests and answers as they are written.
//!
//! Go matches the names of fields without regard to case, and leaves out what is empty.

use std::ffi::OsStr;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

use crate::helper::protocol::ProtocolError;

/// What the program can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Get,
    Put,
    Close,
}

/// The first message of the program.
#[derive(Debug, Serialize)]
pub(super) struct Hello {
    #[serde(rename = "ID")]
    pub(super) id: u64,
    #[serde(rename = "KnownCommands")]
    pub(super) known_commands: Vec<Word>,
}

/// The same, as it is read: programs may know what we do not.
#[derive(Debug, Deserialize)]
pub(super) struct Greeted {
    #[serde(rename = "ID")]
    pub(super) id: u64,
    #[serde(rename = "KnownCommands", default)]
    pub(super) known_commands: Vec<String>,
}

/// A request, without the body that may follow it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "ID")]
    pub(super) id: u64,
    #[serde(rename = "Command")]
    pub(super) word: Word,
    /// In base64.
    #[serde(rename = "ActionID", default, skip_serializing_if = "String::is_empty")]
    pub(super) action: String,
    /// In base64.
    #[serde(rename = "OutputID", default, skip_serializing_if = "String::is_empty")]
    pub(super) output: String,
    /// How many bytes the body has. If there are any, the next message is the body, a string of
    /// JSON in base64.
    #[serde(rename = "BodySize", default, skip_serializing_if = "is_zero")]
    pub(super) size: u64,
}

/// An answer. As the `go` command reads it, what is null or empty is not there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Answered {
    #[serde(rename = "ID")]
    pub(super) id: u64,
    #[serde(rename = "Err", default, deserialize_with = "unless_empty")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(rename = "Miss", default, deserialize_with = "unless_null")]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_miss: bool,
    #[serde(rename = "OutputID", default, deserialize_with = "unless_empty")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<String>,
    #[serde(rename = "Size", default, deserialize_with = "unless_null")]
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) size: u64,
    #[serde(rename = "DiskPath", default, deserialize_with = "unless_empty")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<PathBuf>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
const fn is_zero(size: &u64) -> bool {
    *size == 0
}

/// Null is what a field is by default.
fn unless_null<'de, T, D>(value: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// An empty text is none.
fn unless_empty<'de, T, D>(value: D) -> Result<Option<T>, D::Error>
where
    T: AsRef<OsStr> + Deserialize<'de>,
    D: Deserializer<'de>,
{
    let text: Option<T> = Option::deserialize(value)?;
    Ok(text.filter(|text| !text.as_ref().is_empty()))
}

pub(super) fn json(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("names, numbers and text are always JSON")
}

pub(super) fn read<'a, T: Deserialize<'a>>(message: &'a [u8]) -> Result<T, ProtocolError> {
    serde_json::from_slice(message).map_err(|why| ProtocolError::malformed(message, why))
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, ProtocolError> {
    let bytes = STANDARD.decode(text);
    bytes.map_err(|why| ProtocolError::malformed(text.as_bytes(), why))
}
