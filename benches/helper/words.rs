//! What both sides say: a line of JSON with a number and a text, and the same back.

use perennial::helper::{CallId, Framing, Message, Protocol, ProtocolError};
use serde::{Deserialize, Serialize};

/// A request, an answer, or with the number 0 a hello.
#[derive(Serialize, Deserialize)]
pub(crate) struct Said<T> {
    pub(crate) id: CallId,
    pub(crate) text: T,
}

impl Said<&str> {
    pub(crate) fn write(&self, message: &mut Vec<u8>) {
        serde_json::to_writer(message, self).expect("numbers and text are always JSON");
    }
}

impl Said<String> {
    pub(crate) fn read(message: &[u8]) -> Result<Self, ProtocolError> {
        serde_json::from_slice(message).map_err(|why| ProtocolError::malformed(message, why))
    }
}

/// The protocol of the host.
pub(crate) struct Words;

impl Protocol for Words {
    type Request = String;
    type Response = String;
    type Capabilities = ();

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn read_hello(&self, message: &[u8]) -> Result<Option<()>, ProtocolError> {
        Said::read(message).map(|_| Some(()))
    }

    fn write(&self, id: CallId, request: &String, message: &mut Vec<u8>) {
        let text = request.as_str();
        Said { id, text }.write(message);
    }

    fn read(&self, message: &[u8]) -> Result<Message<String>, ProtocolError> {
        let Said { id, text } = Said::read(message)?;
        let result = Ok(text);
        Ok(Message::Answer { id, result })
    }
}
