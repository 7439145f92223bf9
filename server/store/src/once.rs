//! Requests with a key, which are made once however often they are sent. Who takes a key has it until the answer is kept;
//! its changes note their audit entries beside it in their own transactions, so that nothing is done twice, and it is known
//! what was done when an answer is lost.

use crate::{
    Invalid, OnceClaim, Store, StoreError, Token,
    change::Work,
    db::args,
    limits::{ONCE_BYTES_MAX, ONCE_KEPT_MS, ONCE_KEYS_MAX, ONCE_STALE_MS},
    number,
    secret::random_hex,
};

const MARK_BYTES: usize = 8;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    pub status: u16,
    /// The media type of the body.
    pub kind: String,
    pub body: String,
}

/// What becomes of a request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is to be done, in the name of this claim.
    Yours(OnceClaim),
    /// It was done.
    Answered(KeptAnswer),
    /// It was done last with this audit entry, but what was answered is not known.
    Done { seq: u64 },
    /// Somebody is doing it.
    UnderWay,
    /// The key came with another request.
    OfAnother,
    /// The token has as many keys as are kept of one.
    TooMany,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    request: String,
    mark: String,
    at_ms: i64,
    audit_seq: Option<i64>,
    status: Option<i64>,
    kind: Option<String>,
    body: Option<String>,
}

impl Row {
    /// `None`: nobody has it any more.
    fn taken(self, request: &str, now_ms: i64) -> Option<Taken> {
        let age_ms = now_ms.saturating_sub(self.at_ms);
        if age_ms >= ONCE_KEPT_MS {
            return None;
        }
        if self.request != request {
            return Some(Taken::OfAnother);
        }
        if let Some(status) = self.status {
            let status = u16::try_from(status).unwrap_or_default();
            let (kind, body) = (self.kind.unwrap_or_default(), self.body.unwrap_or_default());
            return Some(Taken::Answered(KeptAnswer { status, kind, body }));
        }
        match self.audit_seq {
            _ if age_ms < ONCE_STALE_MS => Some(Taken::UnderWay),
            Some(seq) => Some(Taken::Done { seq: number(seq) }),
            None => None,
        }
    }
}

impl Store {
    /// Takes a key of a token for a request, told by its hash, or says what became of the request.
    pub async fn take_once(&self, by: &Token, key: &str, request: &str) -> Result<Taken, StoreError> {
        let (token, now_ms, mark) = (by.id.get(), self.shared_now_ms(), random_hex::<MARK_BYTES>()?);
        let claim = OnceClaim { token, key: key.to_owned(), mark };
        // Once more, because whoever has a key may give it back between the two questions.
        for _ in 0..2 {
            if self.insert_once(&claim, request, now_ms).await? {
                return Ok(Taken::Yours(claim));
            }
            let sql = "SELECT request, mark, at_ms, audit_seq, status, kind, body FROM once_keys \
                       WHERE token = $1 AND key = $2";
            let found: Option<Row> = self.db().optional(sql, args![token, key]).await?;
            if let Some(row) = found {
                return self.take_over(claim, row, request, now_ms).await;
            }
        }
        Ok(Taken::TooMany)
    }

    async fn insert_once(&self, claim: &OnceClaim, request: &str, now_ms: i64) -> Result<bool, StoreError> {
        let sql = "INSERT INTO once_keys (token, key, request, mark, at_ms, bytes) \
                   SELECT $1, $2, $3, $4, $5, 0 WHERE (SELECT COUNT(*) < $6 AND COALESCE(SUM(bytes), 0) < $7 \
                   FROM once_keys WHERE token = $1) ON CONFLICT (token, key) DO NOTHING";
        let (keys_max, bytes_max) = (ONCE_KEYS_MAX, ONCE_BYTES_MAX);
        let args = args![claim.token, &claim.key, request, &claim.mark, now_ms, keys_max, bytes_max];
        Ok(self.db().execute(sql, args).await? == 1)
    }

