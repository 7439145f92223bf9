use engine::{Arm, SubjectKey};
use store::{
    Completed, Delivery, Exposure, Feedback, FeedbackFilter, FeedbackHandler, FeedbackId, FeedbackKind,
    FeedbackSource, Invalid, Kept, NewComplaint, NewFeedback, ObjectKind, PeopleReader, Principal, Rating,
    Recorded, Role, StoreError, Triage, TriageState,
};

use crate::harness::*;

on_both!(
    feedback_carries_what_the_subject_had,
    the_ledger_says_what_was_seen,
    an_erased_subject_leaves_no_feedback,
    feedback_is_kept_as_long_as_its_environment_says,
    the_same_id_is_stored_once,
    the_inbox_is_filtered_and_paged,
    two_who_triage_at_once_conflict,
    triage_is_audited_without_what_was_told,
    a_complaint_is_logged_for_a_time,
    a_summary_compares_treatment_with_control,
    a_day_has_a_cap,
    text_from_users_is_cleaned_and_kept,
    new_feedback_is_announced_without_a_change,
    only_handlers_are_assignees,
);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn subject(key: &str) -> SubjectKey {
    SubjectKey::parse(key).expect("a key")
}

fn reader() -> PeopleReader {
    Principal::command_line().people_reader().expect("may read")
}

fn handler() -> FeedbackHandler {
    Principal::command_line().feedback_handler().expect("may handle")
}

fn rating(stars: i64) -> Rating {
    Rating::try_from(stars).expect("a rating")
}

fn told(by: &str, stars: i64) -> NewFeedback {
    NewFeedback {
        event_id: None,
        subject: subject(by),
        at_ms: None,
        rating: Some(rating(stars)),
        completed: None,
        duration_ms: None,
        kinds: Vec::new(),
        comment: String::new(),
        page: String::new(),
        flag: None,
    }
}

fn about(flag: &str, by: &str, stars: i64) -> NewFeedback {
    NewFeedback { flag: Some(flag_key(flag)), ..told(by, stars) }
}

impl Harness {
    async fn tell(&self, new: NewFeedback) -> FeedbackId {
        match self.store.record_feedback(&production(), engine::Sender::Server, new).await.expect("stored") {
            Recorded::New(id) => id,
            Recorded::Again(id) => panic!("{id} was there"),
        }
    }

    async fn item(&self, id: FeedbackId) -> Feedback {
        self.store.find_feedback(&reader(), id).await.expect("reads").expect("an item")
    }

    async fn inbox(&self, filter: FeedbackFilter) -> Vec<FeedbackId> {
        let filter = FeedbackFilter { limit: 50, ..filter };
        let items = self.store.list_feedback(&reader(), &production(), &filter).await.expect("reads");
        items.into_iter().map(|item| item.id).collect()
    }

    /// `pay` is on for the group `vip`, whose people are those of tier vip.
    async fn pay_for_vips(&self) {
        self.create_flag("pay").await;
        self.create_group("vip", "vip").await;
        self.change("pay", |rollout| rollout.rules = vec![for_group("vip", 100), everyone(0)])
            .await
            .expect("saved");
        let vip = [("tier".to_owned(), engine::AttributeValue::Text("vip".to_owned()))];
        let people = vec![(subject("ada"), vip.into_iter().collect())];
        self.store.put_people(&admin(), people).await.expect("saved");
    }
}

async fn feedback_carries_what_the_subject_had(t: Harness) {
    t.pay_for_vips().await;
    let saw = t.item(t.tell(about("pay", "ada", 5)).await).await.saw;
    assert_eq!(saw.len(), 1);
    assert_eq!((saw[0].variant.as_str(), saw[0].arm, saw[0].seen), ("on", Some(Arm::Treatment), false));
    assert_eq!(saw[0].group, Some(group_key("vip")));
    assert_eq!(saw[0].revision, t.revision(&production()));
    let saw = t.item(t.tell(about("pay", "tom", 5)).await).await.saw;
    assert_eq!(
        (saw[0].variant.as_str(), saw[0].arm, saw[0].group.as_ref()),
        ("off", Some(Arm::Control), None)
    );
    let unknown = t.item(t.tell(about("nothing", "tom", 5)).await).await;
    assert!(unknown.saw.is_empty());
    let old = NewFeedback { at_ms: Some(START_MS - DAY_MS), ..about("pay", "ada", 5) };
    assert!(t.item(t.tell(old).await).await.saw.is_empty(), "the present does not say what was yesterday");
}

