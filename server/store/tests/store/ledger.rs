mod erasures;

use engine::{Arm, EnvironmentKey, RuleId, SubjectKey, VariantKey};
use store::{
    Action, AuditFilter, Delivery, Exposure, ExposureFilter, Invalid, Kept, ObjectKind, PeopleReader,
    Principal, Role, Seen, StoreError,
};

use crate::harness::*;

on_both!(
    the_same_exposure_is_one_line_a_day,
    a_subject_is_told_newest_first,
    around_an_instant_the_nearest_line_counts,
    pages_go_through_ties_once,
    a_filter_keeps_what_overlaps,
    a_rare_variant_comes_in_short_pages,
    who_of_many_has_seen_it,
    counts_are_kept_per_minute_and_hour,
    looking_is_audited_once_in_ten_minutes,
    every_export_is_audited,
    retention_sweeps_whole_days,
    event_ids_survive_a_restart,
    learned_subjects_are_found_by_prefix,
);

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Midnight UTC of the day of `START_MS`.
const TODAY: i64 = START_MS - START_MS % DAY;

fn reader() -> PeopleReader {
    Principal::command_line().people_reader().expect("may read")
}

fn subject(key: &str) -> SubjectKey {
    SubjectKey::parse(key).expect("a key")
}

fn exposure(who: &str, at_ms: i64) -> Exposure {
    Exposure {
        subject: subject(who),
        flag: flag_key("fast-payment"),
        variant: VariantKey::parse("on").expect("a key"),
        revision: 7,
        rule: Some(RuleId::parse("r1").expect("an id")),
        arm: Some(Arm::Treatment),
        at_ms,
    }
}

fn variant(exposure: Exposure, variant: &str, revision: u64) -> Exposure {
    Exposure { variant: VariantKey::parse(variant).expect("a key"), revision, ..exposure }
}

impl Harness {
    async fn record(&self, exposures: Vec<Exposure>) {
        self.record_in(production(), exposures).await;
    }

    async fn record_in(&self, environment: EnvironmentKey, exposures: Vec<Exposure>) {
        let delivery = Delivery { environment, sender: engine::Sender::Server, exposures, ids: Vec::new() };
        self.store.record_exposures(&[delivery]).await.expect("recorded");
    }

    async fn of(&self, who: &str) -> Vec<Seen> {
        self.store.exposures_of(&reader(), &production(), &subject(who)).await.expect("reads")
    }

    async fn pages(&self, filter: &ExposureFilter) -> Vec<Vec<Seen>> {
        let mut filter = filter.clone();
        let mut pages = Vec::new();
        loop {
            let page = self
                .store
                .exposures_of_flag(&reader(), &production(), &flag_key("fast-payment"), &filter)
                .await
                .expect("reads");
            pages.push(page.lines);
            filter.cursor = page.next;
            if filter.cursor.is_none() {
                return pages;
            }
        }
    }
}

async fn the_same_exposure_is_one_line_a_day(t: Harness) {
    t.record(vec![exposure("a", START_MS), exposure("a", START_MS + 5), exposure("b", START_MS)]).await;
    t.record(vec![exposure("a", START_MS - 5), exposure("a", TODAY + DAY - 1), exposure("a", TODAY + DAY)])
        .await;
    t.record_in(staging(), vec![exposure("a", START_MS)]).await;
    assert_eq!(t.text("SELECT CAST(COUNT(*) AS TEXT) FROM exposures WHERE subject = 'a'").await, "3");
    let seen = t.of("a").await;
    assert_eq!(seen.len(), 1, "days are put together, environments are not");
    assert_eq!((seen[0].first_ms, seen[0].last_ms, seen[0].count), (START_MS - 5, TODAY + DAY, 5));
    assert_eq!((seen[0].rule.as_ref().map(RuleId::as_str), seen[0].arm), (Some("r1"), Some(Arm::Treatment)));
}

async fn a_subject_is_told_newest_first(t: Harness) {
    let none = Exposure { rule: None, arm: None, ..exposure("a", START_MS + 2) };
    t.record(vec![
        exposure("a", START_MS),
        variant(exposure("a", START_MS + 1), "off", 7),
        variant(exposure("a", START_MS + 3), "on", 8),
        none,
    ])
    .await;
    let seen = t.of("a").await;
    let told: Vec<_> = seen.iter().map(|s| (s.variant.as_str(), s.revision, s.rule.is_some())).collect();
    assert_eq!(told, [("on", 8, true), ("on", 7, false), ("off", 7, true), ("on", 7, true)]);
    assert!(t.of("nobody").await.is_empty());
}

