//! Tokens: where they count, whose they are, until when they work.

use std::sync::Arc;

use engine::{
    EnvironmentKey, RuleId, SubjectKey,
    guardrail::{Accepts, Basis, Metric},
};
use store::{
    DeniedBecause, Invalid, Lifetime, NewToken, ObjectKind, Principal, Role, Rotation, StoreError, Token,
    TokenHash, TokenKind, TokenRefused, TokenScope, TokenState,
};

use crate::harness::*;

on_both!(
    a_token_works_until_it_is_revoked,
    a_client_token_names_its_origins,
    a_token_needs_an_environment,
    only_management_tokens_count_in_the_whole_workspace,
    a_token_works_for_a_year_unless_somebody_chooses,
    an_old_secret_works_until_the_overlap_is_over,
    rotating_at_once_ends_every_old_secret,
    a_management_token_is_rotated_by_its_owner_only,
    only_the_command_line_makes_tokens_for_others,
    a_management_token_never_may_more_than_its_owner,
    an_environment_token_changes_nothing_elsewhere,
    a_token_that_was_revoked_meanwhile_changes_nothing,
    the_last_use_is_written_now_and_then,
    storing_people_is_granted_and_taken_back,
);

const DAY_MS: i64 = 24 * 3_600_000;

fn server() -> NewToken {
    NewToken::new("Booking backend", TokenKind::Server, production())
}

fn managing(role: Role, scope: impl Into<TokenScope>) -> NewToken {
    NewToken::new("deploy-bot", TokenKind::Admin(role), scope)
}

fn because(error: StoreError) -> Option<DeniedBecause> {
    match error {
        StoreError::Denied(denied) => Some(denied.because),
        _ => None,
    }
}

impl Harness {
    async fn made(&self, new: NewToken) -> (String, Arc<Token>) {
        let secret = self.store.create_token(&admin(), new).await.expect("created");
        let token = self.known(&secret).expect("works");
        (secret, token)
    }

    fn known(&self, secret: &str) -> Result<Arc<Token>, TokenRefused> {
        self.store.live().token(&TokenHash::of(secret), self.clock.now_ms())
    }

    fn acting(&self, secret: &str) -> Option<Principal> {
        Principal::of_token(&*self.known(secret).ok()?, self.store.live(), origin())
    }
}

async fn a_token_works_until_it_is_revoked(t: Harness) {
    let (secret, token) = t.made(server()).await;
    assert!(secret.starts_with("fdr_server_production_"), "{secret}");
    assert_eq!((token.name.as_str(), token.kind), ("Booking backend", TokenKind::Server));
    assert_eq!(t.known("fdr_server_production_guess").map(drop), Err(TokenRefused::Unknown));
    let entry = t.store.find_audit(&auditor(), t.store.live().seq()).await.expect("reads").expect("an entry");
    assert!(!serde_json::to_string(&entry).expect("JSON").contains(&secret), "no secret in the log");
    t.store.revoke_token(&admin(), token.id).await.expect("revoked");
    assert_eq!(t.known(&secret).map(drop), Err(TokenRefused::Unknown));
    let listed = t.store.list_tokens(&admin()).await.expect("reads");
    assert_eq!(listed[0].state(START_MS), TokenState::Revoked { at_ms: START_MS });
    assert!(secret.ends_with(&listed[0].hint));
    t.store.revoke_token(&admin(), token.id).await.expect("revoking again is no error");
    let rotated = t.store.rotate_token(&admin(), token.id, Rotation::default()).await;
    assert!(matches!(rotated, Err(StoreError::Invalid(Invalid::TokenRevoked))));
}

async fn a_client_token_names_its_origins(t: Harness) {
    let client = || NewToken::new("page", TokenKind::Client, production());
    let refused = t.store.create_token(&admin(), client()).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::Origins))));
    let (_, token) = t.made(NewToken { origins: vec!["https://shop.example".to_owned()], ..client() }).await;
    assert_eq!(token.origins[..], ["https://shop.example"]);
}

async fn a_token_needs_an_environment(t: Harness) {
    let moon = EnvironmentKey::parse("moon").expect("a key");
    let refused = t.store.create_token(&admin(), NewToken { scope: moon.into(), ..server() }).await;
    assert!(matches!(refused, Err(StoreError::NotFound { kind: ObjectKind::Environment, .. })));
}