    /// What became of the request that has the key; the key, when nobody has it any more.
    async fn take_over(
        &self,
        claim: OnceClaim,
        row: Row,
        request: &str,
        now_ms: i64,
    ) -> Result<Taken, StoreError> {
        let before = row.mark.clone();
        if let Some(taken) = row.taken(request, now_ms) {
            return Ok(taken);
        }
        // Whoever was slow may have made its change meanwhile: then the key is still its own.
        let sql = "UPDATE once_keys SET request = $1, mark = $2, at_ms = $3, audit_seq = NULL, status = NULL, \
                   kind = NULL, bytes = 0, body = NULL WHERE token = $4 AND key = $5 AND mark = $6 \
                   AND (at_ms <= $7 OR (audit_seq IS NULL AND status IS NULL))";
        let over_ms = now_ms - ONCE_KEPT_MS;
        let args = args![request, &claim.mark, now_ms, claim.token, &claim.key, &before, over_ms];
        Ok(if self.db().execute(sql, args).await? == 1 { Taken::Yours(claim) } else { Taken::UnderWay })
    }

    /// Keeps what was answered in the name of a claim.
    pub async fn keep_once(&self, claim: &OnceClaim, answer: &KeptAnswer) -> Result<(), StoreError> {
        let bytes = i64::try_from(answer.body.len()).unwrap_or(i64::MAX);
        let sql = "UPDATE once_keys SET status = $1, kind = $2, bytes = $3, body = $4 \
                   WHERE token = $5 AND key = $6 AND mark = $7";
        let status = i64::from(answer.status);
        let args = args![status, &answer.kind, bytes, &answer.body, claim.token, &claim.key, &claim.mark];
        self.db().execute(sql, args).await?;
        Ok(())
    }

    /// Gives a key back in whose name nothing was done: the request may be made again.
    pub async fn release_once(&self, claim: &OnceClaim) -> Result<(), StoreError> {
        let sql = "DELETE FROM once_keys WHERE token = $1 AND key = $2 AND mark = $3 AND audit_seq IS NULL";
        self.db().execute(sql, args![claim.token, &claim.key, &claim.mark]).await?;
        Ok(())
    }

    /// Forgets keys after a day. For the server's own sweep: no proof, and no audit entry. How many they were.
    pub async fn sweep_once(&self) -> Result<u64, StoreError> {
        let until_ms = self.shared_now_ms() - ONCE_KEPT_MS;
        Ok(self.db().execute("DELETE FROM once_keys WHERE at_ms <= $1", args![until_ms]).await?)
    }
}

impl Work<'_> {
    /// Notes the entry of this change beside the key in whose name it is made. Refused when somebody else has taken that.
    pub(crate) async fn note_once(&mut self, claim: &OnceClaim) -> Result<(), StoreError> {
        let sql = "UPDATE once_keys SET audit_seq = $1 WHERE token = $2 AND key = $3 AND mark = $4";
        let seq = self.seq();
        let noted = self.tx.execute(sql, args![seq, claim.token, &claim.key, &claim.mark]).await?;
        if noted == 1 { Ok(()) } else { Err(Invalid::OnceTakenOver.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at_ms: i64) -> Row {
        let (request, mark) = ("a".to_owned(), "m".to_owned());
        Row { request, mark, at_ms, audit_seq: None, status: None, kind: None, body: None }
    }

    #[test]
    fn a_key_is_taken_over_only_when_nothing_was_done_and_nobody_does_it() {
        assert_eq!(row(0).taken("a", ONCE_STALE_MS - 1), Some(Taken::UnderWay));
        assert_eq!(row(0).taken("a", ONCE_STALE_MS), None);
        assert_eq!(row(0).taken("b", ONCE_STALE_MS), Some(Taken::OfAnother));
        let done = || Row { audit_seq: Some(7), ..row(0) };
        assert_eq!(done().taken("a", 0), Some(Taken::UnderWay), "its answer is being made");
        assert_eq!(done().taken("a", ONCE_STALE_MS), Some(Taken::Done { seq: 7 }));
        assert_eq!(done().taken("a", ONCE_KEPT_MS), None, "a day is over");
    }
}