async fn around_an_instant_the_nearest_line_counts(t: Harness) {
    t.record(vec![
        exposure("a", START_MS),
        exposure("a", START_MS + 2 * HOUR),
        variant(exposure("a", START_MS + HOUR), "off", 8),
        variant(exposure("a", START_MS + 3 * HOUR), "off", 8),
    ])
    .await;
    let around = async |at_ms| {
        let seen =
            t.store.exposures_around(&reader(), &production(), &subject("a"), at_ms).await.expect("reads");
        seen.first().map(|seen| (seen.variant.to_string(), seen.revision))
    };
    assert_eq!(around(START_MS - 1).await, None, "nothing before the first");
    assert_eq!(around(START_MS).await, Some(("on".into(), 7)));
    assert_eq!(around(START_MS + HOUR).await, Some(("off".into(), 8)), "of two that hold it the later one");
    assert_eq!(around(START_MS + 3 * HOUR).await, Some(("off".into(), 8)));
    assert_eq!(around(START_MS + 30 * DAY).await, Some(("off".into(), 8)), "the nearest before");
    assert_eq!(around(START_MS + 31 * DAY).await, None, "within 30 days");
}

async fn pages_go_through_ties_once(t: Harness) {
    t.create_flag("fast-payment").await;
    let mut all = Vec::new();
    for n in 0..25 {
        all.push(exposure(&format!("u-{n:02}"), START_MS));
        all.push(variant(exposure(&format!("u-{n:02}"), START_MS), "off", 8));
    }
    t.record(all).await;
    let filter = ExposureFilter { limit: 7, ..ExposureFilter::default() };
    let pages = t.pages(&filter).await;
    assert!(pages.iter().rev().skip(1).all(|page| page.len() == 7), "full pages but the last");
    let mut told: Vec<_> =
        pages.concat().into_iter().map(|seen| (seen.subject, seen.variant.to_string())).collect();
    assert_eq!(told.len(), 50);
    assert!(told.is_sorted_by(|a, b| a > b), "in order");
    told.dedup();
    assert_eq!(told.len(), 50);
}

async fn a_filter_keeps_what_overlaps(t: Harness) {
    t.create_flag("fast-payment").await;
    let other = Exposure { rule: Some(RuleId::parse("r2").expect("an id")), ..exposure("b", START_MS) };
    t.record(vec![
        exposure("a", START_MS),
        exposure("a", START_MS + 2 * HOUR),
        variant(exposure("c", START_MS + HOUR), "off", 7),
        other,
    ])
    .await;
    let who = async |filter: ExposureFilter| {
        let mut who: Vec<_> = t.pages(&filter).await.concat().iter().map(|s| s.subject.to_string()).collect();
        who.sort();
        who.concat()
    };
    let all = ExposureFilter::default();
    let between = |from, until| ExposureFilter { from_ms: Some(from), until_ms: Some(until), ..all.clone() };
    assert_eq!(who(all.clone()).await, "abc");
    assert_eq!(who(between(START_MS, START_MS + 1)).await, "ab");
    assert_eq!(who(between(START_MS + 1, START_MS + HOUR)).await, "a", "half-open");
    assert_eq!(who(between(START_MS + 2 * HOUR, START_MS + DAY)).await, "a");
    assert_eq!(who(between(START_MS + 2 * HOUR + 1, START_MS + DAY)).await, "");
    assert_eq!(who(between(i64::MIN, i64::MAX)).await, "abc");
    let off = VariantKey::parse("off").expect("a key");
    assert_eq!(who(ExposureFilter { variant: Some(off), ..all.clone() }).await, "c");
    let second = RuleId::parse("r2").expect("an id");
    assert_eq!(who(ExposureFilter { rule: Some(second), ..all.clone() }).await, "b");
}

async fn a_rare_variant_comes_in_short_pages(t: Harness) {
    t.create_flag("fast-payment").await;
    let looked_at = store::limits::EXPOSURE_CANDIDATES_MAX;
    let mut all: Vec<_> = (0..i64::try_from(looked_at).expect("small"))
        .map(|n| exposure(&format!("u-{n}"), START_MS + n))
        .collect();
    all.push(variant(exposure("rare", START_MS - 1), "off", 7));
    t.record(all).await;
    let off = VariantKey::parse("off").expect("a key");
    let pages = t.pages(&ExposureFilter { variant: Some(off), ..ExposureFilter::default() }).await;
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [0, 1], "the first page says where to go on");
}

