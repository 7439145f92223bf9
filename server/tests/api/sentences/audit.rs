//! The audit log of a workspace in which everything was done once: what the demo does, and the rest by hand.

use std::{collections::BTreeMap, time::Duration};

use engine::{EnvironmentKey, FlagKey, GroupKey, Preview, SubjectKey, VariantKey};
use serde_json::json;
use server::Config;
use store::{
    Action, AuditEntry, AuditFilter, EnrolmentChoice, EnrolmentLine, EnrolmentList, ExposureFilter,
    GuardrailSet, Kept, NewComplaint, NewTesterInvitation, NewToken, Operation, PlanMove, Principal,
    RequestOrigin, Role, RoleCell, RoleTable, Rotation, TokenKind, Triage, TriageState,
};

use super::Listed;
use crate::app::{NOW_MS, PASSWORD, TestApp, administrator, editor, environment_key, viewer};

/// What only happens to a server that runs: their sentences stand elsewhere in the list, or in tests of their own.
const NOT_HERE: [Action; 10] = [
    Action::GuardNotified,
    Action::GuardSteppedBack,
    Action::GuardStopped,
    Action::PlanFinished,
    Action::PlanHeld,
    Action::PlanWentOn,
    Action::PlanPausedByGuard,
    Action::DatabaseRestored,
    Action::WorkspaceSetUp,
    Action::PasswordRefused,
];
/// Of one action as many as show its shapes.
const OF_ONE_ACTION_MAX: usize = 12;
const HOUR_MS: i64 = 3_600_000;

fn command_line() -> Principal {
    Principal::command_line()
}

fn production() -> EnvironmentKey {
    environment_key("production")
}

fn flag() -> FlagKey {
    FlagKey::parse("fast-payment").expect("a key")
}

fn ada() -> SubjectKey {
    SubjectKey::parse("ada").expect("a key")
}

pub(super) async fn list(listed: &mut Listed) {
    // The guard of the server itself would act whenever it comes to look.
    let config = Config { look_every: Duration::from_hours(1), ..Config::default() };
    let app = TestApp::start_with(config).await;
    app.store.seed_demo(&administrator()).await.expect("the demo");
    members(&app).await;
    tokens(&app).await;
    Box::pin(flags(&app)).await;
    Box::pin(groups(&app)).await;
    plans(&app).await;
    guardrails(&app).await;
    incidents(&app).await;
    people(&app).await;
    settings(&app).await;
    let mut by_action: BTreeMap<&str, Vec<AuditEntry>> = BTreeMap::new();
    let by_chance = [Action::PlanHeld, Action::PlanWentOn, Action::GuardNotified];
    for entry in entries(&app).await.into_iter().filter(|it| !by_chance.contains(&it.action)) {
        by_action.entry(entry.action.as_str()).or_default().push(entry);
    }
    let undone = |action: &Action| !by_action.contains_key(action.as_str()) && !NOT_HERE.contains(action);
    assert_eq!(Action::ALL.into_iter().filter(undone).collect::<Vec<_>>(), [], "nobody did these");
    for (action, mut entries) in by_action {
        listed.section(&format!("The audit log: {action}"));
        entries.reverse();
        for entry in entries.into_iter().take(OF_ONE_ACTION_MAX) {
            listed.phrase(lasting(&format!("{} {}", entry.actor, entry.sentence)));
            for change in entry.changes {
                listed.phrase(change.phrase);
            }
        }
    }
}

/// What is another one each time is left out: the end of a secret, the number of an entry.
fn lasting(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split(' ').collect();
    let shown = |(at, word): (usize, &&str)| {
        let is_number = at > 0 && words[at - 1] == "change" && word.chars().all(|it| it.is_ascii_digit());
        if is_number || word.starts_with('…') { "…".to_owned() } else { (*word).to_owned() }
    };
    words.iter().enumerate().map(shown).collect::<Vec<_>>().join(" ")
}

/// All of them, the newest first.
async fn entries(app: &TestApp) -> Vec<AuditEntry> {
    let reader = command_line().audit_reader().expect("may");
    let (mut all, mut before_seq) = (Vec::new(), None);
    loop {
        let filter = AuditFilter { before_seq, limit: 200, ..AuditFilter::default() };
        let page = app.store.list_audit(&reader, &filter).await.expect("reads");
        let Some(last) = page.last() else { return all };
        before_seq = Some(last.seq);
        all.extend(page);
    }
}

