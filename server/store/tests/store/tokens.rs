use engine::EnvironmentKey;
use store::{Invalid, NewToken, ObjectKind, StoreError, TokenHash, TokenKind};

use crate::harness::*;

on_both!(a_token_works_until_it_is_revoked, a_client_token_names_its_origins, a_token_needs_an_environment);

fn new_token(kind: TokenKind, origins: &[&str]) -> NewToken {
    NewToken {
        name: "Booking backend".into(),
        kind,
        environment: production(),
        origins: origins.iter().map(ToString::to_string).collect(),
    }
}

async fn a_token_works_until_it_is_revoked(t: Harness) {
    let secret = t.store.create_token(&admin(), new_token(TokenKind::Server, &[])).await.expect("created");
    assert!(secret.starts_with("fdr_server_production_"), "{secret}");
    let token = t.store.live().token(&TokenHash::of(&secret)).expect("an active token");
    assert_eq!((token.name.as_str(), token.kind), ("Booking backend", TokenKind::Server));
    assert!(t.store.live().token(&TokenHash::of("fdr_server_production_guess")).is_none());
    let entry = t.store.find_audit(&auditor(), t.store.live().seq()).await.expect("reads").expect("an entry");
    assert!(!serde_json::to_string(&entry).expect("JSON").contains(&secret), "no secret in the log");
    t.store.revoke_token(&admin(), token.id).await.expect("revoked");
    assert!(t.store.live().token(&TokenHash::of(&secret)).is_none());
    let listed = t.store.list_tokens(&admin()).await.expect("reads");
    assert_eq!(listed[0].revoked_ms, Some(START_MS));
    assert!(secret.ends_with(&listed[0].hint));
    t.store.revoke_token(&admin(), token.id).await.expect("revoking again is no error");
}

async fn a_client_token_names_its_origins(t: Harness) {
    let refused = t.store.create_token(&admin(), new_token(TokenKind::Client, &[])).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::Origins))));
    let token = new_token(TokenKind::Client, &["https://shop.example"]);
    let secret = t.store.create_token(&admin(), token).await.expect("created");
    let token = t.store.live().token(&TokenHash::of(&secret)).expect("active");
    assert!(token.allows_origin("https://shop.example") && !token.allows_origin("https://evil.example"));
}

async fn a_token_needs_an_environment(t: Harness) {
    let environment = EnvironmentKey::parse("moon").expect("a key");
    let token = NewToken { environment, ..new_token(TokenKind::Server, &[]) };
    let refused = t.store.create_token(&admin(), token).await;
    assert!(matches!(refused, Err(StoreError::NotFound { kind: ObjectKind::Environment, .. })));
}