async fn the_ledger_says_what_was_seen(t: Harness) {
    t.pay_for_vips().await;
    t.create_flag("other").await;
    let exposure = |flag: &str, variant: &str, at_ms| Exposure {
        subject: subject("tom"),
        flag: flag_key(flag),
        variant: variant.parse().expect("a key"),
        revision: 3,
        rule: Some("vip".parse().expect("an id")),
        arm: Some(Arm::Treatment),
        at_ms,
    };
    let hour = 60 * 60 * 1000;
    let exposures = vec![
        exposure("pay", "on", START_MS - 2 * hour),
        exposure("pay", "off", START_MS - hour),
        exposure("other", "on", START_MS - 2 * hour),
    ];
    let delivery =
        Delivery { environment: production(), sender: engine::Sender::Server, exposures, ids: Vec::new() };
    t.store.record_exposures(&[delivery]).await.expect("written");
    let then = NewFeedback { at_ms: Some(START_MS - 90 * 60 * 1000), ..told("tom", 1) };
    let item = t.item(t.tell(then).await).await;
    let saw: Vec<_> = item.saw.iter().map(|it| (it.flag.as_str(), it.variant.as_str(), it.seen)).collect();
    assert_eq!(saw, [("other", "on", true), ("pay", "on", true)], "what was seen then, of every flag");
    assert_eq!(item.saw[1].group, Some(group_key("vip")), "through the rule that let them in");
    let now = t.item(t.tell(about("pay", "tom", 1)).await).await;
    let pay = now.saw.iter().find(|it| it.flag.as_str() == "pay").expect("attached");
    assert_eq!((pay.variant.as_str(), pay.seen), ("off", true), "the ledger counts, not what is decided now");
}

async fn feedback_is_kept_as_long_as_its_environment_says(t: Harness) {
    assert_eq!(t.store.retention_days(&admin(), Kept::Feedback).await.expect("reads")[&production()], 730);
    t.store.set_retention(&admin(), Kept::Feedback, &production(), 30).await.expect("set");
    assert_eq!(t.last_sentence().await, "keeps feedback in production for 30 days instead of 730");
    assert_eq!(t.store.retention_days(&admin(), Kept::Exposures).await.expect("reads")[&production()], 180);
    t.pay_for_vips().await;
    let first = t.tell(about("pay", "ada", 1)).await;
    t.store
        .record_feedback(&staging(), engine::Sender::Server, told("tom", 3))
        .await
        .expect("stored elsewhere");
    t.advance(30 * 24 * 60 * 60_000);
    assert_eq!(t.store.sweep_feedback().await.expect("swept"), 0, "to the day");
    let kept = t.tell(about("pay", "tom", 1)).await;
    t.advance(1);
    assert_eq!(t.store.sweep_feedback().await.expect("swept"), 1);
    assert_eq!(t.store.find_feedback(&reader(), first).await.expect("reads"), None);
    assert_eq!(t.inbox(FeedbackFilter::default()).await, [kept]);
    let left = t.text("SELECT CAST(COUNT(*) AS TEXT) FROM feedback_variants").await;
    assert_eq!(left, "1", "its variants went with it");
    assert_eq!(
        t.text("SELECT CAST(COUNT(*) AS TEXT) FROM feedback WHERE environment = 'staging'").await,
        "1"
    );
}

async fn an_erased_subject_leaves_no_feedback(t: Harness) {
    t.pay_for_vips().await;
    let id = t.tell(NewFeedback { comment: "mine".into(), ..about("pay", "ada", 1) }).await;
    let kept = t.tell(about("pay", "tom", 1)).await;
    t.store.erase_subject(&admin(), &subject("ada")).await.expect("erased");
    assert_eq!(t.store.find_feedback(&reader(), id).await.expect("reads"), None);
    assert_eq!(t.inbox(FeedbackFilter::default()).await, [kept]);
    let left = t.text("SELECT CAST(COUNT(*) AS TEXT) FROM feedback_variants").await;
    assert_eq!(left, "1", "its variants went with it");
}

