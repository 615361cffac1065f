//! How much a peer may ask for.

/// The bounds on one request.
///
/// An unfinished request holds at most `request_bytes_max` bytes and one header in the buffer of
/// its connection, so this times the number of connections is what strangers can make the server
/// keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most arguments of a request, its name included. Default: 65,536.
    pub(crate) argument_count_max: usize,
    /// The longest single argument. Default: 4 MiB.
    pub(crate) bulk_bytes_max: usize,
    /// The longest line that declares a count or a length, its end included. Default: 32 bytes.
    pub(crate) header_bytes_max: usize,
    /// The longest request written as one line of words, its end included. Default: 4 KiB.
    pub(crate) inline_bytes_max: usize,
    /// The longest request as a whole, headers included. Default: 8 MiB.
    pub(crate) request_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            argument_count_max: 65_536,
            bulk_bytes_max: 4 * MIB,
            header_bytes_max: 32,
            inline_bytes_max: 4 * KIB,
            request_bytes_max: 8 * MIB,
        }
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
