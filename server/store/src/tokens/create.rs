//! Making, revoking and granting.

use url::Url;

use super::{Lifetime, TokenId, TokenKind, TokenScope};
use crate::{
    Action, Invalid, ObjectKind, ObjectRef, RecentAdministrator, Role, Store, StoreError, TokenHash, UserId,
    change::{Entry, Work},
    db::args,
    limits::{ORIGIN_CHARS_MAX, TOKEN_NAME_CHARS_MAX, TOKEN_ORIGINS_MAX},
    secret::new_secret,
    text, to_json,
};

/// How much of the secret the list shows.
const HINT_CHARS: usize = 4;

/// A token to be made. It belongs to the member who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub name: String,
    pub kind: TokenKind,
    /// The whole workspace is for management tokens.
    pub scope: TokenScope,
    /// For a client token: at least one origin or `*`; for the others: none.
    pub origins: Vec<String>,
    /// For a server token: whether it stores people.
    pub writes_traits: bool,
    pub lifetime: Lifetime,
    /// At the command line: the e-mail address of the member whose token it is to be.
    pub owner: Option<String>,
}

impl NewToken {
    /// One that works for a year and stores nobody.
    pub fn new(name: impl Into<String>, kind: TokenKind, scope: impl Into<TokenScope>) -> Self {
        Self {
            name: name.into(),
            kind,
            scope: scope.into(),
            origins: Vec::new(),
            writes_traits: false,
            lifetime: Lifetime::default(),
            owner: None,
        }
    }
}

/// A fresh secret; nothing else keeps it.
pub(super) struct Secret {
    pub(super) text: String,
    pub(super) hash: String,
    pub(super) hint: String,
}

impl Secret {
    pub(super) fn new(kind: TokenKind, scope: &TokenScope) -> Result<Self, StoreError> {
        let place = scope.environment().map_or("workspace", |key| key.as_str());
        let text = format!("fdr_{}_{place}_{}", kind.as_str(), new_secret()?);
        let hint = text[text.len() - HINT_CHARS..].to_owned();
        Ok(Self { hash: TokenHash::of(&text).hex(), hint, text })
    }
}

impl Store {
    /// Makes a token and returns it, for the only time: `fdr_server_production_…`.
    pub async fn create_token(
        &self,
        by: &RecentAdministrator,
        token: NewToken,
    ) -> Result<String, StoreError> {
        let name = text::name(&token.name, TOKEN_NAME_CHARS_MAX, Invalid::TokenName)?;
        let NewToken { kind, scope, lifetime, writes_traits, .. } = &token;
        let origins = to_json("tokens", &check_origins(*kind, &token.origins)?)?;
        check_scope(*kind, scope, *writes_traits)?;
        let mut work = self.begin(by).await?;
        if let Some(environment) = scope.environment() {
            work.require_environment(environment.as_str()).await?;
        }
        let owner = match &token.owner {
            Some(email) => Some(work.owner_named(by, email).await?),
            None => by.person().filter(|person| *person != UserId::COMMAND_LINE),
        };
        let expires_ms = lifetime.expires_ms(*kind, work.now_ms())?;
        let secret = Secret::new(*kind, scope)?;
        let (now_ms, author) = (work.now_ms(), work.by().to_owned());
        let (id,): (i64,) = work
            .tx
            .one(
                "INSERT INTO tokens (name, kind, environment, origins, token_hash, hint, created_ms, created_by, \
                 role, writes_traits, owner, expires_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
                args![
                    &name,
                    kind.as_str(),
                    scope.environment().map(engine::EnvironmentKey::as_str),
                    &origins,
                    &secret.hash,
                    &secret.hint,
                    now_ms,
                    &author,
                    kind.role().map(Role::as_str),
                    *writes_traits,
                    owner.map(UserId::get),
                    expires_ms
                ],
            )
            .await?;
        let with = kind.role().map_or_else(String::new, |role| format!(" with the role {role}"));
        let traits = if *writes_traits { ", which stores people" } else { "" };
        let sentence = format!(
            "created the {} token {name} for {scope}{with}{traits}, {}",
            kind.as_str(),
            lifetime.phrase()
        );
        let entry = Entry {
            environment: scope.environment().cloned(),
            after: Some(origins),
            ..token_entry(Action::TokenCreated, TokenId(id), &name, sentence)
        };
        work.finish(entry).await?;
        Ok(secret.text)
    }

    /// Requests with this token are refused from now on. Revoking a revoked token changes nothing.
    pub async fn revoke_token(&self, by: &RecentAdministrator, id: TokenId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let token = work.require_token(id).await?;
        if token.revoked_ms.is_some() {
            return work.cancel().await;
        }
        let now_ms = work.now_ms();
        work.tx.execute("UPDATE tokens SET revoked_ms = $1 WHERE id = $2", args![now_ms, id.0]).await?;
        let sentence =
            format!("revoked the {} token {} for {}", token.kind.as_str(), token.name, token.scope);
        let mut entry = token_entry(Action::TokenRevoked, id, &token.name, sentence);
        entry.environment = token.scope.environment().cloned();
        work.finish(entry).await?;
        Ok(())
    }

