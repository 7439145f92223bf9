use std::sync::Arc;

use engine::EnvironmentKey;

use super::{DeniedBecause, *};
use crate::clock::MINUTE_MS;

fn key(key: &str) -> EnvironmentKey {
    EnvironmentKey::parse(key).expect("a key")
}

fn under(role: Role, table: &RoleTable) -> Principal {
    let who = (UserId::new(7), "Some One".to_owned(), "one@example.test".to_owned());
    Principal::new(who, role, &Arc::new(table.clone()), RequestOrigin::default())
}

fn someone(role: Role) -> Principal {
    under(role, &RoleTable::default())
}

fn token(role: Role, owner: Role, bound_to: Option<&EnvironmentKey>, table: &RoleTable) -> Principal {
    let token = TokenAuthority {
        id: UserId::new(-1),
        name: "token".into(),
        rights: TokenRights::Manages(role),
        bound_to: bound_to.cloned(),
        owner: Some(TokenAnswerer { id: UserId::new(7), role: owner, disabled: false }),
    };
    Principal::of_authority(token, &Arc::new(table.clone()), RequestOrigin::default()).expect("manages")
}

/// QA: staging everything, production stop and enrol.
fn narrowed() -> RoleTable {
    let mut table = RoleTable::default();
    for operation in [Operation::RollOut, Operation::Exclude] {
        table.set(RoleCell::new(operation, Role::Qa, Some(&key("production"))), false);
    }
    table
}

/// Every table that is tried: the defaults, a narrowed and a widened one, and the least there is.
fn tables() -> [RoleTable; 4] {
    let keys = [key("production"), key("staging")];
    let mut widened = RoleTable::default();
    for cell in RoleTable::cells(&keys) {
        widened.set(cell, true);
    }
    [RoleTable::default(), narrowed(), widened, RoleTable::floors(&keys)]
}

#[test]
fn proofs_follow_the_role_table() {
    for (table, role) in tables().iter().flat_map(|table| Role::ALL.map(|role| (table, role))) {
        let p = under(role, table);
        let may = |operation| table.may(role, operation, None);
        assert_eq!(p.flag_editor().is_ok(), may(Operation::EditFlags), "{role}");
        assert_eq!(p.enroller().is_ok(), may(Operation::Enrol), "{role}");
        assert_eq!(p.people_reader().is_ok(), may(Operation::ReadPeople), "{role}");
        assert_eq!(p.people_writer().is_ok(), may(Operation::Administer), "{role}");
        assert_eq!(p.feedback_handler().is_ok(), may(Operation::HandleFeedback), "{role}");
        assert_eq!(p.administrator().is_ok(), may(Operation::Administer), "{role}");
        let audit = p.audit_reader().map(|it| it.scope());
        let seen = may(Operation::ReadTrail).then(|| AuditScope::Seen { people: may(Operation::ReadPeople) });
        assert_eq!(
            audit.ok(),
            if may(Operation::ReadAudit) { Some(AuditScope::Whole) } else { seen },
            "{role}"
        );
        for place in [key("production"), key("staging")] {
            let there = p.within(&place).expect("a member is bound to none");
            let may = |operation| table.may(role, operation, Some(&place));
            assert_eq!(there.flag_editor().is_ok(), may(Operation::RollOut), "{role} {place}");
            assert_eq!(there.stopper().is_ok(), may(Operation::Stop), "{role} {place}");
            assert_eq!(there.excluder().is_ok(), may(Operation::Exclude), "{role} {place}");
            assert_eq!(there.approver().is_ok(), may(Operation::Approve), "{role} {place}");
            for operation in Operation::ALL {
                assert_eq!(p.may_in(operation, &place), may(operation), "{role} {place} {operation:?}");
                assert!(p.may(operation) || !may(operation), "{role}: what leads to {operation:?} is there");
            }
        }
    }
}

