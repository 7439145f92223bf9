//! What an installation from before becomes.

use engine::plan::{Gate, Plan, PlanState, Step};
use sqlx::{Connection, PgConnection, SqliteConnection, migrate::Migrator};
use store::{Role, Store, TokenKind, UserId};

use crate::harness::*;

on_both!(old_tokens_get_owners_and_an_end_and_store_nobody);

/// An empty database as the migrations before `version` leave it.
async fn before(t: &Harness, version: i64) -> String {
    let folder = if t.is_sqlite() { "sqlite" } else { "postgres" };
    let folder = format!("{}/../../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut migrator = Migrator::new(std::path::Path::new(&folder)).await.expect("migrations");
    migrator.migrations.to_mut().retain(|migration| migration.version < version);
    if t.is_sqlite() {
        let url = t.url.replace("fader.db", "old.db");
        let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.expect("connects");
        migrator.run(&mut connection).await.expect("migrated");
        connection.close().await.expect("closes");
        url
    } else {
        t.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.expect("emptied");
        let mut connection = PgConnection::connect(&t.url).await.expect("connects");
        migrator.run(&mut connection).await.expect("migrated");
        t.url.clone()
    }
}

async fn old_tokens_get_owners_and_an_end_and_store_nobody(t: Harness) {
    let url = before(&t, 18).await;
    let key = |text: &str| engine::RuleId::parse(text).expect("an id");
    let step = Step {
        title: String::new(),
        percentages: [(key("everyone"), engine::Percentage::NONE)].into(),
        gates: vec![Gate::Approval],
    };
    let plan = serde_json::to_string(&Plan { name: "Old".to_owned(), steps: vec![step] }).expect("JSON");
    let state = serde_json::to_string(&PlanState::Draft).expect("JSON");
    let flag = serde_json::to_string(&engine::Flag::boolean(flag_key("a"), "A")).expect("JSON");
    let entry = |seq: u32, kind: &str, actor: u32, token: u32| {
        format!(
            "INSERT INTO audit (seq, at_ms, actor_kind, actor_id, actor, actor_email, action, object_kind, object_key, \
             object_name, sentence, changes, reason, request_id, address, versions_hash, previous_hash, hash) VALUES \
             ({seq}, 0, '{kind}', {actor}, 'x', '', 'token_created', 'token', '{token}', 'x', 'x', '[]', '', '', '', '', \
             '', '');"
        )
    };
    let sql = [
        "INSERT INTO users (email, name, role, disabled, created_ms) VALUES ('ada@example.test', 'Ada', 'admin', FALSE, 0);",
        "INSERT INTO tokens (name, kind, environment, origins, token_hash, hint, created_ms, created_by, role) VALUES \
         ('bot', 'admin', 'staging', '[]', 'aa', 'aa', 0, 'Ada', 'admin'), \
         ('shop', 'server', 'production', '[]', 'bb', 'bb', 0, 'command line', NULL);",
        &entry(1, "member", 1, 1),
        &entry(2, "command_line", 0, 2),
        &format!(
            "INSERT INTO flags (key, document, version, changed_ms, changed_by, audit_seq) VALUES ('a', '{flag}', 1, 0, 'Ada', 1);"
        ),
        &format!(
            "INSERT INTO plans (environment, flag, document, state, version, changed_ms, changed_by, proposed_by, \
             proposed_by_name, started_by, audit_seq) VALUES \
             ('production', 'a', '{plan}', '{state}', 1, 0, 'token bot', -1, 'token bot', -1, 1);"
        ),
    ];
    sql_on(&url, &sql.concat()).await.expect("an installation from before");
    let store = Store::open(&url, t.clock.clone()).await.expect("upgraded");
    let tokens = store.list_tokens(&admin()).await.expect("reads");
    let [shop, bot] = &tokens[..] else { panic!("two tokens: {tokens:?}") };
    assert_eq!((bot.kind, bot.scope.to_string().as_str()), (TokenKind::Admin(Role::Admin), "staging"));
    assert_eq!(bot.owner.as_ref().map(|owner| owner.name.as_str()), Some("Ada"));
    assert_eq!((shop.owner.as_ref(), shop.writes_traits), (None, false));
    let year_ms = 365 * 24 * 3_600_000;
    for token in &tokens {
        let left_ms = token.expires_ms.expect("an end") - store::Clock::System.now_ms();
        assert!((year_ms - 600_000..=year_ms + 1000).contains(&left_ms), "{left_ms}");
    }
    let release =
        store.find_plan(&viewer(), &production(), &flag_key("a")).await.expect("reads").expect("a plan");
    assert_eq!((release.proposed_by, release.moved_by.clone()), (UserId::new(1), vec![UserId::new(1)]));
    assert!(!release.may_be_approved_by(Some(UserId::new(1))), "Ada's token is Ada");
    store.close().await;
}