/// The demo has some.
async fn incidents(app: &TestApp) {
    let reader = command_line().audit_reader().expect("may");
    let act =
        entries(app).await.into_iter().find(|it| it.action.is_incident()).expect("the guard did something");
    let (environment, flag) =
        (act.environment.expect("one"), FlagKey::parse(&act.object.key).expect("a key"));
    let made = app.store.share_incident(&reader, &environment, &flag, act.seq).await.expect("shared");
    made.expect("a link");
}

async fn members(app: &TestApp) {
    let (store, admin, origin) = (&app.store, administrator(), RequestOrigin::default());
    let link = store.invite_member(&admin, "mo@example.test", "Mo", Role::Viewer).await.expect("invited");
    store.accept_invite(link.as_str(), PASSWORD, &origin, "test").await.expect("joined");
    let members = store.list_members(&command_line().administrator().expect("may")).await.expect("members");
    let id = members.iter().find(|member| member.email == "mo@example.test").expect("Mo").id;
    assert!(store.sign_in("mo@example.test", "not the password", &origin, "test").await.is_err());
    let session = store.sign_in("mo@example.test", PASSWORD, &origin, "test").await.expect("a session");
    store.sign_out(&session.token, &origin).await.expect("signed out");
    let session = store.sign_in("mo@example.test", PASSWORD, &origin, "test").await.expect("a session");
    let who = store.find_session(&session.token, origin.clone()).await.expect("reads").expect("a session");
    store.change_password(&who, PASSWORD, "four other words entirely").await.expect("changed");
    store.set_role(&admin, id, Role::Support).await.expect("a role");
    store.revoke_sessions(&admin, id).await.expect("signed out");
    store.reset_member(&admin, id).await.expect("a link");
    store.disable_member(&admin, id).await.expect("disabled");
    store.enable_member(&admin, id).await.expect("enabled");
    let mut table = RoleTable::default();
    for operation in [Operation::RollOut, Operation::Exclude] {
        table.set(RoleCell::new(operation, Role::Qa, Some(&production())), false);
    }
    let version = store.save_roles(&admin, 0, table, "").await.expect("saved");
    store.undo_roles(&admin, version, "").await.expect("undone");
}

async fn tokens(app: &TestApp) {
    for kind in [TokenKind::Server, TokenKind::Client] {
        app.token(kind, "production", if kind == TokenKind::Client { &["https://shop.test"] } else { &[] })
            .await;
    }
    app.workspace_token(Role::Product).await;
    let by = command_line().administrator().expect("may");
    let tokens = app.store.list_tokens(&by).await.expect("tokens");
    let server = tokens.iter().find(|token| token.name.starts_with("Server")).expect("a token").id;
    app.store.grant_traits(&administrator(), server, true).await.expect("granted");
    app.store.grant_traits(&administrator(), server, false).await.expect("taken");
    for overlap_hours in [0, 1, 24] {
        let rotation = Rotation { overlap_hours, ..Rotation::default() };
        app.store.rotate_token(&administrator(), server, rotation).await.expect("rotated");
    }
    app.store.revoke_token(&administrator(), server).await.expect("revoked");
    let lasting = NewToken::new("lasting", TokenKind::Server, production());
    app.store.create_token(&administrator(), lasting).await.expect("a token");
}

async fn flags(app: &TestApp) {
    let store = &app.store;
    app.boolean_flag("new-thing").await;
    let key = FlagKey::parse("new-thing").expect("a key");
    app.everyone("new-thing").await;
    app.stop_flag("new-thing").await;
    store.resume(&editor(), &production(), &key, "fixed").await.expect("resumed");
    let version =
        store.find_rollout(&viewer(), &production(), &key).await.expect("reads").expect("there").version;
    store.re_randomise(&editor(), &production(), &key, version, "").await.expect("drawn anew");
    let newest = entries(app).await.remove(0).seq;
    store.revert(&viewer(), newest, "").await.expect("reverted");
    for lifecycle in ["completed", "draft", "active", "archived", "active"] {
        let found = store.find_flag(&viewer(), &key).await.expect("reads").expect("a flag");
        let mut changed = serde_json::to_value(&found.value).expect("JSON");
        changed["lifecycle"] = json!(lifecycle);
        let changed = serde_json::from_value(changed).expect("a flag");
        store.update_flag(&editor(), found.version, changed, "").await.expect("saved");
    }
    let found = store.find_flag(&viewer(), &key).await.expect("reads").expect("a flag");
    let renamed = engine::Flag { name: "The new thing".into(), owner: "ops".into(), ..found.value };
    store.update_flag(&editor(), found.version, renamed, "").await.expect("saved");
    let newest = entries(app).await.remove(0).seq;
    store.revert(&viewer(), newest, "").await.expect("reverted");
}

