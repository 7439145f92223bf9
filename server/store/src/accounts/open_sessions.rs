//! Which of many sessions still hold: for what stays open after its session was looked at.

use std::collections::HashSet;

use super::sessions::SESSION_IDLE_MS;
use crate::{
    SessionId, Store, StoreError,
    db::{Db, args},
    to_json,
};

impl Store {
    /// Those of the sessions that are not over and whose member is not disabled.
    pub async fn sessions_that_hold(&self, asked: &[SessionId]) -> Result<HashSet<SessionId>, StoreError> {
        let asked: Vec<i64> = asked.iter().map(|id| id.get()).collect();
        let asked = to_json("sessions", &asked)?;
        let sql = match &*self.db() {
            Db::Sqlite { .. } => {
                "SELECT sessions.id FROM sessions \
                 JOIN users ON users.id = sessions.user_id \
                 WHERE sessions.id IN (SELECT value FROM json_each($1)) \
                 AND sessions.expires_ms > $2 AND sessions.last_seen_ms > $3 AND NOT users.disabled"
            }
            Db::Pg(_) => {
                "SELECT sessions.id FROM sessions \
                 JOIN users ON users.id = sessions.user_id \
                 WHERE sessions.id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::bigint)) \
                 AND sessions.expires_ms > $2 AND sessions.last_seen_ms > $3 AND NOT users.disabled"
            }
        };
        let now_ms = self.clock().now_ms();
        let rows: Vec<(i64,)> = self.db().all(sql, args![&asked, now_ms, now_ms - SESSION_IDLE_MS]).await?;
        Ok(rows.into_iter().map(|(id,)| SessionId::new(id)).collect())
    }
}
