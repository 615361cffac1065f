//! A program as a node of the tree.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::{Configured, Context, Exit, IntoExit, Runnable, Spec, Startable, runnable};

use super::command::Command;
use super::created::Created;
use super::error::{RunProgramError, StartError};
use super::exit::ExitStatus;
use super::handle::Process;
use super::output::{Lines, TARGET};
use super::ready;
use super::spawn;

impl Command {
    /// What the hold of a node is called that runs the program: what kind of node it is, and how
    /// well the program is contained.
    pub(crate) fn hold_name(&self, kind: &str) -> String {
        format!("{kind} {} ({})", self.name(), spawn::level(self))
    }

    /// Makes a runnable of the program, to give it options.
    ///
    /// A [`Command`] itself is a runnable, too: `ctx.run("redis", Command::new("redis-server"))`.
    ///
    /// - The node is healthy when the program is [ready](Command::ready).
    /// - When it is asked to stop, the program is stopped by its [ladder](Command::ladder). The
    ///   [grace](Configured::grace) is that of the ladder and three seconds; in a shorter one the
    ///   program is killed when it is over.
    /// - The incarnation has not ended before everything of the program has (L1): it is a
    ///   [hold](Context::hold), by the name `process NAME`.
    /// - A program that ends in a way that is not [clean](Command::clean) has failed, and so has
    ///   one that did not become ready. What a start cannot change, such as a program that is
    ///   missing, [gives up](Context::give_up) at once.
    /// - Its lines are told to `tracing`, as `INFO` of the target `perennial::process` with the
    ///   node's path.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use perennial::process::{Command, Ladder, Ready, Signal};
    /// use perennial::{Context, Restart};
    ///
    /// async fn root(ctx: Context) -> anyhow::Result<()> {
    ///     let script = "echo up; exec sleep 100";
    ///     let server = Command::new("sh")
    ///         .args(["-c", script])
    ///         .ready(Ready::line(|line| line.text.contains("up")))
    ///         .ladder(Ladder::new().signal(Signal::TERM, Duration::from_secs(10)));
    ///     ctx.run("server", server.runnable().restart(Restart::Transient))?;
    ///     ctx.done();
    ///     Ok(())
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// #     let tree = perennial::Supervisor::new(root).start();
    /// #     tree.settled().await;
    /// #     let report = tree.stop().await.expect("a stop is no failure");
    /// #     assert!(report.stops.is_empty(), "{report}");
    /// # }
    /// ```
    pub fn runnable(
        self,
    ) -> Configured<impl Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync + 'static> {
        let grace = self.grace();
        let published = self.published.clone();
        let command = Arc::new(self);
        let node = runnable(move |context| {
            let command = command.clone();
            let future = async move { run(&context, command).await.into_exit() };
            Box::pin(future) as BoxFuture<'static, Exit>
        });
        let node = node.grace(grace);
        match published {
            Some(value) => node.publishes(&value),
            None => node,
        }
    }
}

impl Runnable for Command {
    fn into_spec(self) -> Spec {
        self.runnable().into_spec()
    }
}

impl Startable for Command {
    fn into_child(self) -> Spec {
        self.runnable().into_child()
    }
}

/// One incarnation: the program from its start until nothing of it is left.
async fn run(context: &Context, command: Arc<Command>) -> Result<(), RunProgramError> {
    let hold = context.hold(command.hold_name("process"))?;
    let created = Created::new(command.clone()).hold(hold);
    let (told, heard) = (created.lines(), created.lines());
    let process = match created.spawn().await {
        Ok(process) => process,
        Err(error) => return Err(refuse(context, error)),
    };
    let process = Kill(process);
    let (ran, ()) = tokio::join!(
        serve(context, &command, &process.0, heard),
        told.tell(context),
    );
    ran
}

async fn serve(
    context: &Context,
    command: &Command,
    process: &Process,
    lines: Lines,
) -> Result<(), RunProgramError> {
    let id = process.id();
    let (path, containment) = (context.path(), process.containment());
    tracing::info!(target: TARGET, %path, %id, %containment, "started");
    let ready = ready::wait(command, process, lines);
    match context.until_cancelled(ready).await {
        Some(Ok(())) => {
            if let Some(value) = &command.published
                && let Err(error) = value.publish(context, process.clone())
            {
                process.stop().await;
                return Err(error.into());
            }
            context.healthy();
            let watch = process.watch();
            context.until_cancelled(watch.exited()).await;
        }
        Some(Err(why)) => return Err(refuse(context, why.stop(command, process).await)),
        None => {}
    }
    let gone = match process.watch().now() {
        // What it has left is swept.
        Some(_) => process.watch().gone().await,
        None => process.stop().await,
    };
    tracing::info!(target: TARGET, %path, %id, "{gone}");
    judge(command, process, gone.exit)
}

/// What a failed start is to the tree: what cannot heal is not tried again.
fn refuse(context: &Context, error: StartError) -> RunProgramError {
    if error.is_permanent() {
        context.give_up();
    }
    error.into()
}

fn judge(command: &Command, process: &Process, exit: ExitStatus) -> Result<(), RunProgramError> {
    if (command.clean)(&exit) {
        return Ok(());
    }
    let words = process.last_words();
    Err(RunProgramError::Exited {
        program: command.name(),
        exit,
        last_words: words.map_or_else(String::new, |words| format!(": {words}")),
    })
}

/// Kills the program when the incarnation is aborted, whoever else has a handle.
struct Kill(Process);

impl Drop for Kill {
    fn drop(&mut self) {
        drop(self.0.kill());
    }
}
