//! Mistakes of the naive tree, to be planted.

/// A mistake to plant, so that it can be shown that the comparison finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    OneForAllTakesNobody,
    PlannedRestartCounts,
    DoneMemberDoesNotFall,
    ErrorOfTheToldIsDeath,
    EndingIsEnded,
    LeakCanRise,
    NamesAreForgotten,
    HealthIsReset,
    GraceStartsAgain,
    StopHasNoDeadline,
    DownKeepsItsChildren,
    DonePoolChildStays,
}

/// All of them.
#[cfg(test)]
pub(crate) const FLAWS: [Flaw; 12] = [
    Flaw::OneForAllTakesNobody,
    Flaw::PlannedRestartCounts,
    Flaw::DoneMemberDoesNotFall,
    Flaw::ErrorOfTheToldIsDeath,
    Flaw::EndingIsEnded,
    Flaw::LeakCanRise,
    Flaw::NamesAreForgotten,
    Flaw::HealthIsReset,
    Flaw::GraceStartsAgain,
    Flaw::StopHasNoDeadline,
    Flaw::DownKeepsItsChildren,
    Flaw::DonePoolChildStays,
];
