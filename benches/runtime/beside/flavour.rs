//! On which runtime a workload runs.

use std::fmt;
use std::str::FromStr;

use tokio::runtime::Builder;

/// On which runtime a workload runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    CurrentThread,
    /// With two workers.
    MultiThread,
}

impl Flavour {
    pub(crate) const ALL: [Self; 2] = [Self::CurrentThread, Self::MultiThread];

    pub(crate) fn block_on<F>(self, future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut builder = match self {
            Self::CurrentThread => Builder::new_current_thread(),
            Self::MultiThread => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        // In a task, so that the workload runs where its tasks do.
        let output = runtime.block_on(async { tokio::spawn(future).await });
        output.expect("the workload ends")
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CurrentThread => "ct",
            Self::MultiThread => "mt",
        })
    }
}

impl FromStr for Flavour {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = Self::ALL.into_iter();
        let found = all.into_iter().find(|flavour| flavour.to_string() == word);
        found.ok_or_else(|| format!("no flavour of a runtime, which is ct or mt: {word}"))
    }
}
