//! Forgetting what is known of one person.

use engine::SubjectKey;

use crate::{
    StoreError,
    change::{Revisions, Work},
    db::args,
};

impl Work<'_> {
    /// Deletes what is stored with the subject and its history: the number of rows.
    pub(crate) async fn erase_person(&mut self, subject: &SubjectKey) -> Result<u64, StoreError> {
        let key = subject.as_str();
        let known = self.tx.execute("DELETE FROM people WHERE subject = $1", args![key]).await?;
        let history = self.tx.execute("DELETE FROM person_traits WHERE subject = $1", args![key]).await?;
        if known > 0 {
            self.bump(Revisions::All).await?;
        }
        Ok(known + history)
    }
}