    /// Lets a server token store people, or takes that back.
    pub async fn grant_traits(
        &self,
        by: &RecentAdministrator,
        id: TokenId,
        writes_traits: bool,
    ) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let token = work.require_token(id).await?;
        check_scope(token.kind, &token.scope, writes_traits)?;
        if token.writes_traits == writes_traits {
            return work.cancel().await;
        }
        work.tx
            .execute("UPDATE tokens SET writes_traits = $1 WHERE id = $2", args![writes_traits, id.0])
            .await?;
        let (name, scope) = (&token.name, &token.scope);
        let sentence = if writes_traits {
            format!("let the server token {name} for {scope} store people")
        } else {
            format!("forbade the server token {name} for {scope} to store people")
        };
        let mut entry = token_entry(Action::TokenChanged, id, &token.name, sentence);
        entry.environment = token.scope.environment().cloned();
        work.finish(entry).await?;
        Ok(())
    }
}

impl Work<'_> {
    async fn require_environment(&mut self, key: &str) -> Result<(), StoreError> {
        let known: Option<(i64,)> =
            self.tx.optional("SELECT position FROM environments WHERE key = $1", args![key]).await?;
        let missing = || StoreError::NotFound { kind: ObjectKind::Environment, key: key.to_owned() };
        known.map(drop).ok_or_else(missing)
    }

    /// Only who runs the binary makes tokens for others: whoever makes one has its secret, and acts as its owner.
    async fn owner_named(&mut self, by: &RecentAdministrator, email: &str) -> Result<UserId, StoreError> {
        if by.person() != Some(UserId::COMMAND_LINE) {
            return Err(Invalid::TokenOwner.into());
        }
        let row: Option<(i64, bool)> = self
            .tx
            .optional("SELECT id, disabled FROM users WHERE lower(email) = lower($1)", args![email.trim()])
            .await?;
        match row {
            Some((id, false)) => Ok(UserId::new(id)),
            Some((_, true)) => Err(Invalid::DisabledMember.into()),
            None => Err(StoreError::NotFound { kind: ObjectKind::Member, key: email.to_owned() }),
        }
    }
}

pub(super) fn token_entry(action: Action, id: TokenId, name: &str, sentence: String) -> Entry {
    Entry::new(action, ObjectRef::new(ObjectKind::Token, id.to_string()), name, sentence)
}

fn check_scope(kind: TokenKind, scope: &TokenScope, writes_traits: bool) -> Result<(), Invalid> {
    match (kind, scope) {
        (TokenKind::Server | TokenKind::Client, TokenScope::Workspace) => Err(Invalid::TokenScope),
        (TokenKind::Client | TokenKind::Admin(_), _) if writes_traits => Err(Invalid::TokenTraits),
        (TokenKind::Server | TokenKind::Client, TokenScope::Environment(_)) | (TokenKind::Admin(_), _) => {
            Ok(())
        }
    }
}

/// `https://www.example.org`: scheme, host, perhaps a port, nothing more; as browsers name it, so without the scheme's own
/// port, in lower case, and a host of other letters in its ASCII form.
fn as_origin(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let origin = url.origin().ascii_serialization();
    // Nothing but the origin was written: what a browser never sends would be left out without a word.
    let is_whole = url.as_str().trim_end_matches('/') == origin;
    // A pattern is no host, and would never match.
    let is_host = !origin.contains('*');
    (is_whole && is_host && origin.len() <= ORIGIN_CHARS_MAX).then_some(origin)
}

fn check_origins(kind: TokenKind, origins: &[String]) -> Result<Vec<String>, Invalid> {
    let fits = match kind {
        TokenKind::Server | TokenKind::Admin(_) => origins.is_empty(),
        TokenKind::Client => !origins.is_empty() && origins.len() <= TOKEN_ORIGINS_MAX,
    };
    let known = |origin: &String| match origin.trim() {
        "*" => Some("*".to_owned()),
        text => as_origin(text),
    };
    let known: Option<Vec<_>> = origins.iter().map(known).collect();
    known.filter(|_| fits).ok_or(Invalid::Origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_tokens_name_exact_origins() {
        let client = |origins: &[&str]| {
            check_origins(TokenKind::Client, &origins.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            client(&["https://Shop.example/", "*"]),
            Ok(vec!["https://shop.example".into(), "*".into()])
        );
        for (written, sent) in [
            ("https://shop.example:443", "https://shop.example"),
            (" http://Shop.example:80/ ", "http://shop.example"),
            ("http://shop.example:443", "http://shop.example:443"),
            ("https://läden.example", "https://xn--lden-loa.example"),
            ("http://[::1]:3100", "http://[::1]:3100"),
        ] {
            assert_eq!(client(&[written]), Ok(vec![sent.into()]), "{written}");
        }
        for bad in [
            &[][..],
            &["shop.example"],
            &["https://shop.example/path"],
            &["https://shop.example/?q"],
            &["https://ada@shop.example"],
            &["https://*.shop.example"],
            &["https://"],
            &["ftp://shop.example"],
            &["null"],
        ] {
            assert_eq!(client(bad), Err(Invalid::Origins), "{bad:?}");
        }
        assert_eq!(check_origins(TokenKind::Server, &["*".into()]), Err(Invalid::Origins));
    }
}
