//! An axum server whose graceful shutdown is the tree's.
//!
//! `cargo run --example axum`, then `curl http://127.0.0.1:8080/`. A signal stops it in order:
//! requests that are being served are finished, within the grace. A port in use ends it with exit
//! code 1.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use perennial::{Context, Failure, runnable};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    perennial::run(root).await.map(drop)
}

async fn root(ctx: Context) -> anyhow::Result<()> {
    let server = ctx.run("server", runnable(server).grace(Duration::from_secs(30)))?;
    server.healthy().await?;
    println!("listening");
    ctx.done();
    Ok(())
}

async fn server(ctx: Context) -> anyhow::Result<()> {
    // Trying again would not free the port: somebody has to look.
    let bound = TcpListener::bind("127.0.0.1:8080").await;
    let listener = bound.inspect_err(|_| ctx.give_up())?;
    let router = Router::new().route("/", get(async || "hello\n"));
    ctx.healthy();
    let stopped = ctx.token().cancelled_owned();
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}
