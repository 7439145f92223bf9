//! Forgetting one person. What is left is a hash, for the other copies of the server.

use engine::SubjectKey;

use crate::{
    StoreError,
    change::{Revisions, Work},
    db::args,
    secret::sha256_hex,
};

impl Work<'_> {
    /// Deletes what is stored with the subject and its history: the number of rows.
    pub(crate) async fn erase_person(&mut self, subject: &SubjectKey) -> Result<u64, StoreError> {
        let (key, seq) = (subject.as_str(), self.seq());
        let known = self.tx.execute("DELETE FROM people WHERE subject = $1", args![key]).await?;
        let history = self.tx.execute("DELETE FROM person_traits WHERE subject = $1", args![key]).await?;
        if known > 0 {
            self.bump(Revisions::All).await?;
        }
        if known + history > 0 {
            self.tx
                .execute(
                    "INSERT INTO erased_people (subject_hash, audit_seq) VALUES ($1, $2)",
                    args![&sha256_hex(key), seq],
                )
                .await?;
        }
        Ok(known + history)
    }
}
