//! The conversation with one incarnation of a program.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::FramedRead;

use crate::Context;
use crate::process::{Gone, Process, StdinWriter};

use super::body::{Body, Writer};
use super::calls::{Call, InFlight};
use super::error::{CallError, Crash, CrashCause};
use super::framing::{FrameError, Frames};
use super::handle::{Inner, State};
use super::protocol::{CallId, Message, Protocol, ProtocolError};
use super::report::CloseAnswer;

/// How long a program that has closed its output may take to end, mostly it has; and how long its
/// output may take to be at its end when it has ended.
const ENDING_MAX: Duration = Duration::from_millis(100);

/// How many answers to its questions a program may leave unread, and as many more messages as calls
/// may be given up.
const OUTBOX_MAX: usize = 1024;

/// How many bytes of what a program wrote to standard error a crash quotes, from the end.
const LAST_WORDS_MAX: usize = 1000;

/// A program that runs, and all that is said and not answered.
pub(super) struct Session<P: Protocol> {
    inner: Arc<Inner<P>>,
    process: Process,
    stdin: StdinWriter,
    frames: FramedRead<Receiver, Frames>,
    in_flight: InFlight<P>,
    /// Messages that are no calls, and go first.
    outbox: VecDeque<Vec<u8>>,
    writing: Option<Writing>,
    /// When it has ended: until when what it said before is read. The end of its output may be held
    /// off by somebody else who has it.
    heard_until: Option<Instant>,
    /// Why nothing can be written to it any more.
    broken: Option<CrashCause>,
    strays: u32,
}

/// A message that is being written, and the call that it makes.
type Writing = BoxFuture<'static, (Option<CallId>, Result<(), CrashCause>)>;

/// Why a conversation is over that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The node was asked to stop.
    Stopped,
    /// The helper is closed by its users.
    Closed,
}

impl<P: Protocol> Session<P> {
    pub(super) fn new(inner: &Arc<Inner<P>>, process: Process) -> io::Result<Self> {
        let limits = inner.limits;
        let taken = || io::Error::other("somebody has its standard input or output");
        let stdin = process.stdin().ok_or_else(taken)?;
        let stdout = Receiver::from_owned_fd(process.take_stdout().ok_or_else(taken)?)?;
        let frames = Frames::new(inner.protocol.framing(), limits.message_max);
        Ok(Self {
            inner: inner.clone(),
            process,
            stdin,
            frames: FramedRead::new(stdout, frames),
            in_flight: InFlight::new(inner.queue.clone(), limits.tries_max),
            outbox: VecDeque::new(),
            writing: None,
            heard_until: None,
            broken: None,
            strays: 0,
        })
    }

    /// Says and hears the first words; `None` if the node is asked to stop before that is done.
    pub(super) async fn shake_hands(
        &mut self,
        context: &Context,
    ) -> Result<Option<P::Capabilities>, CrashCause> {
        let within = self.inner.limits.handshake;
        let shaken = timeout(within, self.hello());
        match context.until_cancelled(shaken).await {
            None => Ok(None),
            Some(Err(_)) => Err(CrashCause::Mute { within }),
            Some(Ok(capabilities)) => capabilities.map(Some),
        }
    }

    async fn hello(&mut self) -> Result<P::Capabilities, CrashCause> {
        self.outbox.extend(self.inner.protocol.greeting());
        loop {
            let Some(frame) = self.step(None).await? else {
                continue;
            };
            match self.inner.protocol.read_hello(&frame) {
                Ok(Some(capabilities)) => {
                    self.outbox.extend(self.inner.protocol.confirmation());
                    return Ok(capabilities);
                }
                Ok(None) => {}
                Err(error) => self.let_pass(error)?,
            }
        }
    }

