//! `fader token`: makes tokens, shows what they are, replaces and revokes them.

use store::{NewToken, RecentAdministrator, Rotation, Store, TokenRow, TokenScope, TokenState};

use super::{
    cli::Token,
    error::CommandError,
    told::{administrator, print},
};

pub async fn run(store: &Store, command: Token) -> Result<(), CommandError> {
    let administrator = administrator(store)?;
    match command {
        Token::Create { kind, role, environment, name, writes_traits, owner, lifetime, origins } => {
            let kind = kind.with(role).ok_or(CommandError::TokenRole)?;
            let scope = environment.map_or(TokenScope::Workspace, TokenScope::Environment);
            let new = NewToken { name, kind, scope, origins, writes_traits, lifetime, owner };
            let token = store.create_token(&administrator, new).await?;
            print(format_args!("{token}"))
        }
        Token::List => list_tokens(store, &administrator).await,
        Token::Rotate { id, overlap_hours, lifetime } => {
            let rotation = Rotation { overlap_hours, lifetime };
            let token = store.rotate_token(&administrator, id, rotation).await?;
            print(format_args!("{token}"))
        }
        Token::Revoke { id } => {
            store.revoke_token(&administrator, id).await?;
            print(format_args!("Token {id} is refused from now on."))
        }
    }
}

async fn list_tokens(store: &Store, administrator: &RecentAdministrator) -> Result<(), CommandError> {
    let now_ms = store.clock().now_ms();
    for token in store.list_tokens(administrator).await? {
        let state = match token.state(now_ms) {
            TokenState::Active => {
                let until = |at_ms| format!("works until {}", engine::instant_phrase(at_ms));
                token.expires_ms.map_or_else(|| "works without an end".to_owned(), until)
            }
            TokenState::ExpiresSoon { at_ms } => format!("expires soon: {}", engine::instant_phrase(at_ms)),
            TokenState::Expired { at_ms } => format!("expired {}", engine::instant_phrase(at_ms)),
            TokenState::OwnerDisabled => "refused: its owner is disabled".to_owned(),
            TokenState::Revoked { at_ms } => format!("revoked {}", engine::instant_phrase(at_ms)),
        };
        let kind = token
            .kind
            .role()
            .map_or_else(|| token.kind.as_str().to_owned(), |role| format!("admin ({role})"));
        let traits = if token.writes_traits { ", stores people" } else { "" };
        let owner = token.owner.as_ref().map_or("nobody", |owner| owner.email.as_str());
        let used = token.last_used_ms.map_or_else(|| "never".to_owned(), engine::instant_phrase);
        let TokenRow { id, name, hint, scope, .. } = &token;
        print(format_args!(
            "{id:>4}  …{hint}  {kind} for {scope}{traits}; owner {owner}; last used {used}; {state}; {name}"
        ))?;
    }
    Ok(())
}
