//! The two directions of a connection, with the buffers between bytes and requests.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::resp::Reply;

/// A socket and what is on its way.
#[derive(Debug)]
pub(crate) struct Socket {
    /// What was received and not decoded.
    pub(crate) input: BytesMut,
    /// What was encoded and not sent.
    output: BytesMut,
    stream: TcpStream,
    idle_timeout: Option<Duration>,
}

impl Socket {
    /// A socket from which nothing was read, of a client that may be silent for so long.
    pub(crate) fn new(stream: TcpStream, idle_timeout: Option<Duration>) -> io::Result<Self> {
        // Without this, a reply may wait for the acknowledgement of the one before it.
        stream.set_nodelay(true)?;
        Ok(Self {
            input: BytesMut::new(),
            output: BytesMut::new(),
            stream,
            idle_timeout,
        })
    }

    /// Receives some bytes; none if the client has closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was received is in the input.
    pub(crate) async fn receive(&mut self) -> io::Result<usize> {
        loop {
            self.input.reserve(INPUT_BYTES);
            match self.stream.try_read_buf(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return received,
            }
            // The wait may be long: it is not worth an empty buffer.
            if self.input.is_empty() {
                self.input = BytesMut::new();
            }
            self.output = BytesMut::new();
            within(self.idle_timeout, self.stream.readable()).await?;
        }
    }

    /// Encodes a reply, and sends it once there is enough to send.
    pub(crate) async fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        reply.encode(&mut self.output);
        if self.output.len() < OUTPUT_BYTES {
            return Ok(());
        }
        self.flush().await
    }

    /// Sends what was encoded.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        let written = self.stream.write_all_buf(&mut self.output);
        within(self.idle_timeout, written).await
    }

    /// Closes, and waits a moment for the client to do the same.
    ///
    /// A socket that is dropped with bytes unread is reset, and what was sent last is lost.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        let discarded = async {
            let mut bytes = 0;
            while bytes < DISCARDED_BYTES_MAX {
                self.input.clear();
                self.input.reserve(INPUT_BYTES);
                match self.stream.read_buf(&mut self.input).await? {
                    0 => break,
                    count => bytes += count,
                }
            }
            Ok(())
        };
        within(Some(DISCARDED_TIME_MAX), discarded).await
    }
}

/// Runs a future for as long as a client may take.
async fn within<T>(
    limit: Option<Duration>,
    future: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match limit {
        None => future.await,
        Some(limit) => timeout(limit, future).await?,
    }
}

/// How much room there is for each read.
const INPUT_BYTES: usize = 16 << 10;
/// How much is sent at a time, the last reply excepted.
const OUTPUT_BYTES: usize = 64 << 10;
/// How much is read of a client that has been told to go, and how long.
const DISCARDED_BYTES_MAX: usize = 1 << 20;
const DISCARDED_TIME_MAX: Duration = Duration::from_secs(1);