async fn who_of_many_has_seen_it(t: Harness) {
    t.record(vec![
        exposure("a", START_MS),
        variant(exposure("a", START_MS + DAY), "on", 8),
        variant(exposure("a", START_MS), "off", 6),
        exposure("b", START_MS),
    ])
    .await;
    let flags = [flag_key("fast-payment"), flag_key("other")];
    let asked = [subject("a"), subject("c")];
    let seen = t.store.seen_by_subjects(&reader(), &production(), &flags, &asked).await.expect("reads");
    let told: Vec<_> = seen
        .iter()
        .map(|s| (s.subject.as_str(), s.variant.as_str(), s.revision, s.first_ms, s.last_ms, s.count))
        .collect();
    let expected = [("a", "off", 6, START_MS, START_MS, 1), ("a", "on", 8, START_MS, START_MS + DAY, 2)];
    assert_eq!(told, expected);
    let none = t.store.seen_by_subjects(&reader(), &production(), &[], &asked).await.expect("reads");
    assert!(none.is_empty());
}

async fn counts_are_kept_per_minute_and_hour(t: Harness) {
    t.record(vec![exposure("a", START_MS), exposure("b", START_MS + MINUTE)]).await;
    t.record(vec![variant(exposure("c", START_MS + HOUR), "off", 7), exposure("a", START_MS)]).await;
    let counts = async |step_ms| {
        let flag = flag_key("fast-payment");
        let (from, until) = (START_MS, START_MS + 2 * HOUR);
        let counts = t
            .store
            .exposure_counts(&viewer(), &production(), &flag, from, until, step_ms)
            .await
            .expect("reads");
        let told = counts.into_iter().map(|c| (c.at_ms - START_MS, c.variant.to_string(), c.count));
        told.collect::<Vec<_>>()
    };
    let on = || "on".to_owned();
    assert_eq!(counts(HOUR).await, [(0, on(), 3), (HOUR, "off".into(), 1)]);
    assert_eq!(counts(MINUTE).await, [(0, on(), 2), (MINUTE, on(), 1), (HOUR, "off".into(), 1)]);
    assert_eq!(counts(0).await, counts(MINUTE).await, "never a step below a minute");
    let by_minute = t
        .store
        .exposures_by_minute(&viewer(), &production(), START_MS, START_MS + MINUTE)
        .await
        .expect("reads");
    assert_eq!(by_minute, [(flag_key("fast-payment"), START_MS, 2)]);
}

async fn looking_is_audited_once_in_ten_minutes(t: Harness) {
    t.create_flag("fast-payment").await;
    let entries = async || {
        let filter = AuditFilter { action: Some(Action::ExposuresRead), ..AuditFilter::default() };
        t.store.list_audit(&auditor(), &filter).await.expect("reads").len()
    };
    let revision = t.revision(&production());
    t.pages(&ExposureFilter::default()).await;
    t.pages(&ExposureFilter::default()).await;
    assert_eq!(entries().await, 1);
    assert_eq!(t.last_sentence().await, "looked at who saw Flag fast-payment in production");
    let support = t.member(Role::Support).await.people_reader().expect("may read");
    let flag = flag_key("fast-payment");
    let filter = ExposureFilter::default();
    t.store.exposures_of_flag(&support, &production(), &flag, &filter).await.expect("reads");
    assert_eq!(entries().await, 2, "of each member");
    t.advance(10 * MINUTE);
    t.pages(&filter).await;
    assert_eq!(entries().await, 3);
    assert_eq!(t.revision(&production()), revision, "reading decides nothing");
    let unknown = t.store.exposures_of_flag(&reader(), &production(), &flag_key("no"), &filter).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { kind: ObjectKind::Flag, .. })));
}