async fn only_management_tokens_count_in_the_whole_workspace(t: Harness) {
    let refused = t.store.create_token(&admin(), NewToken { scope: TokenScope::Workspace, ..server() }).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::TokenScope))));
    let (secret, token) = t.made(managing(Role::Viewer, TokenScope::Workspace)).await;
    assert!(secret.starts_with("fdr_admin_workspace_"), "{secret}");
    assert_eq!(token.environment(), None);
    let storing = NewToken { writes_traits: true, ..managing(Role::Admin, production()) };
    let refused = t.store.create_token(&admin(), storing).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::TokenTraits))));
}

async fn a_token_works_for_a_year_unless_somebody_chooses(t: Harness) {
    let (year, _) = t.made(server()).await;
    let (day, _) = t.made(NewToken { lifetime: Lifetime::Days(1), ..server() }).await;
    let (ever, _) = t.made(NewToken { lifetime: Lifetime::Never, ..server() }).await;
    let never = NewToken { lifetime: Lifetime::Never, ..managing(Role::Viewer, production()) };
    let refused = t.store.create_token(&admin(), never).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::TokenLifetime))));
    t.advance(DAY_MS - 1);
    assert!(t.known(&day).is_ok());
    t.advance(1);
    let expired = t.known(&day).expect_err("its day is over");
    assert_eq!(expired, TokenRefused::Expired { at_ms: START_MS + DAY_MS });
    assert!(expired.to_string().contains("expired at 2026-01-06"), "{expired}");
    assert_eq!(t.store.tokens_that_expire_soon(&admin()), 0);
    t.advance(334 * DAY_MS);
    assert_eq!(t.store.tokens_that_expire_soon(&admin()), 1, "30 days before");
    let listed = t.store.list_tokens(&admin()).await.expect("reads");
    let states: Vec<_> = listed.iter().map(|token| token.state(t.clock.now_ms())).collect();
    let soon = TokenState::ExpiresSoon { at_ms: START_MS + 365 * DAY_MS };
    assert_eq!(states, [TokenState::Active, TokenState::Expired { at_ms: START_MS + DAY_MS }, soon]);
    t.advance(30 * DAY_MS);
    assert!(t.known(&year).is_err() && t.known(&ever).is_ok());
}

async fn an_old_secret_works_until_the_overlap_is_over(t: Harness) {
    let (old, token) = t.made(NewToken { lifetime: Lifetime::Days(10), ..server() }).await;
    t.advance(9 * DAY_MS + DAY_MS / 2);
    let new = t.store.rotate_token(&admin(), token.id, Rotation::default()).await.expect("rotated");
    assert_ne!(old, new);
    assert_eq!(t.known(&new).expect("works").id, t.known(&old).expect("works on").id);
    let sentence = t.last_sentence().await;
    assert!(sentence.starts_with("rotated the server token Booking backend for production"), "{sentence}");
    let other = t.another().await;
    assert!(other.live().token(&TokenHash::of(&old), t.clock.now_ms()).is_ok(), "for every copy");
    // It would have expired by then: the overlap makes it live no longer.
    t.advance(DAY_MS / 2);
    let ended = t.known(&old).expect_err("ended");
    assert_eq!(ended, TokenRefused::Replaced { at_ms: START_MS + 10 * DAY_MS });
    assert!(t.known(&new).is_ok(), "rotating renews");
    t.store.revoke_token(&admin(), token.id).await.expect("revoked");
    assert_eq!(t.known(&old).map(drop), Err(TokenRefused::Unknown));
}

async fn rotating_at_once_ends_every_old_secret(t: Harness) {
    let (first, token) = t.made(server()).await;
    let rotate = async |overlap_hours| {
        let rotation = Rotation { overlap_hours, ..Rotation::default() };
        t.store.rotate_token(&admin(), token.id, rotation).await
    };
    let second = rotate(24).await.expect("rotated");
    let third = rotate(0).await.expect("rotated");
    assert!(t.known(&first).is_err() && t.known(&second).is_err() && t.known(&third).is_ok());
    assert!(matches!(rotate(9999).await, Err(StoreError::Invalid(Invalid::TokenOverlap))));
}

async fn a_management_token_is_rotated_by_its_owner_only(t: Harness) {
    let ada = t.member(Role::Admin).await;
    t.store.add_user(&admin(), "eve@example.test", "Eve", Role::Admin, PASSWORD).await.expect("added");
    let eve = t.sign_in("eve@example.test").await.recent_administrator(t.clock.now_ms()).expect("may");
    let by = ada.recent_administrator(t.clock.now_ms()).expect("may");
    let secret = t.store.create_token(&by, managing(Role::Admin, production())).await.expect("created");
    let token = t.known(&secret).expect("works");
    assert_eq!(token.owner.as_ref().map(|owner| owner.id), Some(ada.id()));
    // Whoever has the secret acts as Ada.
    let refused = t.store.rotate_token(&eve, token.id, Rotation::default()).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::TokenOwner))));
    t.store.rotate_token(&by, token.id, Rotation::default()).await.expect("her own");
    t.store.rotate_token(&admin(), token.id, Rotation::default()).await.expect("the command line");
    let (_, shop) = t.made(server()).await;
    t.store.rotate_token(&eve, shop.id, Rotation::default()).await.expect("a server token acts as nobody");
}