    /// Carries calls and answers until the node is asked to stop or the helper is closed.
    pub(super) async fn carry(
        &mut self,
        context: &Context,
        capabilities: &P::Capabilities,
    ) -> Result<Over, CrashCause> {
        let mut states = self.inner.state.subscribe();
        loop {
            let frame = tokio::select! {
                biased;
                () = context.cancelled() => return Ok(Over::Stopped),
                // The sender is in `inner`, so it never ends.
                Ok(_) = states.wait_for(|state| matches!(state, State::Closing)) => {
                    return Ok(Over::Closed);
                }
                frame = self.step(Some(capabilities)) => frame?,
            };
            if let Some(frame) = frame {
                self.hear(&frame)?;
            }
        }
    }

    /// Waits for the answers to what was sent, as long as a close may.
    pub(super) async fn drain(&mut self) -> Result<(), CrashCause> {
        let within = self.inner.limits.drain;
        let drained = timeout(within, async {
            while self.is_writing() || self.in_flight.wanted() > 0 {
                if let Some(frame) = self.step(None).await? {
                    self.hear(&frame)?;
                }
            }
            Ok(())
        });
        drained.await.unwrap_or(Ok(()))
    }

    /// Asks the program to close, if that is how it is done. One that does not read is not asked.
    pub(super) async fn ask_to_close(
        &mut self,
        capabilities: &P::Capabilities,
    ) -> Result<CloseAnswer, CrashCause> {
        let Some(request) = self.inner.protocol.close_request(capabilities) else {
            return Ok(CloseAnswer::NotAsked);
        };
        if self.is_writing() {
            return Ok(CloseAnswer::Silent);
        }
        let close = self.inner.next_id();
        let mut message = Vec::new();
        self.inner.protocol.write(close, &request, &mut message);
        self.write(None, message, None);
        let within = self.inner.limits.close;
        match timeout(within, self.answer_to(close)).await {
            Err(_) => Ok(CloseAnswer::Silent),
            // It need not say that it does what it was asked for, nor wait for that.
            Ok(Err(CrashCause::Ended | CrashCause::HungUp | CrashCause::Write(_))) => {
                Ok(CloseAnswer::Ended)
            }
            Ok(answer) => answer,
        }
    }

    async fn answer_to(&mut self, close: CallId) -> Result<CloseAnswer, CrashCause> {
        let mut answer = None;
        loop {
            // It may be heard before we hear that the request is written, but it is a guess as long
            // as that is not so.
            if let Some(answer) = answer.take_if(|_| self.writing.is_none()) {
                return Ok(answer);
            }
            let Some(frame) = self.step(None).await? else {
                continue;
            };
            match self.read(&frame)? {
                Some(Message::Answer { id, result }) if id == close && answer.is_none() => {
                    let failed = result.err().map(CloseAnswer::Failed);
                    answer = Some(failed.unwrap_or(CloseAnswer::Closed));
                }
                Some(message) => self.take_in(message)?,
                None => {}
            }
        }
    }

    /// Whether something has to be written that is not.
    fn is_writing(&self) -> bool {
        self.writing.is_some() || !self.outbox.is_empty()
    }

    /// Says that the calls which are left will have no other incarnation.
    pub(super) fn close_calls(&mut self) {
        self.in_flight.close();
    }

    /// How many callers wait for an answer.
    pub(super) fn unanswered(&self) -> usize {
        self.in_flight.wanted()
    }

    /// Stops the program by its ladder, of which the first rung closes its standard input.
    pub(super) async fn end(&mut self) -> Gone {
        self.writing = None;
        let gone = self.process.stop();
        // What it still says is read, so that it can end; nobody needs it.
        let read = async {
            while self.frames.next().await.is_some() {}
            pending().await
        };
        tokio::select! {
            gone = gone => gone,
            () = read => unreachable!("it never ends"),
        }
    }

    /// Stops the program, which has crashed or misbehaved, and fails the calls that it has.
    pub(super) async fn crash(&mut self, cause: CrashCause) -> (Arc<Crash>, Gone) {
        // It may have been written by now, which the caller is told.
        if let Some(written) = finish(&mut self.writing).now_or_never() {
            drop(self.written(written));
        }
        let gone = self.end().await;
        let crash = Arc::new(Crash {
            program: self.inner.name.clone(),
            cause,
            exit: gone.exit.clone(),
            last_words: end_of(&self.process.stderr().text()),
        });
        self.in_flight.condemn(crash.clone());
        (crash, gone)
    }