async fn every_export_is_audited(t: Harness) {
    t.create_flag("fast-payment").await;
    let flag = flag_key("fast-payment");
    t.pages(&ExposureFilter::default()).await;
    for _ in 0..2 {
        let before = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads").len();
        let filter = ExposureFilter { limit: 1, ..ExposureFilter::default() };
        let mut export =
            t.store.export_exposures(&reader(), &production(), &flag, filter).await.expect("begins");
        while export.next().await.expect("reads").is_some() {}
        let after = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads").len();
        assert_eq!(after, before + 1, "each time, and once");
        assert_eq!(t.last_sentence().await, "exported who saw Flag fast-payment in production");
    }
    let filter = ExposureFilter::default();
    let unknown = t.store.export_exposures(&reader(), &production(), &flag_key("no"), filter).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { kind: ObjectKind::Flag, .. })));
}

async fn retention_sweeps_whole_days(t: Harness) {
    assert_eq!(t.store.retention_days(&admin(), Kept::Exposures).await.expect("reads")[&production()], 180);
    for bad in [0, 5000] {
        let refused = t.store.set_retention(&admin(), Kept::Exposures, &production(), bad).await;
        assert!(matches!(refused, Err(StoreError::Invalid(Invalid::Retention))), "{bad}");
    }
    t.store.set_retention(&admin(), Kept::Exposures, &production(), 2).await.expect("set");
    assert_eq!(t.last_sentence().await, "keeps exposures in production for 2 days instead of 180");
    let old = TODAY - 2 * DAY - 1;
    let mut all: Vec<_> = (0..4500).map(|n| exposure(&format!("u-{n}"), old)).collect();
    all.extend([exposure("a", old), exposure("a", TODAY - 2 * DAY), exposure("a", START_MS)]);
    all.push(Exposure { flag: flag_key("another"), ..exposure("a", old) });
    t.record(all.clone()).await;
    t.record_in(staging(), vec![exposure("a", old)]).await;
    assert_eq!(t.store.sweep_ledger().await.expect("swept"), 4502);
    let seen = t.of("a").await;
    assert_eq!((seen.len(), seen[0].first_ms, seen[0].count), (1, TODAY - 2 * DAY, 2));
    assert_eq!(
        t.text("SELECT CAST(COUNT(*) AS TEXT) FROM exposures WHERE environment = 'staging'").await,
        "1"
    );
    let kept = "SELECT CAST(MIN(at_ms) AS TEXT) FROM exposure_counts WHERE environment = 'production' AND step_ms = ";
    assert_eq!(t.text(&format!("{kept}3600000")).await, (TODAY - 2 * DAY).to_string());
    assert_eq!(t.text(&format!("{kept}60000")).await, START_MS.to_string());
}

async fn event_ids_survive_a_restart(t: Harness) {
    let deliver = async |ids: Vec<u64>| {
        let delivery = Delivery {
            environment: production(),
            sender: engine::Sender::Server,
            exposures: Vec::new(),
            ids,
        };
        t.store.record_exposures(&[delivery]).await.expect("recorded");
    };
    deliver(vec![1, u64::MAX]).await;
    t.advance(9 * MINUTE);
    deliver(vec![3]).await;
    let other = t.another().await;
    assert_eq!(other.recent_event_ids().await.expect("reads"), [1, u64::MAX, 3]);
    t.advance(2 * MINUTE);
    assert_eq!(other.recent_event_ids().await.expect("reads"), [3]);
    deliver(Vec::new()).await;
    assert_eq!(t.text("SELECT CAST(COUNT(*) AS TEXT) FROM event_ids").await, "1", "old ones are deleted");
}

async fn learned_subjects_are_found_by_prefix(t: Harness) {
    t.record(["u-1", "u-10", "u-2", "Zoë", "v"].map(|who| exposure(who, START_MS)).to_vec()).await;
    t.record(vec![exposure("u-1", START_MS + MINUTE), exposure("u-10", START_MS + HOUR)]).await;
    let found = async |prefix: &str| t.store.learned_subjects(&reader(), prefix).await.expect("reads");
    let keys =
        async |prefix| found(prefix).await.into_iter().map(|(key, ..)| key.to_string()).collect::<Vec<_>>();
    assert_eq!(keys("u-1").await, ["u-1", "u-10"]);
    assert_eq!(keys("").await, ["Zoë", "u-1", "u-10", "u-2", "v"]);
    assert_eq!(keys("Zo").await, ["Zoë"]);
    assert_eq!(found("u-10").await, [(subject("u-10"), START_MS, START_MS + HOUR)]);
    assert!(keys("u-1\0").await.is_empty());
}
