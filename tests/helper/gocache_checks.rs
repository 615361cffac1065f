//! What holds for whatever is said by either side of Go's build cache. Properties draw it, and so
//! does the fuzz target `gocache`.

use perennial::helper::gocache::{Asking, Listening, Request, Response};
use perennial::helper::{Asked, CallId, Listener, Message, Protocol};

/// Both sides read any lines without harm, and what they take for requests and answers says the
/// same when it is written again.
pub(crate) fn check(stream: &[u8]) {
    for asked in requests(stream) {
        let (Asked::Request((id, request)) | Asked::Last((id, request))) = &asked else {
            unreachable!("parts are no requests");
        };
        // A body is no part of what is written here.
        if matches!(request, Request::Put { body, .. } if !body.is_empty()) {
            continue;
        }
        let mut written = Vec::new();
        Asking::default().write(*id, &request.clone().into(), &mut written);
        assert_eq!(requests(&written), [asked], "{written:?}");
    }
    for (id, answer) in answers(stream) {
        let written = answer.clone().to(id);
        assert_eq!(answers(&written), [(id, answer)], "{written:?}");
    }
}

fn lines(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = stream.split(|byte| *byte == b'\n');
    lines.filter(|line| !line.is_empty())
}

/// What the side of the cache reads. After what is no request it begins anew.
fn requests(stream: &[u8]) -> Vec<Asked<(CallId, Request)>> {
    let (mut listening, mut found) = (Listening::default(), Vec::new());
    for line in lines(stream) {
        match listening.read(line.to_vec().into()) {
            Ok(Asked::Part) => {}
            Ok(asked) => found.push(asked),
            Err(_) => listening = Listening::default(),
        }
    }
    found
}

/// What the side of the `go` command reads.
fn answers(stream: &[u8]) -> Vec<(CallId, Response)> {
    let asking = Asking::default();
    let answer = |line| {
        // Any line may be the first one.
        drop(asking.read_hello(line));
        match asking.read(line) {
            Ok(Message::Answer { id, result }) => {
                let failed = |error| Response::Failed { error };
                Some((id, result.unwrap_or_else(failed)))
            }
            _ => None,
        }
    };
    lines(stream).filter_map(answer).collect()
}