#[test]
fn a_proof_is_good_where_the_table_says() {
    let (production, staging) = (key("production"), key("staging"));
    let qa = under(Role::Qa, &narrowed());
    let editor = qa.flag_editor().expect("edits flags and groups");
    assert_eq!(editor.permit().covers(None), Ok(()), "what is the same everywhere");
    assert_eq!(editor.require_in(&staging), Ok(()));
    let denied = editor.require_in(&production).expect_err("narrowed there");
    let who = vec![Role::Admin, Role::Product];
    let because = DeniedBecause::Role { role: Role::Qa, who, environment: Some(production.clone()) };
    assert_eq!(denied, Denied { operation: Operation::RollOut, because });
    assert!(qa.stopper().expect("may").require_in(&production).is_ok(), "stopping stays");
    assert!(qa.enroller().expect("may").permit().covers(None).is_ok(), "so does enrolling");
    assert!(qa.enroller().expect("may").require_in(&production).is_err(), "which excludes nobody");
    let there = qa.within(&staging).expect("may look").flag_editor().expect("may");
    assert!(there.require_in(&staging).is_ok() && there.require_in(&production).is_err());
    assert!(
        there.permit().covers(None).is_err(),
        "a proof for one environment changes nothing for all of them"
    );
}

#[test]
fn no_table_leaves_the_floors() {
    let keys = [key("production"), key("staging")];
    for table in tables() {
        for cell in RoleTable::cells(&keys) {
            assert!(cell.floor().is_none_or(|floor| floor.may() == table.says(&cell)), "{cell}");
            let may = table.says(&cell);
            match (cell.operation, cell.role) {
                (Operation::View, _)
                | (_, Role::Admin)
                | (Operation::Stop, Role::Product | Role::Qa | Role::Support) => assert!(may, "{cell}"),
                (Operation::Administer, _) => assert!(!may, "{cell}"),
                _ => {}
            }
        }
        // Also not what somebody wrote into the database.
        let forged = r#"[{"operation":"administer","role":"qa","environment":null,"may":true},
            {"operation":"stop","role":"qa","environment":"production","may":false},
            {"operation":"roll_out","role":"viewer","environment":null,"may":true}]"#;
        assert!(serde_json::from_str::<RoleTable>(forged).expect("a table").is_default());
        let stored = serde_json::to_string(&table).expect("a document");
        assert_eq!(serde_json::from_str::<RoleTable>(&stored).expect("read"), table, "{stored}");
    }
}

#[test]
fn changes_are_told_place_by_place() {
    let told: Vec<_> = RoleTable::default().changes(&narrowed()).into_iter().map(|it| it.phrase).collect();
    assert_eq!(
        told,
        [
            "QA may no longer change rollouts, plans and guardrails of flags, or resume them in production",
            "QA may no longer exclude testers from a flag, or make previews in production",
        ]
    );
    assert_eq!(narrowed().changes(&narrowed()), []);
    let mut theirs = RoleTable::default();
    theirs.set(RoleCell::new(Operation::Approve, Role::Qa, Some(&key("staging"))), true);
    let merged = theirs.with(&RoleTable::default(), &narrowed());
    assert_eq!(merged.differences().len(), 3, "both are there: {:?}", merged.differences());
}

#[test]
fn a_token_may_what_its_role_and_its_owners_may() {
    let keys = [key("production"), key("staging")];
    for (role, owner) in Role::ALL.into_iter().flat_map(|role| Role::ALL.map(|owner| (role, owner))) {
        for table in tables() {
            let token = token(role, owner, None, &table);
            for (operation, place) in
                Operation::ALL.into_iter().flat_map(|it| keys.each_ref().map(|key| (it, key)))
            {
                let both =
                    table.may(role, operation, Some(place)) && table.may(owner, operation, Some(place));
                assert_eq!(token.may_in(operation, place), both, "{role} of {owner} {operation:?} {place}");
            }
        }
    }
}