    /// Waits for one thing, and does it; gives a message out if there is one. Takes a call only if
    /// it is known what the program can do.
    ///
    /// Cancel safe: what was not done stays.
    async fn step(
        &mut self,
        capabilities: Option<&P::Capabilities>,
    ) -> Result<Option<Bytes>, CrashCause> {
        self.write_outbox();
        let takes = self.heard_until.is_none() && self.writing.is_none() && self.has_room()?;
        let capabilities = capabilities.filter(|_| takes);
        let watch = self.process.watch();
        tokio::select! {
            biased;
            written = finish(&mut self.writing) => match self.written(written) {
                // It has ended, or reads no more. What it has said before is heard first.
                Err(cause @ CrashCause::Write(_)) => {
                    self.broken = Some(cause);
                    self.hear_out();
                }
                written => written?,
            },
            framed = self.frames.next() => return self.unwrap(framed).await,
            _ = watch.exited(), if self.heard_until.is_none() => self.hear_out(),
            () = reached(self.heard_until) => {
                return Err(self.broken.take().unwrap_or(CrashCause::Ended));
            }
            id = self.inner.queue.next_given_up() => self.give_up(id),
            (call, capabilities) = next(&self.inner, &self.in_flight, capabilities) => {
                self.take(call, capabilities);
            }
        }
        Ok(None)
    }

    /// Hears what it has said, and no longer than an end may take.
    fn hear_out(&mut self) {
        let until = Instant::now() + ENDING_MAX;
        self.heard_until.get_or_insert(until);
    }

    fn written(
        &mut self,
        (id, written): (Option<CallId>, Result<(), CrashCause>),
    ) -> Result<(), CrashCause> {
        self.writing = None;
        match (id, &written) {
            (Some(id), Ok(())) => self.in_flight.written(id),
            // Its next try would fare no better.
            (Some(id), Err(CrashCause::Body(error))) => {
                let (helper, source) = (self.inner.name.clone(), error.clone());
                self.in_flight.fail(id, CallError::Body { helper, source });
            }
            (_, Err(_)) | (None, Ok(())) => {}
        }
        written
    }

    /// Whether another call may be sent. A program that is full of calls which everybody has given
    /// up will not answer any more.
    fn has_room(&self) -> Result<bool, CrashCause> {
        let calls = self.in_flight.len();
        if self.in_flight.is_reserved() {
            return Ok(false);
        }
        if calls < self.inner.limits.in_flight_max {
            return Ok(true);
        }
        match self.in_flight.wanted() {
            0 => Err(CrashCause::Unanswered { calls }),
            _ => Ok(false),
        }
    }

    async fn unwrap(
        &mut self,
        framed: Option<io::Result<Result<Bytes, FrameError>>>,
    ) -> Result<Option<Bytes>, CrashCause> {
        match framed {
            Some(Ok(Ok(frame))) => Ok(Some(frame)),
            Some(Ok(Err(error))) => self.let_pass(error.into()).map(|()| None),
            Some(Err(_)) | None => {
                let watch = self.process.watch();
                let has_ended = timeout(ENDING_MAX, watch.exited()).await.is_ok();
                Err(match has_ended {
                    true => CrashCause::Ended,
                    false => CrashCause::HungUp,
                })
            }
        }
    }

    fn give_up(&mut self, id: CallId) {
        // It may have been answered, or sent to another incarnation.
        if self.in_flight.give_up(id) {
            self.outbox.extend(self.inner.protocol.cancellation(id));
        }
    }

    fn take(&mut self, call: Call<P>, capabilities: &P::Capabilities) {
        if self.inner.protocol.supports(capabilities, &call.request) {
            self.send(call);
        } else {
            let helper = self.inner.name.clone();
            call.end(Err(CallError::Unsupported { helper }));
        }
    }