async fn groups(app: &TestApp) {
    let store = &app.store;
    let enroller = command_line().enroller().expect("may");
    app.testers("pilot", "ada", None, None).await;
    let key = GroupKey::parse("pilot").expect("a key");
    for count in [1, 15] {
        let line = |number: usize| {
            let subject = SubjectKey::parse(&format!("tester-{count}-{number}")).expect("a key");
            EnrolmentLine::new(number, subject)
        };
        let list = EnrolmentList::of((0..count).map(line).collect());
        let choice = EnrolmentChoice { with_unknown: true, ..EnrolmentChoice::default() };
        store.enrol(&enroller, &key, &list, choice, None, "").await.expect("enrolled");
    }
    let end = Some(NOW_MS + HOUR_MS);
    store.extend_testers(&enroller, &key, &[ada()], end, "").await.expect("extended");
    store.remove_testers(&enroller, &key, &[ada()], "").await.expect("removed");
    let newest = entries(app).await.remove(0).seq;
    store.revert(&viewer(), newest, "").await.expect("reverted");
    for capacity in [1, 20] {
        let new = NewTesterInvitation {
            purpose: "tries the payment".into(),
            capacity,
            closes_ms: NOW_MS + HOUR_MS,
            until_ms: None,
        };
        let link = store.invite_testers(&enroller, &key, new).await.expect("a link");
        let subject = SubjectKey::parse(&format!("invited-{capacity}")).expect("a key");
        let accepted =
            store.accept_tester_invitation(link.as_str(), &subject, &RequestOrigin::default()).await;
        accepted.expect("accepted").expect("an invitation");
    }
    let open = store.list_tester_invitations(&viewer(), &key).await.expect("invitations").remove(0).id;
    store.revoke_tester_invitation(&enroller, &key, open).await.expect("revoked");
    let found = store.find_group(&viewer(), &key).await.expect("reads").expect("a group");
    let renamed = engine::Group { name: "Pilot people".into(), ..found.value };
    store.update_group(&editor(), found.version, renamed, "").await.expect("saved");
    let found = store.find_group(&viewer(), &key).await.expect("reads").expect("a group");
    store.delete_group(&editor(), found.version, &key, "").await.expect("deleted");
    let newest = entries(app).await.remove(0).seq;
    store.revert(&viewer(), newest, "").await.expect("reverted");
    for minutes in [1, 90] {
        let variant = VariantKey::parse("on").expect("a key");
        let preview = Preview { flag: flag(), subject: ada(), variant };
        store.make_preview(&enroller, &production(), preview, minutes * 60_000, "").await.expect("a preview");
    }
    store.exclude_tester(&enroller, &production(), &flag(), &ada(), "complains").await.expect("excluded");
    store.readmit_tester(&enroller, &production(), &flag(), &ada(), "again").await.expect("in again");
}

async fn plans(app: &TestApp) {
    let store = &app.store;
    let key = FlagKey::parse("new-thing").expect("a key");
    let template = engine::plan::Template::find("standard").expect("a template");
    let plan = template.plan(&[], &engine::RuleId::parse("everyone").expect("an id"));
    let mut release = store.save_plan(&editor(), &production(), &key, 0, plan, "").await.expect("saved");
    let moves = [
        PlanMove::StartAt { at_ms: NOW_MS + HOUR_MS },
        PlanMove::Start,
        PlanMove::Pause,
        PlanMove::Resume,
        PlanMove::Jump { to: 1 },
        PlanMove::StepBack,
        PlanMove::Abandon,
    ];
    for what in moves {
        let moved = store.move_plan(&editor(), &production(), &key, release.version, what, "").await;
        release = moved.unwrap_or_else(|error| panic!("{what:?}: {error}"));
    }
    let (origin, account) = (RequestOrigin::default(), store::DEMO_ACCOUNTS[0]);
    let session =
        store.sign_in(account.email, store::DEMO_PASSWORD, &origin, "test").await.expect("a session");
    let admin = store.find_session(&session.token, origin).await.expect("reads").expect("a session");
    let request = store.list_approvals(&viewer()).await.expect("requests").remove(0);
    let approver = admin.approver().expect("may");
    let approved = store
        .approve_step(&approver, &request.environment, &request.flag, request.version, request.step, "")
        .await;
    approved.expect("approved");
}

