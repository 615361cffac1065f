//! A build server, and the commands that have it build.
//!
//! ```text
//! root
//!   solver       shares work among clients; one node for each command that runs
//!   control      accepts on the socket
//!     clients    a pool: one for each build
//! ```
//!
//! ```sh
//! cargo run --example build --features process,solver -- run -f examples/build/demo/build.toml
//! cargo run --example build --features process,solver -- graph -f examples/build/demo/build.toml
//! ```
//!
//! A target is run again when its command, its environment, a file that it reads or what it needs
//! has become another one; what it makes is stored, and put in its place from there. A command sees
//! the `PATH` of who asked, what the file says of its environment, and nothing else of it.

mod args;
mod artifacts;
mod builds;
mod client;
mod depfile;
#[path = "../faults/mod.rs"]
mod faults;
mod graph;
mod import;
mod locks;
mod make;
mod memory;
mod plan;
mod progress;
mod results;
mod server;
mod show;
#[path = "../socket/mod.rs"]
mod socket;
mod state;
mod workplace;

use std::fmt;
use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use perennial::process;
use tokio::runtime::Runtime;

use crate::args::{Args, Verb};
use crate::client::Wanted;
use crate::graph::Dot;
use crate::plan::Plan;
use crate::server::{Door, ServerError};
use crate::show::{Detail, Show};
use crate::socket::{Place, PlaceError};

/// What an end says to who started us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    AsTold = 0,
    Failed = 1,
    BadInput = 2,
    /// The server has ended before it had answered.
    Torn = 3,
    /// A signal has stopped it.
    Stopped = 130,
}

fn main() -> ExitCode {
    process::guard();
    let code = match Args::parse().verb {
        Verb::Run {
            file,
            targets,
            server,
            jobs,
            verbose,
        } => {
            let show = Show::new(if verbose { Detail::All } else { Detail::Ran });
            let file = file.file;
            let wanted = Wanted { file, targets };
            match server {
                Some(folder) => client::ask_server(&folder, wanted, show),
                None => client::serve_one(jobs.limit(), wanted, show),
            }
        }
        Verb::Serve { dir, jobs } => match serve(&dir, jobs.limit()) {
            Ok(()) => Code::AsTold,
            Err(error @ ServerError::Place(PlaceError::Taken)) => {
                complain(Code::BadInput, format_args!("{}: {error}", dir.display()))
            }
            Err(error) => complain(Code::Failed, format_args!("{}: {error}", dir.display())),
        },
        Verb::Graph { file, svg } => graph(&file.file, svg),
        Verb::Import {
            compile_commands,
            archive,
            output,
        } => match import::import(&compile_commands, archive, &output) {
            Ok(()) => Code::AsTold,
            Err(error) => complain(Code::BadInput, error),
        },
    };
    ExitCode::from(code as u8)
}

/// Is a server until a signal comes.
fn serve(dir: &Path, jobs: u32) -> Result<(), ServerError> {
    let place = Place::make(dir.to_owned())?;
    place.check()?;
    // As long as this lives, nobody else serves here.
    let _lock = place.take()?;
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let tree = server::start(dir, jobs, Door::Open(place)).await?;
        server::judge(tree.ended().await)
    })
}

fn graph(file: &Path, svg: bool) -> Code {
    let plan = match Plan::read(Path::new(""), file) {
        Ok(plan) => plan,
        Err(bad) => return complain(Code::BadInput, bad),
    };
    let dot = Dot(&plan);
    let drawn = if svg {
        dot.draw().map_err(|error| error.to_string())
    } else {
        write!(stdout(), "{dot}").map_err(|error| error.to_string())
    };
    match drawn {
        Ok(()) => Code::AsTold,
        Err(why) => complain(Code::Failed, why),
    }
}

/// Says what is wrong, and gives the code for it.
pub(crate) fn complain(code: Code, what: impl fmt::Display) -> Code {
    // Nobody may be there to read it.
    let _ = writeln!(stderr(), "build: {what}");
    code
}