    fn send(&mut self, call: Call<P>) {
        let protocol = &self.inner.protocol;
        let (id, mut message) = (self.inner.next_id(), Vec::new());
        protocol.write(id, &call.request, &mut message);
        let (bytes, max) = (message.len(), self.inner.limits.message_max);
        if bytes > max {
            let helper = self.inner.name.clone();
            return call.end(Err(CallError::TooLong { helper, bytes, max }));
        }
        let is_idempotent = protocol.is_idempotent(&call.request);
        let body = protocol.body(&call.request);
        self.in_flight.begin(id, call, is_idempotent);
        self.write(Some(id), message, body);
    }

    fn write_outbox(&mut self) {
        if self.writing.is_none()
            && let Some(message) = self.outbox.pop_front()
        {
            self.write(None, message, None);
        }
    }

    fn write(&mut self, id: Option<CallId>, message: Vec<u8>, body: Option<Body>) {
        let writer = Writer {
            stdin: self.stdin.clone(),
            framing: self.inner.protocol.framing(),
            within: self.inner.limits.write,
        };
        self.writing = Some(Box::pin(
            async move { (id, writer.write(message, body).await) },
        ));
    }

    fn hear(&mut self, frame: &[u8]) -> Result<(), CrashCause> {
        match self.read(frame)? {
            Some(message) => self.take_in(message),
            None => Ok(()),
        }
    }

    /// Reads a message; `None` if it is none, and was let pass.
    fn read(&mut self, frame: &[u8]) -> Result<Option<Message<P::Response>>, CrashCause> {
        match self.inner.protocol.read(frame) {
            Ok(message) => Ok(Some(message)),
            Err(error) => self.let_pass(error).map(|()| None),
        }
    }

    fn take_in(&mut self, message: Message<P::Response>) -> Result<(), CrashCause> {
        match message {
            Message::Answer { id, result } => match self.in_flight.answer(id, result) {
                true => Ok(()),
                false => Err(ProtocolError::Stranger { id }.into()),
            },
            Message::Question { answer } => {
                self.outbox.push_back(answer);
                let is_flood = self.outbox.len() > OUTBOX_MAX + self.inner.limits.in_flight_max;
                let flood = || ProtocolError::OutOfTurn("asks more than it reads answers".into());
                if is_flood {
                    Err(flood().into())
                } else {
                    Ok(())
                }
            }
            Message::Notice { text } => {
                tracing::debug!(target: "perennial::helper", id = %self.process.id(), "{text}");
                Ok(())
            }
        }
    }

    /// Lets pass what is no message, if that is allowed and the stream goes on after it.
    fn let_pass(&mut self, error: ProtocolError) -> Result<(), CrashCause> {
        let goes_on = matches!(
            error,
            ProtocolError::Malformed { .. } | ProtocolError::Frame(FrameError::TooLong { .. })
        );
        if !goes_on || self.strays >= self.inner.limits.stray_max {
            return Err(error.into());
        }
        self.strays += 1;
        tracing::warn!(target: "perennial::helper", id = %self.process.id(), "let pass: {error}");
        Ok(())
    }
}

/// Waits until a message is written, for ever if there is none.
async fn finish(writing: &mut Option<Writing>) -> (Option<CallId>, Result<(), CrashCause>) {
    match writing {
        Some(writing) => writing.await,
        None => pending().await,
    }
}

/// Waits for a moment, for ever if there is none.
async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Waits for the next call, for ever if none is to be taken.
async fn next<'a, P: Protocol>(
    inner: &Inner<P>,
    in_flight: &InFlight<P>,
    capabilities: Option<&'a P::Capabilities>,
) -> (Call<P>, &'a P::Capabilities) {
    match capabilities {
        Some(capabilities) => (inner.queue.next(in_flight).await, capabilities),
        None => pending().await,
    }
}

/// The end of a text, for people.
fn end_of(text: &str) -> String {
    let text = text.trim_end();
    let start = text.len().saturating_sub(LAST_WORDS_MAX);
    let start = (start..=text.len()).find(|at| text.is_char_boundary(*at));
    text[start.unwrap_or(text.len())..].to_owned()
}