async fn the_same_id_is_stored_once(t: Harness) {
    let new = NewFeedback { event_id: Some("abc".into()), ..told("ada", 4) };
    let id = t.tell(new.clone()).await;
    let again =
        t.store.record_feedback(&production(), engine::Sender::Server, new.clone()).await.expect("taken");
    assert_eq!(again, Recorded::Again(id));
    let elsewhere =
        t.store.record_feedback(&staging(), engine::Sender::Server, new.clone()).await.expect("taken");
    assert!(matches!(elsewhere, Recorded::New(_)), "ids are of one environment");
    let other = NewFeedback { event_id: Some("both".into()), ..new };
    let environment = production();
    let (one, two) = tokio::join!(
        t.store.record_feedback(&environment, engine::Sender::Server, other.clone()),
        t.store.record_feedback(&environment, engine::Sender::Server, other)
    );
    let ids: Vec<_> = [one, two]
        .into_iter()
        .map(|it| match it.expect("taken") {
            Recorded::New(id) | Recorded::Again(id) => id,
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(t.inbox(FeedbackFilter::default()).await.len(), 2);
}

async fn the_inbox_is_filtered_and_paged(t: Harness) {
    t.pay_for_vips().await;
    let by_ada = NewFeedback {
        kinds: vec![FeedbackKind::Slow, FeedbackKind::Broken],
        comment: "The card form was 100 % STUCK".into(),
        completed: Some(Completed::No),
        ..about("pay", "ada", 2)
    };
    let first = t.tell(by_ada).await;
    t.advance(1000);
    let second = t.tell(about("pay", "tom", 5)).await;
    let third = t.tell(told("tom", 5)).await;
    let all = FeedbackFilter::default;
    let cases = [
        (all(), vec![third, second, first]),
        (FeedbackFilter { flag: Some(flag_key("pay")), ..all() }, vec![second, first]),
        (FeedbackFilter { variant: Some("on".parse().expect("a key")), ..all() }, vec![first]),
        (FeedbackFilter { group: Some(group_key("vip")), ..all() }, vec![first]),
        (FeedbackFilter { rating: Some(rating(5)), ..all() }, vec![third, second]),
        (FeedbackFilter { kind: Some(FeedbackKind::Broken), ..all() }, vec![first]),
        (FeedbackFilter { kind: Some(FeedbackKind::Love), ..all() }, vec![]),
        (FeedbackFilter { completed: Some(Completed::No), ..all() }, vec![first]),
        (FeedbackFilter { state: Some(TriageState::Resolved), ..all() }, vec![]),
        (FeedbackFilter { source: Some(FeedbackSource::Support), ..all() }, vec![]),
        (FeedbackFilter { subject: Some(subject("tom")), ..all() }, vec![third, second]),
        (FeedbackFilter { from_ms: Some(START_MS + 1000), ..all() }, vec![third, second]),
        (FeedbackFilter { until_ms: Some(START_MS + 1000), ..all() }, vec![first]),
        (FeedbackFilter { text: Some("100 % stuck".into()), ..all() }, vec![first]),
        (FeedbackFilter { text: Some("100 _ stuck".into()), ..all() }, vec![]),
        (FeedbackFilter { before: Some(third), ..all() }, vec![second, first]),
    ];
    for (filter, expected) in cases {
        assert_eq!(t.inbox(filter.clone()).await, expected, "{filter:?}");
    }
    let of_tom = t.store.feedback_of(&reader(), &production(), &subject("tom")).await.expect("reads");
    assert_eq!(of_tom.len(), 2);
    let one = FeedbackFilter { limit: 1, ..all() };
    assert_eq!(t.store.list_feedback(&reader(), &production(), &one).await.expect("reads").len(), 1);
    assert!(t.store.list_feedback(&reader(), &staging(), &all()).await.expect("reads").is_empty());
}

fn looking(note: &str) -> Triage {
    Triage { state: TriageState::Looking, assignee: None, note: note.to_owned() }
}

async fn two_who_triage_at_once_conflict(t: Harness) {
    let id = t.tell(told("ada", 1)).await;
    let version = t.store.triage_feedback(&handler(), id, 1, looking("mine")).await.expect("saved");
    assert_eq!(version, 2);
    assert_eq!(t.store.triage_feedback(&handler(), id, 2, looking("mine")).await.expect("nothing new"), 2);
    let resolved = Triage { state: TriageState::Resolved, ..looking("") };
    let error = t.store.triage_feedback(&handler(), id, 1, resolved).await.expect_err("conflict");
    let StoreError::Conflict(conflict) = error else { panic!("{error}") };
    assert_eq!((conflict.expected, conflict.current), (1, 2));
    let phrases: Vec<_> = conflict.changes.iter().map(|change| change.phrase.as_str()).collect();
    assert_eq!(phrases, ["changed the state", "changed the note"]);
    let missing = t.store.triage_feedback(&handler(), FeedbackId::new(999), 1, looking("")).await;
    assert!(matches!(missing, Err(StoreError::NotFound { kind: ObjectKind::Feedback, .. })));
}

async fn triage_is_audited_without_what_was_told(t: Harness) {
    let new = NewFeedback { comment: "my name is Ada Moreau".into(), ..told("ada.moreau", 1) };
    let id = t.tell(new).await;
    t.store.triage_feedback(&handler(), id, 1, looking("called Ada Moreau")).await.expect("saved");
    assert_eq!(t.last_sentence().await, format!("changed the state of feedback {id}, and 1 more change"));
    let entry = t.store.find_audit(&auditor(), t.store.live().seq()).await.expect("reads").expect("an entry");
    let entry = serde_json::to_string(&entry).expect("JSON").to_lowercase();
    assert!(!entry.contains("moreau"), "{entry}");
    let item = t.item(id).await;
    assert_eq!(
        (item.state, item.note.as_str(), item.version),
        (TriageState::Looking, "called Ada Moreau", 2)
    );
}

async fn a_complaint_is_logged_for_a_time(t: Harness) {
    let yesterday = START_MS - DAY_MS;
    let complaint = NewComplaint {
        subject: subject("ada"),
        at_ms: yesterday,
        kinds: vec![FeedbackKind::Broken],
        comment: "Called: could not pay".into(),
        flag: None,
    };
    let by = t.member(Role::Support).await.feedback_handler().expect("may handle");
    let id = t.store.log_complaint(&by, &production(), complaint.clone()).await.expect("logged");
    let item = t.item(id).await;
    assert_eq!((item.at_ms, item.received_ms, item.source), (yesterday, START_MS, FeedbackSource::Support));
    assert!(item.complaint);
    assert_eq!(item.logged_by, by.name());
    assert_eq!(t.last_sentence().await, format!("logged a complaint as feedback {id}"));
    let empty = NewComplaint { comment: " ".into(), ..complaint.clone() };
    let refused = t.store.log_complaint(&by, &production(), empty).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::FeedbackEmpty))));
    let future = NewComplaint { at_ms: START_MS + DAY_MS, ..complaint };
    let refused = t.store.log_complaint(&by, &production(), future).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::FeedbackTime))));
}

