//! The side of the `go` command.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use thiserror::Error;

use super::wire::{Answered, Asked, Greeted, Word, decode, json, read};
use super::{Content, Request, Response};
use crate::GoneError;
use crate::helper::body::Body;
use crate::helper::error::CallError;
use crate::helper::framing::Framing;
use crate::helper::handle::Helper;
use crate::helper::protocol::{CallId, Message, Protocol, ProtocolError};
use crate::helper::report::CloseReport;
use crate::process::Command;

/// The protocol, as the `go` command speaks it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Asking;

/// What a cache says that it can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commands {
    /// Whether it can be asked.
    pub get: bool,
    /// Whether it can be given anything.
    pub put: bool,
    /// Whether it wants to be told of the end.
    pub close: bool,
}

/// A build cache that is a program; cheap to clone.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use perennial::Context;
/// use perennial::helper::Helper;
/// use perennial::helper::gocache::{Asking, GoCache};
/// use perennial::process::Command;
///
/// # async fn root(ctx: Context) -> anyhow::Result<()> {
/// let cache = GoCache::new(Command::new("gocache").args(["serve", "--dir", "/tmp/cache"]));
/// ctx.run("cache", cache.helper().clone())?;
/// let hit = cache.get(b"compile main.go").await?;
///
/// // Large bodies take their time.
/// let patient = Helper::builder(Command::new("gocache"), Asking::default());
/// let patient = GoCache::from(patient.call_timeout(Duration::from_secs(600)).build());
/// # drop((hit, patient));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GoCache {
    helper: Helper<Asking>,
    /// The files that were named, by their output.
    files: Arc<Mutex<HashMap<Vec<u8>, Named>>>,
}

#[derive(Clone, Debug)]
struct Named {
    path: PathBuf,
    size: u64,
}

/// What a cache has for an action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// What the body is called: its SHA-256.
    pub output: Vec<u8>,
    /// How many bytes it has.
    pub size: u64,
    /// Its file, which is there as long as the cache is open.
    pub path: PathBuf,
}

/// Why a cache gave or took nothing. A miss is none of these.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The call has failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The file that it names cannot be looked at.
    #[error("the file {} of the cache is not there", .path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The file that it names has another size than it says.
    #[error("the file {} of the cache has {found} bytes, not {size}", .path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// What it should have.
        size: u64,
        /// What it has.
        found: u64,
    },
    /// Nothing that was got or put has this output.
    #[error("no get or put has named a file of the output {output}")]
    Unknown {
        /// The output, in base64.
        output: String,
    },
    /// It answers what does not fit what it was asked.
    #[error("{helper} answers a {asked} with something else")]
    Unfitting {
        /// Who: the program of the cache's [`Command`].
        helper: Arc<str>,
        /// What it was asked.
        asked: &'static str,
    },
}

impl GoCache {
    /// A cache with the default limits, of which none is for the length of a body: a put has a
    /// minute, as any call. A cache with others is made from its [`Helper`].
    pub fn new(command: Command) -> Self {
        Helper::new(command, Asking).into()
    }

    /// The helper that it is: to be declared as a node, once, and closed.
    #[must_use]
    pub const fn helper(&self) -> &Helper<Asking> {
        &self.helper
    }

    /// Asks what an action gave; `None` if the cache does not know, or cannot be asked.
    ///
    /// # Errors
    ///
    /// [`CacheError`]; also if the file that it names is missing or has another size.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn get(&self, action: &[u8]) -> Result<Option<Entry>, CacheError> {
        let action = action.to_owned();
        match self.helper.call(Request::Get { action }).await {
            Ok(Response::Hit { output, size, path }) => {
                self.learn(&output, &path, size).await?;
                Ok(Some(Entry { output, size, path }))
            }
            Ok(Response::Miss) | Err(CallError::Unsupported { .. }) => Ok(None),
            Ok(_) => Err(self.unfitting("get")),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the cache what an action has given, under its SHA-256, and learns the file that it is
    /// in; `None` if the cache takes nothing. Other calls wait while a body is written.
    ///
    /// # Errors
    ///
    /// [`CacheError`]; also if the file that it names is missing or has another size.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; it may have been put or not.
    pub async fn put(
        &self,
        action: &[u8],
        output: &[u8],
        body: impl Into<Content>,
    ) -> Result<Option<PathBuf>, CacheError> {
        let body = body.into();
        let size = body.size();
        let put = Request::Put {
            action: action.to_owned(),
            output: output.to_owned(),
            body,
        };
        match self.helper.call(put).await {
            Ok(Response::Stored { path }) => {
                self.learn(output, &path, size).await?;
                Ok(Some(path))
            }
            Err(CallError::Unsupported { .. }) => Ok(None),
            Ok(_) => Err(self.unfitting("put")),
            Err(error) => Err(error.into()),
        }
    }

    /// The file of an output, as the last get or put has named it: nothing is asked.
    ///
    /// The names are kept as long as the cache has a handle, some hundred bytes for each output.
    ///
    /// # Errors
    ///
    /// [`CacheError::Unknown`] if none has named it. The file is looked at, so that also
    /// [`CacheError::NoFile`] and [`CacheError::Size`] are told: the cache may have been closed, or
    /// have removed it since.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn output_file(&self, output: &[u8]) -> Result<PathBuf, CacheError> {
        let named = self.files.lock().get(output).cloned();
        let Named { path, size } = named.ok_or_else(|| CacheError::Unknown {
            output: STANDARD.encode(output),
        })?;
        check(&path, size).await?;
        Ok(path)
    }