async fn only_the_command_line_makes_tokens_for_others(t: Harness) {
    let (ada, grace) = (t.member(Role::Admin).await, t.member(Role::Product).await);
    let for_grace =
        || NewToken { owner: Some(grace.email().to_uppercase()), ..managing(Role::Product, production()) };
    let refused =
        t.store.create_token(&ada.recent_administrator(t.clock.now_ms()).expect("may"), for_grace()).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::TokenOwner))));
    let (_, token) = t.made(for_grace()).await;
    assert_eq!(token.owner.as_ref().map(|owner| owner.id), Some(grace.id()));
    let unknown = NewToken { owner: Some("nobody@example.test".to_owned()), ..for_grace() };
    let refused = t.store.create_token(&admin(), unknown).await;
    assert!(matches!(refused, Err(StoreError::NotFound { kind: ObjectKind::Member, .. })));
    let (_, nobodys) = t.made(managing(Role::Product, production())).await;
    assert_eq!(nobodys.owner, None);
}

async fn a_management_token_never_may_more_than_its_owner(t: Harness) {
    t.member(Role::Admin).await;
    t.store.add_user(&admin(), "eve@example.test", "Eve", Role::Admin, PASSWORD).await.expect("added");
    let eve = t.sign_in("eve@example.test").await;
    let by = eve.recent_administrator(t.clock.now_ms()).expect("may");
    let secret =
        t.store.create_token(&by, managing(Role::Admin, TokenScope::Workspace)).await.expect("created");
    let backend = t.store.create_token(&by, server()).await.expect("created");
    let other = t.another().await;
    assert!(t.acting(&secret).expect("acts").administrator().is_ok());
    t.store.set_role(&admin(), eve.id(), Role::Support).await.expect("lowered");
    let acting = t.acting(&secret).expect("acts");
    assert_eq!((acting.role(), acting.person()), (Role::Support, Some(eve.id())));
    assert!(acting.administrator().is_err() && acting.flag_editor().is_err() && acting.stopper().is_ok());
    t.store.disable_member(&admin(), eve.id()).await.expect("disabled");
    assert_eq!(t.known(&secret).map(drop), Err(TokenRefused::OwnerDisabled));
    assert!(t.known(&backend).is_ok(), "applications go on when a member leaves");
    eventually("the other copy refuses it, too", async || {
        other.live().token(&TokenHash::of(&secret), START_MS).is_err()
    })
    .await;
    t.store.enable_member(&admin(), eve.id()).await.expect("enabled");
    assert_eq!(t.acting(&secret).expect("acts again").role(), Role::Support);
}

/// The request came while the token worked, and its change comes after the end.
async fn a_token_that_was_revoked_meanwhile_changes_nothing(t: Harness) {
    t.create_flag("a").await;
    let new = NewToken { lifetime: Lifetime::Days(1), ..managing(Role::Product, TokenScope::Workspace) };
    let (revoked, token) = t.made(new.clone()).await;
    let (expired, _) = t.made(new).await;
    let [revoked, expired] = [revoked, expired].map(|it| t.acting(&it).expect("manages"));
    let stop = async |by: &Principal| {
        let (by, here, flag) = (by.stopper().expect("may"), production(), flag_key("a"));
        t.store.stop(&by, &here, &flag, "").await.map(drop)
    };
    stop(&revoked).await.expect("it works");
    t.store.revoke_token(&admin(), token.id).await.expect("revoked");
    let resume = async |by: &Principal| {
        let (by, here, flag) = (by.flag_editor().expect("may"), production(), flag_key("a"));
        let refused = t.another().await.resume(&by, &here, &flag, "").await.map(drop);
        because(refused.expect_err("refused"))
    };
    assert_eq!(resume(&revoked).await, Some(DeniedBecause::Ended));
    t.advance(DAY_MS);
    assert_eq!(resume(&expired).await, Some(DeniedBecause::Ended));
    assert!(!t.rollout("a").await.value.enabled, "nothing was written");
}