async fn a_summary_compares_treatment_with_control(t: Harness) {
    t.pay_for_vips().await;
    for (stars, seconds, completed) in
        [(5, 10, Completed::Yes), (4, 20, Completed::Yes), (1, 60, Completed::No)]
    {
        t.tell(NewFeedback {
            duration_ms: Some(seconds * 1000),
            completed: Some(completed),
            ..about("pay", "ada", stars)
        })
        .await;
    }
    t.tell(NewFeedback { duration_ms: Some(40_000), ..about("pay", "tom", 3) }).await;
    t.tell(NewFeedback { duration_ms: Some(20_000), ..about("pay", "tom", 3) }).await;
    t.tell(about("pay", "tom", 3)).await;
    let summary = |from, until| {
        let store = t.store.clone();
        async move { store.feedback_summary(&viewer(), &production(), None, from, until).await.expect("reads") }
    };
    let rows = summary(0, START_MS + 1).await;
    let arms: Vec<_> = rows.iter().map(|row| (row.variant.as_str(), row.arm, row.items)).collect();
    assert_eq!(arms, [("on", Some(Arm::Treatment), 3), ("off", Some(Arm::Control), 3)]);
    assert_eq!(rows[0].ratings, [1, 0, 0, 1, 1]);
    assert_eq!(rows[0].duration_ms_median, Some(20_000));
    assert_eq!((rows[0].completed, rows[0].not_completed, rows[0].complaints), (2, 1, 1));
    assert_eq!(rows[1].duration_ms_median, Some(30_000), "of two, the middle");
    assert_eq!(rows[1].rating_mean(), Some(3.0));
    assert!(summary(0, START_MS).await.is_empty(), "the range is half-open");
    let trend = t.store.feedback_trend(&viewer(), &production(), &flag_key("pay"), 0, START_MS + 1).await;
    let trend = trend.expect("reads");
    let points: Vec<_> = trend.iter().map(|it| (it.variant.as_str(), it.items, it.rating_sum)).collect();
    assert_eq!(points, [("off", 3, 9), ("on", 3, 10)]);
    assert_eq!(trend[0].day_ms, START_MS - START_MS % DAY_MS);
}

