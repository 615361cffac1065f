//! The harness and the world outside: sockets fail loudly, unless a test asks for I/O.

use std::time::Duration;

use perennial::testing::{Fault, Harness, Settled};
use perennial::{Backoff, Context, State, Supervisor, runnable, serve_tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

#[test]
fn a_socket_fails_loudly_in_a_runtime_without_io() {
    // R12. A test that would be inexact without saying so.
    let root = |_: Context| async { TcpListener::bind("127.0.0.1:0").await.map(drop) };
    Harness::run(None, |h| async move {
        h.start_with(Supervisor::new(root).retry_start());
        h.until("root", State::Waiting).await;
        let root = h.snapshot().await.nodes.remove(0);
        let text = root.to_string();
        assert!(text.contains("panicked") && text.contains("IO"), "{text}");
    });
}

/// Echoes one byte.
async fn echo(_: Context, mut stream: TcpStream) -> std::io::Result<()> {
    let byte = stream.read_u8().await?;
    stream.write_u8(byte).await
}

async fn call(address: std::net::SocketAddr) -> std::io::Result<u8> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_u8(42).await?;
    stream.read_u8().await
}

#[test]
fn with_io_sockets_work_and_the_answers_are_inexact() {
    // R12, R13. Nobody knows what a socket will bring.
    Harness::builder().with_io().run(|h| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("it is free");
        let address = listener.local_addr().expect("it is bound");
        h.start(serve_tcp(listener, echo));
        assert_eq!(h.settled().await, Settled::Inexact);
        for _ in 0..10 {
            assert_eq!(call(address).await.expect("it answers"), 42);
        }
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn sockets_do_not_move_the_clock() {
    // R12. There is a timer to jump to while the test waits for a socket.
    let ticks = |ctx: Context| async move {
        ctx.healthy();
        while ctx
            .until_cancelled(sleep(Duration::from_millis(1)))
            .await
            .is_some()
        {}
    };
    Harness::builder().with_io().run(|h| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("it is free");
        let address = listener.local_addr().expect("it is bound");
        h.start(move |ctx: Context| {
            let serve = ctx.run("ticks", ticks);
            async move {
                serve?;
                ctx.done();
                Ok::<_, perennial::RunError>(())
            }
        });
        h.settled().await;
        let server = async {
            let (stream, _) = listener.accept().await?;
            echo_of(stream).await
        };
        let (answer, served) = tokio::join!(call(address), server);
        served.expect("it serves");
        assert_eq!(answer.expect("it answers"), 42);
        assert_eq!(h.now(), Duration::ZERO);
    });
}

async fn echo_of(mut stream: TcpStream) -> std::io::Result<()> {
    let byte = stream.read_u8().await?;
    stream.write_u8(byte).await
}

#[test]
fn with_io_backoffs_pass_all_the_same() {
    // R8, R12. Once nothing has come from outside for a moment.
    let root = |ctx: Context| async move {
        let serve = |ctx: Context| async move {
            ctx.healthy();
            ctx.cancelled().await;
        };
        let backoff = Backoff::constant(Duration::from_secs(60));
        ctx.run("a", runnable(serve).backoff(backoff))?;
        ctx.done();
        Ok::<_, perennial::RunError>(())
    };
    Harness::builder().with_io().run(|h| async move {
        h.start(root);
        h.settled().await;
        h.inject(Fault::panic("root.a"));
        h.until("root.a", State::Waiting).await;
        h.settled().await;
        assert_eq!(h.now(), Duration::from_secs(60));
        assert_eq!(h.state("root.a").await, Some(State::Healthy));
    });
}