#[test]
fn who_is_bound_to_an_environment_has_no_proof_for_what_concerns_them_all() {
    let [production, staging] = ["production", "staging"].map(key);
    let bound = token(Role::Admin, Role::Admin, Some(&staging), &RoleTable::default());
    let whole = [
        bound.enroller().map(drop),
        bound.people_reader().map(drop),
        bound.people_writer().map(drop),
        bound.feedback_handler().map(drop),
        bound.audit_reader().map(drop),
        bound.administrator().map(drop),
    ];
    for denied in whole {
        assert_eq!(denied.map_err(|it| it.because), Err(DeniedBecause::OneEnvironment));
    }
    assert!(bound.flag_editor().is_ok() && bound.stopper().is_ok() && bound.approver().is_ok());
    assert!(bound.require_in(&staging).is_ok() && bound.require_in(&production).is_err());
    assert!(bound.within(&staging).is_ok() && bound.within(&production).is_err());
    assert_eq!(bound.environment(None), Ok(Some(staging)));
    assert!(bound.environment(Some(production.clone())).is_err());
    assert_eq!(someone(Role::Viewer).environment(Some(production.clone())), Ok(Some(production.clone())));
    let of_qa = token(Role::Admin, Role::Qa, Some(&production), &narrowed());
    assert!(of_qa.flag_editor().is_err() && of_qa.stopper().is_ok(), "as its owner, there");
}

#[test]
fn a_denied_token_says_how_to_make_the_right_one() {
    let because = [
        DeniedBecause::OneEnvironment,
        DeniedBecause::AnotherEnvironment,
        DeniedBecause::Nobodys,
        DeniedBecause::NoTraits,
    ];
    for because in because {
        let sentence = Denied { operation: Operation::Administer, because }.to_string();
        assert!(
            sentence.contains("Settings → Tokens") && sentence.contains("fader token create"),
            "{sentence}"
        );
    }
}

#[test]
fn the_readme_tells_the_defaults() {
    let readme = include_str!("../../../../README.md");
    let mark = |is: bool| if is { "✓" } else { "–" };
    for operation in Operation::ALL {
        let marks = Role::ALL.map(|role| mark(operation.defaults().contains(&role)));
        let apart = mark(operation.is_per_environment());
        let line = format!("| {} | {apart} | {} |", operation.phrase(), marks.join(" | "));
        assert!(readme.contains(&line), "the README lacks {line}");
    }
}

#[test]
fn a_password_counts_for_ten_minutes() {
    let session = |at_ms| someone(Role::Admin).in_session(SessionId::new(1), at_ms);
    let now_ms = 100 * MINUTE_MS;
    assert!(session(now_ms).recent_administrator(now_ms).is_ok());
    assert!(session(now_ms - PASSWORD_HOLDS_MS + 1).recent_administrator(now_ms).is_ok());
    let late = session(now_ms - PASSWORD_HOLDS_MS).recent_administrator(now_ms);
    assert!(matches!(late, Err(RecentRefused::PasswordNeeded)), "{late:?}");
    assert!(Principal::command_line().recent_administrator(now_ms).is_ok());
    let product = someone(Role::Product).recent_administrator(now_ms);
    assert!(matches!(product, Err(RecentRefused::Denied(_))), "{product:?}");
}

#[test]
fn a_denial_says_who_may_and_where() {
    let sentence = |denied: Denied| denied.to_string();
    let qa = under(Role::Qa, &narrowed()).within(&key("production")).expect("may look");
    assert_eq!(
        sentence(qa.flag_editor().expect_err("denied")),
        "your role (QA) does not allow you to change rollouts, plans and guardrails of flags, or resume them in \
         production: Admin and Product manager may"
    );
    assert_eq!(
        sentence(someone(Role::Support).flag_editor().expect_err("denied")),
        "your role (Support) does not allow you to create and edit flags and groups: Admin, Product manager and QA may"
    );
    let admins = sentence(someone(Role::Qa).administrator().expect_err("denied"));
    assert!(admins.ends_with(": only Admin may"), "{admins}");
}