async fn an_environment_token_changes_nothing_elsewhere(t: Harness) {
    t.create_flag("a").await;
    let (secret, _) = t.made(managing(Role::Admin, staging())).await;
    let bound = t.acting(&secret).expect("acts");
    let editor = bound.flag_editor().expect("may edit, there");
    let seq = t.store.live().seq();
    let saved = async |environment: EnvironmentKey| {
        let found = t.rollout_in("a", &environment).await;
        let rollout = engine::Rollout { rules: vec![everyone(100)], ..found.value };
        t.store.save_rollout(&editor, &environment, &flag_key("a"), found.version, rollout, "").await
    };
    assert_eq!(saved(production()).await.map_err(because), Err(Some(DeniedBecause::AnotherEnvironment)));
    let stopper = bound.stopper().expect("may stop, there");
    let stopped = t.store.stop(&stopper, &production(), &flag_key("a"), "").await;
    assert_eq!(stopped.map_err(because), Err(Some(DeniedBecause::AnotherEnvironment)));
    let read = t.store.find_rollout(&bound.viewer(), &production(), &flag_key("a")).await;
    assert_eq!(read.map(drop).map_err(because), Err(Some(DeniedBecause::AnotherEnvironment)));
    let read = t.store.first_exposures(&bound.viewer(), &production(), &flag_key("a"), 0).await;
    assert_eq!(read.map(drop).map_err(because), Err(Some(DeniedBecause::AnotherEnvironment)));
    let rule = RuleId::parse("everyone").expect("an id");
    let wanted = [(Basis { metric: Metric::ErrorRate, accepts: Accepts::Servers }, 0)];
    let at = (&production(), &flag_key("a"), &rule);
    let read = t.store.guarded_cells(&bound.viewer(), at, &wanted, i64::MAX).await;
    assert_eq!(read.map(drop).map_err(because), Err(Some(DeniedBecause::AnotherEnvironment)));
    // What all environments share: flags and groups.
    let group = t.store.create_group(&editor, group("vip", "vip"), "").await;
    assert_eq!(group.map_err(because), Err(Some(DeniedBecause::OneEnvironment)));
    let flag = engine::Flag::boolean(flag_key("b"), "B");
    assert_eq!(
        t.store.create_flag(&editor, flag).await.map_err(because),
        Err(Some(DeniedBecause::OneEnvironment))
    );
    assert_eq!(t.store.live().seq(), seq, "nothing was written");
    assert!(saved(staging()).await.is_ok());
}

async fn the_last_use_is_written_now_and_then(t: Harness) {
    let (secret, token) = t.made(server()).await;
    let listed =
        async |store: &store::Store| store.list_tokens(&admin()).await.expect("reads")[0].last_used_ms;
    assert_eq!(listed(&t.store).await, None);
    token.note_use(t.clock.now_ms());
    assert_eq!(listed(&t.store).await, Some(START_MS), "at once where it was used");
    let other = t.another().await;
    assert_eq!(listed(&other).await, None);
    let seq = t.store.live().seq();
    t.store.write_token_uses().await.expect("written");
    assert_eq!(listed(&other).await, Some(START_MS));
    assert_eq!(t.store.live().seq(), seq, "no change of Fader");
    // A reload and another secret keep it, and a copy that knows of less takes nothing back.
    t.store.rotate_token(&admin(), token.id, Rotation::default()).await.expect("rotated");
    t.advance(60_000);
    t.known(&secret).expect("works on").note_use(t.clock.now_ms());
    t.store.write_token_uses().await.expect("written");
    other.write_token_uses().await.expect("written");
    assert_eq!(listed(&other).await, Some(START_MS + 60_000));
}

async fn storing_people_is_granted_and_taken_back(t: Harness) {
    let (secret, token) = t.made(server()).await;
    let put = async || {
        let token = t.known(&secret).expect("works");
        let writer =
            store::PeopleWriter::of_token(&token, t.store.live(), origin()).map_err(StoreError::from)?;
        let ada = SubjectKey::parse("ada").expect("a key");
        t.store.put_people(&writer, vec![(ada, engine::Attributes::default())]).await
    };
    assert!(matches!(put().await, Err(StoreError::Denied(_))));
    t.store.grant_traits(&admin(), token.id, true).await.expect("granted");
    assert_eq!(t.last_sentence().await, "let the server token Booking backend for production store people");
    assert!(put().await.is_ok());
    t.store.grant_traits(&admin(), token.id, false).await.expect("taken back");
    assert_eq!(
        t.last_sentence().await,
        "forbade the server token Booking backend for production to store people"
    );
    assert!(put().await.is_err());
    let (_, managing) = t.made(managing(Role::Admin, production())).await;
    assert!(t.store.grant_traits(&admin(), managing.id, true).await.is_err());
}