async fn guardrails(app: &TestApp) {
    let store = &app.store;
    let key = FlagKey::parse("new-thing").expect("a key");
    let set = |actions: &[&str]| {
        let one = |action: &&str| {
            json!({"id": format!("errors-{action}"), "metric": "error_rate", "limit": {"ceiling": {"limit": 0.05}},
                   "action": action})
        };
        let guardrails: Vec<_> = actions.iter().map(one).collect();
        GuardrailSet {
            guardrails: serde_json::from_value(json!(guardrails)).expect("guardrails"),
            ..GuardrailSet::default()
        }
    };
    let by = command_line().administrator().expect("may");
    let version =
        store.save_guardrails(&editor(), &production(), &key, 0, set(&["stop"]), "").await.expect("saved");
    let version = store
        .save_guardrails(&editor(), &production(), &key, version, set(&["stop", "notify"]), "")
        .await
        .expect("saved");
    let version =
        store.save_guardrails(&editor(), &production(), &key, version, set(&[]), "").await.expect("saved");
    store.reset_guardrails(&editor(), &production(), &key, version, "").await.expect("reset");
    let version = store.save_default_guardrails(&by, 0, set(&["notify"]), "").await.expect("saved");
    store.reset_default_guardrails(&by, version, "").await.expect("reset");
}

async fn people(app: &TestApp) {
    let store = &app.store;
    let reader = command_line().people_reader().expect("may");
    app.person("ada", json!({"name": "Ada", "tier": "vip"})).await;
    let attributes = engine::Attributes::from_json(json!({"tier": "vip"}).as_object().expect("an object"));
    let many = ["eva", "mia"].map(|key| (SubjectKey::parse(key).expect("a key"), attributes.clone()));
    store.put_people(&administrator(), many.to_vec()).await.expect("people");
    let persona = store.save_persona(&reader, "A VIP", Some(ada()), attributes).await.expect("a persona");
    store.delete_persona(&reader, persona).await.expect("deleted");
    store.look_up(&reader, &ada()).await.expect("looked up");
    for query in ["ada", "nobody at all", "e"] {
        store.search_people(&reader, query, 1).await.expect("searched");
    }
    let ledger = command_line().ledger_reader().expect("may");
    let filter = ExposureFilter::default();
    store.exposures_of_flag(ledger, &production(), &flag(), &filter).await.expect("looked at");
    let handler = command_line().feedback_handler().expect("may");
    let complaint = NewComplaint {
        subject: ada(),
        at_ms: NOW_MS,
        kinds: Vec::new(),
        comment: "it hangs".into(),
        flag: Some(flag()),
    };
    let id = store.log_complaint(&handler, &production(), complaint).await.expect("logged");
    let triage = Triage { state: TriageState::Looking, assignee: None, note: "asked".into() };
    store.triage_feedback(&handler, id, 1, triage).await.expect("triaged");
    store.erase_subject(&administrator(), &ada()).await.expect("erased");
}

async fn settings(app: &TestApp) {
    let store = &app.store;
    let by = command_line().administrator().expect("may");
    let attribute = json!({"name": "shoe_size", "type": "number"});
    store
        .put_attribute(&administrator(), serde_json::from_value(attribute).expect("one"))
        .await
        .expect("saved");
    store.delete_attribute(&by, &"shoe_size".parse().expect("a name")).await.expect("deleted");
    let metric = json!({
        "key": "returns", "name": "Returns", "description": "", "kind": "rate", "unit": "", "lower_is_better": true,
    });
    store.put_metric(&by, serde_json::from_value(metric).expect("a metric")).await.expect("saved");
    store.delete_metric(&by, &"returns".parse().expect("a key")).await.expect("deleted");
    let hook = "https://hooks.test/secret";
    let (id, _) =
        store.create_webhook(&administrator(), hook, store::Reach::Public).await.expect("a webhook");
    store.test_webhook(&by, id).await.expect("tested");
    store.delete_webhook(&administrator(), id).await.expect("deleted");
    for days in [1, 90] {
        store.set_retention(&administrator(), Kept::Exposures, &production(), days).await.expect("kept");
    }
}
