//! How much of the inbox nobody has looked at yet, for the navigation: counted among the newest items, once after each news.

use std::sync::Arc;

use engine::EnvironmentKey;

use super::TriageState;
use crate::{
    FeedbackHandler, Store, StoreError, clock::MINUTE_MS, db::args, limits::UNTRIAGED_AMONG_MAX, number,
    signed,
};

/// Items whose state is still *new*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untriaged {
    pub items: u64,
    /// Among so many, the newest; at most [`UNTRIAGED_AMONG_MAX`].
    pub among: u64,
}

impl Store {
    /// In one environment; at least as new as what pages were told of.
    pub async fn untriaged(
        &self,
        by: &FeedbackHandler,
        environment: &EnvironmentKey,
    ) -> Result<Arc<Untriaged>, StoreError> {
        by.require_in(environment)?;
        // What is erased or too old goes without a word.
        let minute = self.clock().now_ms() / MINUTE_MS;
        let stamp = (self.desk_stamp(), self.live().newest_feedback(), minute);
        self.0.desk.untriaged.of(environment.clone(), stamp, self.read_untriaged(environment)).await
    }

    async fn read_untriaged(&self, environment: &EnvironmentKey) -> Result<Untriaged, StoreError> {
        let (looked_at, items): (i64, i64) = self
            .db()
            .one(
                "SELECT COUNT(*) AS looked_at, COUNT(CASE WHEN state = $2 THEN 1 END) AS items \
                 FROM (SELECT state FROM feedback WHERE environment = $1 ORDER BY id DESC LIMIT $3) AS newest",
                args![environment.as_str(), TriageState::New.as_str(), signed(UNTRIAGED_AMONG_MAX)],
            )
            .await?;
        Ok(Untriaged { items: number(items), among: number(looked_at) })
    }
}
