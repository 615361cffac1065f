//! Tokio's channels with scheduling points.

pub(crate) mod watch {
    pub(crate) use tokio::sync::watch::{Receiver, Ref};

    use crate::runtime::sync::scheduled::point;

    #[derive(Debug)]
    pub(crate) struct Sender<T>(tokio::sync::watch::Sender<T>);

    pub(crate) fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = tokio::sync::watch::channel(value);
        (Sender(sender), receiver)
    }

    impl<T> Sender<T> {
        pub(crate) fn send_replace(&self, value: T) -> T {
            point();
            self.0.send_replace(value)
        }

        pub(crate) fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
            point();
            self.0.send_if_modified(change)
        }

        pub(crate) fn borrow(&self) -> Ref<'_, T> {
            point();
            self.0.borrow()
        }

        pub(crate) fn subscribe(&self) -> Receiver<T> {
            point();
            self.0.subscribe()
        }

        pub(crate) fn send_modify(&self, change: impl FnOnce(&mut T)) {
            point();
            self.0.send_modify(change);
        }
    }
}

pub(crate) mod oneshot {
    pub(crate) use tokio::sync::oneshot::Receiver;

    use crate::runtime::sync::scheduled::point;

    /// Present until it has sent.
    #[derive(Debug)]
    pub(crate) struct Sender<T>(Option<tokio::sync::oneshot::Sender<T>>);

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        (Sender(Some(sender)), receiver)
    }

    impl<T> Sender<T> {
        pub(crate) fn send(mut self, value: T) -> Result<(), T> {
            point();
            let sender = self.0.take();
            sender.expect("it is sent once").send(value)
        }

        pub(crate) fn is_closed(&self) -> bool {
            point();
            self.0.as_ref().is_none_or(|sender| sender.is_closed())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            if self.0.is_some() {
                point();
            }
        }
    }
}

pub(crate) mod mpsc {
    use std::fmt;
    use std::sync::{Arc, Mutex, PoisonError};

    use tokio::sync::mpsc;
    use tokio::sync::mpsc::error::{SendError, TryRecvError};

    use crate::runtime::sync::scheduled::point;

    /// Messages that were on their way when the queue was closed. They stay as long as a sender, as
    /// in tokio's, whose `send` takes a place in the queue first and fills it then.
    struct Late<T>(Arc<Mutex<Vec<T>>>);

    impl<T> Late<T> {
        fn push(&self, message: T) {
            let messages = self.0.lock();
            messages
                .unwrap_or_else(PoisonError::into_inner)
                .push(message);
        }

        fn take(&self) -> Vec<T> {
            let messages = self.0.lock();
            std::mem::take(&mut *messages.unwrap_or_else(PoisonError::into_inner))
        }
    }

    pub(crate) struct UnboundedSender<T> {
        queue: mpsc::UnboundedSender<T>,
        late: Late<T>,
    }

    pub(crate) struct UnboundedReceiver<T> {
        queue: mpsc::UnboundedReceiver<T>,
        late: Late<T>,
    }

    pub(crate) fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let late = Arc::default();
        let sender = UnboundedSender {
            queue: sender,
            late: Late(Arc::clone(&late)),
        };
        let receiver = UnboundedReceiver {
            queue: receiver,
            late: Late(late),
        };
        (sender, receiver)
    }

    impl<T> UnboundedSender<T> {
        pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
            point();
            if self.queue.is_closed() {
                return Err(SendError(message));
            }
            point();
            if let Err(SendError(message)) = self.queue.send(message) {
                self.late.push(message);
            }
            Ok(())
        }

        pub(crate) async fn closed(&self) {
            point();
            self.queue.closed().await;
        }
    }

    impl<T> fmt::Debug for UnboundedSender<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.queue.fmt(f)
        }
    }

    impl<T> Clone for UnboundedSender<T> {
        fn clone(&self) -> Self {
            let (queue, late) = (self.queue.clone(), Late(self.late.0.clone()));
            Self { queue, late }
        }
    }

    impl<T> UnboundedReceiver<T> {
        pub(crate) async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
            self.queue.recv_many(buffer, limit).await
        }

        pub(crate) fn is_empty(&self) -> bool {
            point();
            self.queue.is_empty()
        }

        pub(crate) fn len(&self) -> usize {
            point();
            self.queue.len()
        }

        pub(crate) fn close(&mut self) {
            point();
            self.queue.close();
        }

        pub(crate) fn try_recv(&mut self) -> Result<T, TryRecvError> {
            point();
            self.queue.try_recv()
        }
    }

    /// Drops what had arrived, and what was late by then.
    impl<T> Drop for UnboundedReceiver<T> {
        fn drop(&mut self) {
            self.close();
            drop(self.late.take());
        }
    }
}
