//! The smallest daemon: it fails now and then, and stops in order on SIGINT or SIGTERM.
use perennial::{Context, Failure};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    perennial::run(hello).await.map(drop)
}

async fn hello(ctx: Context) -> anyhow::Result<()> {
    ctx.healthy();
    println!("hello, attempt {}", ctx.attempt());
    let nap = tokio::time::sleep(std::time::Duration::from_secs(3));
    anyhow::ensure!(ctx.until_cancelled(nap).await.is_none(), "tired");
    Ok(())
}
