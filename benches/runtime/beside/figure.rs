//! What one measurement gave.

use std::fmt;
use std::time::Duration;

/// What one measurement gave. In text, the numbers in this order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure {
    /// Nanoseconds: for each child, member or node, or for each restart.
    pub(crate) ns: f64,
    /// Bytes of resident memory for each child.
    pub(crate) bytes: f64,
    /// Processor time in the watched period, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// Context switches in the watched period.
    pub(crate) switches: f64,
}

impl Figure {
    /// The share of one in the time of so many.
    pub(crate) fn shared(time: Duration, among: usize) -> Self {
        Self {
            ns: time.as_nanos() as f64 / among as f64,
            ..Self::default()
        }
    }

    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let parts = line.split_whitespace().map(str::parse);
        let parts: Result<Vec<f64>, _> = parts.collect();
        match parts.as_deref() {
            Ok([ns, bytes, cpu_ms, switches]) => Ok(Self {
                ns: *ns,
                bytes: *bytes,
                cpu_ms: *cpu_ms,
                switches: *switches,
            }),
            _ => Err(format!("no figure: {line:?}")),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ns,
            bytes,
            cpu_ms,
            switches,
        } = self;
        write!(f, "{ns:.1} {bytes:.1} {cpu_ms:.3} {switches:.0}")
    }
}
