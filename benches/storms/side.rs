//! What both sides do in a storm.

/// Children that run, and start again when they have failed.
pub(crate) trait Side {
    /// Waits until the children, having failed so often together, all run again.
    async fn recover(&mut self, failures: usize);

    /// Waits until nothing is left to do about it.
    async fn settle(&mut self);

    /// How many failures were met.
    async fn met(&mut self) -> usize;

    /// Stops all, and waits until they have ended.
    async fn stop(self);
}
