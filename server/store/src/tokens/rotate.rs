//! Another secret for the same token, while the old one works on for a while.

use super::{
    Lifetime, TokenId, TokenRow,
    create::{Secret, token_entry},
    list::{Row, tokens},
};
use crate::{
    Action, Invalid, ObjectKind, RecentAdministrator, Store, StoreError, UserId,
    change::Work,
    clock::HOUR_MS,
    db::args,
    limits::{TOKEN_OVERLAP_HOURS_DEFAULT, TOKEN_OVERLAP_HOURS_MAX},
};

/// How a token is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How long the old secret works on; 0 ends it at once.
    pub overlap_hours: u32,
    /// How long the new secret works.
    pub lifetime: Lifetime,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { overlap_hours: TOKEN_OVERLAP_HOURS_DEFAULT, lifetime: Lifetime::default() }
    }
}

impl Store {
    /// Gives a token another secret and returns it, for the only time. The old one works until the overlap is over, or
    /// until it would have expired. A management token acts as its owner: only they rotate it, or the command line.
    pub async fn rotate_token(
        &self,
        by: &RecentAdministrator,
        id: TokenId,
        rotation: Rotation,
    ) -> Result<String, StoreError> {
        if rotation.overlap_hours > TOKEN_OVERLAP_HOURS_MAX {
            return Err(Invalid::TokenOverlap.into());
        }
        let mut work = self.begin(by).await?;
        let token = work.require_token(id).await?;
        if token.revoked_ms.is_some() {
            return Err(Invalid::TokenRevoked.into());
        }
        let owner = token.owner.as_ref().map(|owner| owner.id);
        let is_theirs =
            by.person() == Some(UserId::COMMAND_LINE) || (owner.is_some() && by.person() == owner);
        if token.kind.role().is_some() && !is_theirs {
            return Err(Invalid::TokenOwner.into());
        }
        let now_ms = work.now_ms();
        let expires_ms = rotation.lifetime.expires_ms(token.kind, now_ms)?;
        let ends_ms = now_ms + i64::from(rotation.overlap_hours) * HOUR_MS;
        let ends_ms = token.expires_ms.map_or(ends_ms, |expires_ms| ends_ms.min(expires_ms));
        let secret = Secret::new(token.kind, &token.scope)?;
        // What was replaced before does not outlive what is replaced now.
        work.tx
            .execute(
                "UPDATE replaced_secrets SET ends_ms = $1 WHERE token = $2 AND ends_ms > $1",
                args![ends_ms, id.0],
            )
            .await?;
        work.tx
            .execute(
                "INSERT INTO replaced_secrets (token_hash, token, ends_ms) \
                 SELECT token_hash, id, $1 FROM tokens WHERE id = $2",
                args![ends_ms, id.0],
            )
            .await?;
        work.tx
            .execute(
                "UPDATE tokens SET token_hash = $1, hint = $2, expires_ms = $3 WHERE id = $4",
                args![&secret.hash, &secret.hint, expires_ms, id.0],
            )
            .await?;
        let overlap = match rotation.overlap_hours {
            0 => "at once".to_owned(),
            hours => format!("in {}", engine::counted(hours, "hour")),
        };
        let sentence = format!(
            "rotated the {} token {} for {}: the old secret ends {overlap}, the new one works {}",
            token.kind.as_str(),
            token.name,
            token.scope,
            rotation.lifetime.phrase()
        );
        let mut entry = token_entry(Action::TokenRotated, id, &token.name, sentence);
        entry.environment = token.scope.environment().cloned();
        work.finish(entry).await?;
        Ok(secret.text)
    }
}

impl Work<'_> {
    pub(super) async fn require_token(&mut self, id: TokenId) -> Result<TokenRow, StoreError> {
        let row: Option<Row> = self.tx.optional(tokens!("WHERE tokens.id = $1"), args![id.0]).await?;
        let missing = || StoreError::NotFound { kind: ObjectKind::Token, key: id.to_string() };
        row.ok_or_else(missing)?.try_into()
    }
}
