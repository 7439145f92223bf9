//! That the server was told to stop, for whatever would keep it from it.

use tokio::sync::watch;

#[derive(Debug, Clone)]
pub struct Stopping(pub watch::Receiver<bool>);

impl Stopping {
    pub fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when the server is told to stop.
    pub async fn comes(mut self) {
        // Without a sender there is no server any more: that is as good as stopped.
        drop(self.0.wait_for(|it| *it).await);
    }
}
