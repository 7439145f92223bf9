//! Keys with which requests are made once.

use std::sync::Arc;

use engine::SubjectKey;
use store::{
    Invalid, KeptAnswer, NewToken, OnceClaim, OnceTaken, Principal, RequestOrigin, Role, StoreError, Token,
    TokenHash, TokenKind, TokenScope,
    limits::{ONCE_KEPT_MS, ONCE_STALE_MS},
};

use crate::harness::*;

on_both!(
    a_key_is_taken_and_its_answer_kept,
    whoever_was_slow_changes_nothing,
    having_looked_on_the_way_is_not_having_done_it,
    what_was_done_is_known_without_its_answer,
    a_token_has_so_many_keys,
);

impl Harness {
    async fn bot(&self) -> Arc<Token> {
        let new = NewToken::new("deploy-bot", TokenKind::Admin(Role::Product), production());
        let secret = self.store.create_token(&admin(), new).await.expect("created");
        self.store.live().token(&TokenHash::of(&secret), self.clock.now_ms()).expect("works")
    }

    async fn take(&self, token: &Token, request: &str) -> OnceTaken {
        self.store.take_once(token, "k", request).await.expect("asked")
    }

    async fn claim(&self, token: &Token) -> OnceClaim {
        match self.take(token, "request").await {
            OnceTaken::Yours(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    /// Stops the flag in the name of a claim.
    async fn stop_in_the_name_of(&self, token: &Token, claim: &OnceClaim) -> Result<u64, StoreError> {
        let origin = RequestOrigin { once: Some(Box::new(claim.clone())), ..origin() };
        let bot = Principal::of_token(token, self.store.live(), origin).expect("manages");
        let stopper = bot.within(&production()).expect("is there").stopper().expect("may");
        self.store.stop(&stopper, &production(), &flag_key("a"), "").await
    }
}

fn answer() -> KeptAnswer {
    KeptAnswer {
        status: 201, kind: "application/json".to_owned(), body: "{\"é\": \"\u{1F680}\"}".to_owned()
    }
}

async fn a_key_is_taken_and_its_answer_kept(t: Harness) {
    let (token, other) = (t.bot().await, t.bot().await);
    let claim = t.claim(&token).await;
    assert_eq!(t.take(&token, "request").await, OnceTaken::UnderWay);
    assert_eq!(t.take(&token, "another").await, OnceTaken::OfAnother);
    assert!(matches!(t.take(&other, "request").await, OnceTaken::Yours(_)), "keys are a token's own");
    t.store.keep_once(&claim, &answer()).await.expect("kept");
    assert_eq!(t.take(&token, "request").await, OnceTaken::Answered(answer()));
    assert_eq!(t.take(&token, "another").await, OnceTaken::OfAnother);
    t.advance(ONCE_KEPT_MS - 1);
    assert_eq!(t.store.sweep_once().await.expect("swept"), 0);
    assert_eq!(t.take(&token, "request").await, OnceTaken::Answered(answer()));
    t.advance(1);
    assert!(matches!(t.take(&token, "another").await, OnceTaken::Yours(_)), "free again, swept or not");
    assert_eq!(t.store.sweep_once().await.expect("swept"), 1, "the other token's");
}

async fn having_looked_on_the_way_is_not_having_done_it(t: Harness) {
    let new = NewToken::new("helper", TokenKind::Admin(Role::Product), TokenScope::Workspace);
    let secret = t.store.create_token(&admin(), new).await.expect("created");
    let token = t.store.live().token(&TokenHash::of(&secret), t.clock.now_ms()).expect("works");
    let claim = t.claim(&token).await;
    let origin = RequestOrigin { once: Some(Box::new(claim.clone())), ..origin() };
    let bot = Principal::of_token(&token, t.store.live(), origin).expect("manages");
    let ada = SubjectKey::parse("ada").expect("a key");
    t.store.look_up(&bot.people_reader().expect("may"), &ada).await.expect("audited");
    t.store.release_once(&claim).await.expect("given back");
    assert!(matches!(t.take(&token, "request").await, OnceTaken::Yours(_)), "it may be tried again");
}

async fn whoever_was_slow_changes_nothing(t: Harness) {
    t.create_flag("a").await;
    let token = t.bot().await;
    let slow = t.claim(&token).await;
    t.advance(ONCE_STALE_MS);
    let quick = t.claim(&token).await;
    let refused = t.stop_in_the_name_of(&token, &slow).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::OnceTakenOver))), "{refused:?}");
    assert!(t.rollout("a").await.value.enabled, "nothing was written");
    t.store.release_once(&slow).await.expect("nothing to give back");
    t.store.keep_once(&slow, &answer()).await.expect("nothing to keep");
    assert_eq!(t.take(&token, "request").await, OnceTaken::UnderWay, "the quick one has it");
    t.stop_in_the_name_of(&token, &quick).await.expect("stopped");
    assert!(!t.rollout("a").await.value.enabled);
}

/// A server that ends between a change and its answer.
async fn what_was_done_is_known_without_its_answer(t: Harness) {
    t.create_flag("a").await;
    let token = t.bot().await;
    let claim = t.claim(&token).await;
    t.stop_in_the_name_of(&token, &claim).await.expect("stopped");
    let seq = t.store.live().seq();
    t.store.release_once(&claim).await.expect("nothing is given back that was used");
    assert_eq!(t.take(&token, "request").await, OnceTaken::UnderWay);
    t.advance(ONCE_STALE_MS);
    assert_eq!(t.take(&token, "request").await, OnceTaken::Done { seq });
}

async fn a_token_has_so_many_keys(t: Harness) {
    let (token, other) = (t.bot().await, t.bot().await);
    let claim = t.claim(&token).await;
    t.store.keep_once(&claim, &answer()).await.expect("kept");
    let sql = "UPDATE once_keys SET bytes = 67108864";
    t.sql(sql).await.expect("full");
    let more = t.store.take_once(&token, "another", "request").await.expect("asked");
    assert_eq!(more, OnceTaken::TooMany);
    assert_eq!(t.take(&token, "request").await, OnceTaken::Answered(answer()), "what is kept is told");
    assert!(matches!(t.take(&other, "request").await, OnceTaken::Yours(_)));
    t.advance(ONCE_KEPT_MS);
    assert_eq!(t.store.sweep_once().await.expect("swept"), 2);
    let more = t.store.take_once(&token, "another", "request").await.expect("asked");
    assert!(matches!(more, OnceTaken::Yours(_)));
}