    /// Closes the cache; see [`Helper::close`].
    ///
    /// # Errors
    ///
    /// [`GoneError`] if its node is down or is stopped.
    ///
    /// # Cancel safety
    ///
    /// The cache is closed all the same.
    pub async fn close(&self) -> Result<Arc<CloseReport>, GoneError> {
        self.helper.close().await
    }

    fn unfitting(&self, asked: &'static str) -> CacheError {
        let helper = self.helper.inner.name.clone();
        CacheError::Unfitting { helper, asked }
    }

    /// Sees that a file is there, and keeps its name.
    async fn learn(&self, output: &[u8], path: &Path, size: u64) -> Result<(), CacheError> {
        check(path, size).await?;
        let path = path.to_owned();
        let named = Named { path, size };
        self.files.lock().insert(output.to_owned(), named);
        Ok(())
    }
}

impl From<Helper<Asking>> for GoCache {
    /// A cache with the limits of this helper.
    fn from(helper: Helper<Asking>) -> Self {
        let files = Arc::default();
        Self { helper, files }
    }
}

/// Sees that a file is there, whole.
async fn check(path: &Path, size: u64) -> Result<(), CacheError> {
    let path = || path.to_owned();
    let looked = tokio::fs::metadata(path()).await;
    let found = looked.map_err(|error| CacheError::NoFile {
        path: path(),
        source: Arc::new(error),
    })?;
    match found.len() {
        found if found == size => Ok(()),
        found => Err(CacheError::Size {
            path: path(),
            size,
            found,
        }),
    }
}

impl Protocol for Asking {
    type Request = Request<Content>;
    type Response = Response;
    type Capabilities = Commands;

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn read_hello(&self, message: &[u8]) -> Result<Option<Commands>, ProtocolError> {
        let Greeted { id, known_commands } = read(message)?;
        if id != 0 {
            return Err(ProtocolError::malformed(message, "the id of a hello is 0"));
        }
        let knows = |word: &str| known_commands.iter().any(|known| known == word);
        if known_commands.is_empty() {
            return Err(ProtocolError::NoCapabilities);
        }
        Ok(Some(Commands {
            get: knows("get"),
            put: knows("put"),
            close: knows("close"),
        }))
    }

    fn supports(&self, commands: &Commands, request: &Request<Content>) -> bool {
        match request {
            Request::Get { .. } => commands.get,
            Request::Put { .. } => commands.put,
            Request::Close => commands.close,
        }
    }

    /// All of it is: what was put is put.
    fn is_idempotent(&self, _: &Request<Content>) -> bool {
        true
    }

    fn write(&self, id: CallId, request: &Request<Content>, message: &mut Vec<u8>) {
        let asked = |word, action: &[u8], output: &[u8], size| Asked {
            id,
            word,
            action: STANDARD.encode(action),
            output: STANDARD.encode(output),
            size,
        };
        let asked = match request {
            Request::Get { action } => asked(Word::Get, action, &[], 0),
            Request::Put {
                action,
                output,
                body,
            } => asked(Word::Put, action, output, body.size()),
            Request::Close => asked(Word::Close, &[], &[], 0),
        };
        message.extend(json(&asked));
        // An empty line stands behind each request, as the go command has it.
        message.push(b'\n');
    }

    fn body(&self, request: &Request<Content>) -> Option<Body> {
        match request {
            Request::Put { body, .. } => body.body(),
            Request::Get { .. } | Request::Close => None,
        }
    }

    fn read(&self, message: &[u8]) -> Result<Message<Response>, ProtocolError> {
        let answered: Answered = read(message)?;
        let id = answered.id;
        if let Some(error) = answered.error {
            let result = Err(error);
            return Ok(Message::Answer { id, result });
        }
        let response = match (answered.is_miss, answered.output, answered.path) {
            (true, ..) => Response::Miss,
            (_, Some(output), Some(path)) => Response::Hit {
                output: decode(&output)?,
                size: answered.size,
                path,
            },
            (_, Some(_), None) => {
                return Err(ProtocolError::malformed(message, "a hit names a file"));
            }
            (_, None, Some(path)) => Response::Stored { path },
            (_, None, None) => Response::Done,
        };
        let result = Ok(response);
        Ok(Message::Answer { id, result })
    }

    fn close_request(&self, commands: &Commands) -> Option<Request<Content>> {
        commands.close.then_some(Request::Close)
    }
}
