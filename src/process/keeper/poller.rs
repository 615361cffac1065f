//! What the keeper waits for: descriptors, the bell, and a time.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// How many events are taken at a time.
const EVENTS_MAX: usize = 64;
/// The word for the bell: no program has this key.
const BELL: u64 = u64::MAX;

/// Which descriptor of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Exit,
    Stdout,
    Stderr,
    Stdin,
    Ready,
}

const WHATS: [What; 5] = [
    What::Exit,
    What::Stdout,
    What::Stderr,
    What::Stdin,
    What::Ready,
];

/// Something has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// There are orders.
    Bell,
    /// To a descriptor of the program with this key.
    Of(u64, What),
}

pub(super) struct Poller {
    epoll: OwnedFd,
    bell: Arc<OwnedFd>,
}

impl Poller {
    pub(super) fn new(bell: Arc<OwnedFd>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(BELL);
        epoll::add(&epoll, &bell, data, epoll::EventFlags::IN)?;
        Ok(Self { epoll, bell })
    }

    /// Listens to a descriptor until it is closed or [ignored](Self::ignore).
    pub(super) fn listen(&self, fd: impl AsFd, key: u64, what: What) -> io::Result<()> {
        let flags = match what {
            What::Stdin => epoll::EventFlags::OUT,
            What::Stdout | What::Stderr | What::Ready => epoll::EventFlags::IN,
            // Told once: the end of a program that somebody traces is seen first, and ours to see
            // only when the tracer lets go, which is told again.
            What::Exit => epoll::EventFlags::IN | epoll::EventFlags::ET,
        };
        let word = epoll::EventData::new_u64(key * WHATS.len() as u64 + what as u64);
        Ok(epoll::add(&self.epoll, fd, word, flags)?)
    }

    /// Ends that. A descriptor may be open elsewhere, so closing ours is not enough.
    pub(super) fn ignore(&self, fd: impl AsFd) {
        // It may not have been listened to, which is as good.
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Waits until something happens, or until then.
    pub(super) fn wait(&self, until: Option<Instant>, events: &mut Vec<Event>) {
        let timeout = until.map(|until| {
            let left = until.saturating_duration_since(Instant::now());
            Timespec::try_from(left.min(LONG)).expect("an hour is a time")
        });
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(EVENTS_MAX);
        // An interrupted wait is one without events.
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut ready), timeout.as_ref());
        for event in ready {
            events.push(match event.data.u64() {
                BELL => {
                    let _ = rustix::io::read(&self.bell, &mut [0; 8]);
                    Event::Bell
                }
                word => {
                    let count = WHATS.len() as u64;
                    let what = usize::try_from(word % count).expect("it is one of five");
                    Event::Of(word / count, WHATS[what])
                }
            });
        }
    }
}

/// Older systems cannot wait for weeks, and looking at the clock in between costs nothing.
const LONG: Duration = Duration::from_secs(3600);
