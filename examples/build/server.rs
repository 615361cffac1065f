//! The server: a tree with the solver, and with those who ask.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use perennial::solver::Solver;
use perennial::{Context, Failure, Pool, Report, Supervisor, Tree, method};
use thiserror::Error;
use tokio::net::UnixStream;

use crate::artifacts::Artifacts;
use crate::builds::Builds;
use crate::make::JOBS;
use crate::results::Results;
use crate::socket::{Clients, Listener, Place, PlaceError};
use crate::workplace::{Workplace, WorkplaceError};

/// How long a command that nobody wants any more may take to be gone: more than its own ladder.
const GRACE: Duration = Duration::from_secs(6);

/// Why there is no server, or no more.
#[derive(Debug, Error)]
pub(crate) enum ServerError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Workplace(#[from] WorkplaceError),
    #[error(transparent)]
    System(#[from] io::Error),
    // The whole chain of causes.
    #[error("{0:?}")]
    Failed(Failure),
    #[error("{0}")]
    Left(Report),
}

/// Whom a server answers.
pub(crate) enum Door {
    /// All who come to the socket of this place, which is taken.
    Open(Place),
    /// One, who is there already.
    Closed(StdStream),
}

/// The parts of a server.
struct Root {
    solver: Solver<Artifacts>,
    clients: Entry,
}

/// Where clients come in.
enum Entry {
    Socket(Arc<Listener<Builds>>),
    Pool(Pool),
}

/// Starts a server that keeps what it has in this folder, of which it is the only one. A signal
/// stops it.
pub(crate) async fn start(folder: &Path, jobs: u32, door: Door) -> Result<Tree, ServerError> {
    let workplace = Arc::new(Workplace::open(folder).await?);
    let results = Results::new(&workplace);
    let solver = Solver::builder().store(results).limit(JOBS, jobs);
    let solver = solver.grace(GRACE).linger(Duration::ZERO).build();
    let clients = Clients(Arc::new(Builds::new(workplace, solver.clone())));
    match door {
        Door::Open(place) => {
            let listener = Arc::new(Listener { place, clients });
            Ok(Root::start(solver, Entry::Socket(listener)))
        }
        Door::Closed(stream) => {
            let pool = Pool::new();
            let tree = Root::start(solver, Entry::Pool(pool.clone()));
            stream.set_nonblocking(true)?;
            let stream = UnixStream::from_std(stream)?;
            tree.ready().await;
            clients.serve(stream, &pool).map_err(io::Error::other)?;
            Ok(tree)
        }
    }
}

impl Root {
    fn start(solver: Solver<Artifacts>, clients: Entry) -> Tree {
        let root = Arc::new(Self { solver, clients });
        let supervisor = Supervisor::new(method(&root, Self::run));
        supervisor.stop_on_signals().start()
    }

    async fn run(&self, ctx: Context) -> anyhow::Result<()> {
        let solver = ctx.run("solver", self.solver.node())?;
        solver.healthy().await?;
        match &self.clients {
            Entry::Socket(listener) => ctx.run("control", method(listener, Listener::run))?,
            Entry::Pool(pool) => ctx.run("clients", pool.clone())?,
        };
        ctx.done();
        Ok(())
    }
}

/// What came of a server that has ended.
pub(crate) fn judge(ended: Result<Report, Failure>) -> Result<(), ServerError> {
    match ended {
        Ok(report) if report.leaked().next().is_none() => Ok(()),
        Ok(report) => Err(ServerError::Left(report)),
        Err(failure) => Err(ServerError::Failed(failure)),
    }
}
