//! JSON-RPC 2.0: what the Model Context Protocol and the Language Server Protocol have in common.

use perennial::helper::{CallId, Framing, Message, Protocol, ProtocolError};
use serde_json::{Value, json};

/// A protocol that speaks JSON-RPC.
pub(crate) struct JsonRpc<D>(pub(crate) D);

/// A method, and what it is called with.
pub(crate) struct Ask(pub(crate) &'static str, pub(crate) Value);

/// Where the protocols differ.
pub(crate) trait Dialect: Send + Sync + 'static {
    const FRAMING: Framing;

    /// What is told when the handshake is done.
    const INITIALIZED: &str;

    /// What is told when nobody waits for an answer any more, and what the call is called there.
    const CANCELLED: (&str, &str);

    /// What is asked to close the program.
    const SHUTDOWN: Option<&'static str>;

    /// The method that may change anything, and so is not called twice.
    const ACT: &str;

    /// What we say of ourselves.
    fn initialize(&self) -> Value;

    /// What a program says that it can do if it has this method, but for those that all have.
    fn capability(method: &str) -> Option<String>;

    /// What we answer when the program asks us.
    fn answer(&self, method: &str) -> Option<Value>;
}

/// The id of `initialize`: those of calls begin at 1.
const HELLO: CallId = 0;

impl<D: Dialect> Protocol for JsonRpc<D> {
    type Request = Ask;
    type Response = Value;
    type Capabilities = Value;

    fn framing(&self) -> Framing {
        D::FRAMING
    }

    fn greeting(&self) -> Option<Vec<u8>> {
        let mut greeting = Vec::new();
        self.write(
            HELLO,
            &Ask("initialize", self.0.initialize()),
            &mut greeting,
        );
        Some(greeting)
    }

    fn read_hello(&self, message: &[u8]) -> Result<Option<Value>, ProtocolError> {
        match self.read(message)? {
            Message::Answer { id: HELLO, result } => {
                let mut hello = result.map_err(|error| ProtocolError::malformed(message, error))?;
                Ok(Some(hello["capabilities"].take()))
            }
            Message::Notice { .. } => Ok(None),
            _ => Err(ProtocolError::OutOfTurn("not initialized yet".to_owned())),
        }
    }

    fn confirmation(&self) -> Option<Vec<u8>> {
        Some(notification(D::INITIALIZED, json!({})))
    }

    fn supports(&self, can: &Value, Ask(method, _): &Ask) -> bool {
        let missing = [None, Some(&json!(false)), Some(&json!(null))];
        D::capability(method).is_none_or(|name| !missing.contains(&can.get(name)))
    }

    fn is_idempotent(&self, Ask(method, _): &Ask) -> bool {
        *method != D::ACT
    }

    fn write(&self, id: CallId, Ask(method, params): &Ask, message: &mut Vec<u8>) {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        message.extend(call.to_string().bytes());
    }

    fn read(&self, message: &[u8]) -> Result<Message<Value>, ProtocolError> {
        let malformed = |why| ProtocolError::malformed(message, why);
        let mut said: Value = serde_json::from_slice(message)
            .map_err(|why| ProtocolError::malformed(message, why))?;
        match (said["method"].as_str(), said.get("id")) {
            (Some(method), Some(id)) => Ok(Message::Question {
                answer: reply(id, self.0.answer(method)),
            }),
            (Some(method), None) => Ok(Message::Notice {
                text: method.to_owned(),
            }),
            (None, Some(id)) => {
                let id = id.as_u64().ok_or_else(|| malformed("its id is not ours"))?;
                let result = match &said["error"] {
                    Value::Null => Ok(said["result"].take()),
                    error => Err(error["message"].as_str().unwrap_or_default().to_owned()),
                };
                Ok(Message::Answer { id, result })
            }
            (None, None) => Err(malformed("it has neither a method nor an id")),
        }
    }

    fn close_request(&self, _: &Value) -> Option<Ask> {
        D::SHUTDOWN.map(|method| Ask(method, Value::Null))
    }

    fn cancellation(&self, id: CallId) -> Option<Vec<u8>> {
        let (method, name) = D::CANCELLED;
        Some(notification(method, json!({ name: id })))
    }
}

fn notification(method: &str, params: Value) -> Vec<u8> {
    let said = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    said.to_string().into_bytes()
}

/// Our answer to a question; without one, that we know no such method.
fn reply(id: &Value, result: Option<Value>) -> Vec<u8> {
    let unknown = json!({ "code": -32601, "message": "method not found" });
    let said = match result {
        Some(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        None => json!({ "jsonrpc": "2.0", "id": id, "error": unknown }),
    };
    said.to_string().into_bytes()
}
