//! The side of whoever wants something built.

use std::env;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf, absolute};

use tokio::runtime::Runtime;

use crate::progress::Request;
use crate::server::{self, Door, ServerError};
use crate::show::Show;
use crate::socket::{AskError, Place, PlaceError, ask, connect};
use crate::{Code, complain};

/// The folder of a server that is there for one build.
const FOLDER: &str = ".build";

/// What somebody wants built.
pub(crate) struct Wanted {
    pub(crate) file: PathBuf,
    pub(crate) targets: Vec<String>,
}

impl Wanted {
    fn into_request(self) -> io::Result<Request> {
        let path = env::var("PATH").unwrap_or_default();
        Ok(Request::Run {
            file: self.file,
            from: env::current_dir()?,
            targets: self.targets,
            path,
        })
    }
}

/// Has the server in this folder build it.
pub(crate) fn ask_server(folder: &Path, wanted: Wanted, show: Show) -> Code {
    let wrong = |code, why: &dyn fmt::Display| {
        let folder = folder.display();
        complain(code, format_args!("{folder}: {why}"))
    };
    // Nothing is made for a server that is not there.
    if !folder.is_dir() {
        return wrong(Code::BadInput, &AskError::Down);
    }
    let place = match Place::make(folder.to_owned()) {
        Ok(place) => place,
        Err(error) => return wrong(Code::Failed, &error),
    };
    match connect(&place).and_then(|stream| build(stream, wanted, show)) {
        Err(error @ AskError::Down) => wrong(Code::BadInput, &error),
        Err(error @ AskError::Torn) => wrong(Code::Torn, &error),
        done => judge(done),
    }
}

/// Starts a server for this build alone.
pub(crate) fn serve_one(jobs: u32, wanted: Wanted, show: Show) -> Code {
    let file = wanted.file.clone();
    let served = own_server(&file, jobs, |stream| build(stream, wanted, show));
    match served {
        // Nobody but a signal stops a server that is ours.
        Ok(Err(AskError::Torn)) => complain(Code::Stopped, "stopped"),
        Ok(done) => judge(done),
        Err(error) => complain(Code::Failed, format_args!("{}: {error}", file.display())),
    }
}

/// Does something with a server that is there for this alone, and stops it.
fn own_server<T>(
    file: &Path,
    jobs: u32,
    act: impl FnOnce(UnixStream) -> T,
) -> Result<T, ServerError> {
    let file = absolute(file)?;
    let folder = file.parent().unwrap_or(&file).join(FOLDER);
    let place = Place::make(folder.clone())?;
    let _lock = match place.take() {
        Err(PlaceError::Taken) => {
            let what = "another build is on its way here, and is waited for";
            complain(Code::AsTold, what);
            place.wait_and_take()?
        }
        taken => taken?,
    };
    let (ours, theirs) = UnixStream::pair()?;
    let runtime = Runtime::new()?;
    let tree = runtime.block_on(server::start(&folder, jobs, Door::Closed(theirs)))?;
    let done = act(ours);
    server::judge(runtime.block_on(tree.stop()))?;
    Ok(done)
}

fn build(stream: UnixStream, wanted: Wanted, mut show: Show) -> Result<(), AskError> {
    let request = wanted.into_request().map_err(AskError::System)?;
    let asked = ask(stream, &request, |progress| show.show(progress));
    show.finish();
    asked
}

fn judge(done: Result<(), AskError>) -> Code {
    match done {
        Ok(()) => Code::AsTold,
        Err(AskError::Refused {
            why,
            is_input: true,
        }) => complain(Code::BadInput, why),
        // Whoever read has had enough: what only they wanted is given up.
        Err(AskError::Unshown(error)) if error.kind() == ErrorKind::BrokenPipe => Code::Failed,
        Err(error) => complain(Code::Failed, error),
    }
}