async fn a_day_has_a_cap(t: Harness) {
    let full = format!(
        "INSERT INTO feedback_days (environment, day, arrived) VALUES ('production', {}, {})",
        START_MS / DAY_MS,
        store::limits::FEEDBACK_PER_DAY_MAX - 1
    );
    t.sql(&full).await.expect("written");
    t.tell(told("ada", 4)).await;
    let refused = t.store.record_feedback(&production(), engine::Sender::Server, told("ada", 4)).await;
    let Err(StoreError::Invalid(Invalid::FeedbackDayFull { retry_after_s })) = refused else {
        panic!("{refused:?}")
    };
    assert!((1..=86_400).contains(&retry_after_s));
    assert_eq!(t.inbox(FeedbackFilter::default()).await.len(), 1, "nothing was stored");
    assert!(t.store.record_feedback(&staging(), engine::Sender::Server, told("ada", 4)).await.is_ok());
    t.advance(DAY_MS);
    t.tell(told("ada", 4)).await;
}

async fn text_from_users_is_cleaned_and_kept(t: Harness) {
    let comment = "<script>alert(1)</script>\r\n'; DROP TABLE feedback; --\u{0} مرحبا 🚀 {{x}}";
    let id =
        t.tell(NewFeedback { comment: comment.into(), page: "/a\u{1b}b".into(), ..told("ada", 4) }).await;
    let item = t.item(id).await;
    assert_eq!(item.comment, "<script>alert(1)</script>\n'; DROP TABLE feedback; --  مرحبا 🚀 {{x}}");
    assert_eq!(item.page, "/a b");
}

async fn new_feedback_is_announced_without_a_change(t: Harness) {
    let other = t.another().await;
    let (mut here, mut there) = (t.store.live().subscribe(), other.live().subscribe());
    let (seq, revision) = (t.store.live().seq(), t.revision(&production()));
    t.tell(told("ada", 4)).await;
    for announcements in [&mut here, &mut there] {
        let news = announced(announcements).await;
        assert_eq!(news.objects[0].kind, ObjectKind::Feedback);
        assert_eq!((news.seq, news.revisions.len()), (seq, 0));
    }
    assert_eq!((t.store.live().seq(), t.revision(&production())), (seq, revision));
}

async fn only_handlers_are_assignees(t: Harness) {
    let support = t.member(Role::Support).await;
    let watcher = t.member(Role::Viewer).await;
    let names: Vec<_> =
        t.store.list_handlers(&handler()).await.expect("reads").into_iter().map(|it| it.name).collect();
    assert_eq!(names, [support.name()]);
    let id = t.tell(told("ada", 1)).await;
    let give = |to| Triage { assignee: Some(to), ..looking("") };
    t.store.triage_feedback(&handler(), id, 1, give(support.id())).await.expect("saved");
    assert_eq!(t.item(id).await.assignee_name.as_deref(), Some(support.name()));
    let refused = t.store.triage_feedback(&handler(), id, 2, give(watcher.id())).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::FeedbackAssignee))));
    assert_eq!(
        t.inbox(FeedbackFilter { assignee: Some(support.id()), ..FeedbackFilter::default() }).await,
        [id]
    );
}
