//! What a peer can get wrong below the level of commands.

/// Why the bytes of a peer are no request.
///
/// There is no way to go on after one: the stream has no marks by which to find the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ProtocolError {
    /// The number of arguments is not a number, or more than the limit.
    #[error("invalid multibulk length")]
    ArgumentCount,
    /// The length of an argument is not a number, negative, or more than the limit.
    #[error("invalid bulk length")]
    BulkLength,
    /// A line that declares a count or a length does not end within the limit.
    #[error("too long a count or length")]
    HeaderTooLong,
    /// The line begins as HTTP does: a browser was talked into writing to this port.
    #[error("this is not an http server")]
    Http,
    /// A request written as one line does not end within the limit.
    #[error("too big inline request")]
    InlineTooLong,
    /// The decoder refused what had passed the checks.
    #[error("malformed request")]
    Malformed,
    /// The request as a whole is longer than the limit.
    #[error("too big request")]
    RequestTooLarge,
    /// An argument is not followed by the end of a line.
    #[error("expected a line end after an argument")]
    Terminator,
    /// Something else stands where an array or a bulk string must begin.
    #[error("expected '{}', got '{}'", .expected.escape_ascii(), .got.escape_ascii())]
    Unexpected {
        /// The byte that must stand there.
        expected: u8,
        /// The byte that does.
        got: u8,
    },
}
