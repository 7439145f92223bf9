use engine::{Arm, RuleId, Sender, SubjectKey, VariantKey};
use store::{
    Delivery, Exposure, Invalid, NewFeedback, Rating, Recorded, Stood, StoreError,
    limits::{FEEDBACK_OF_BROWSERS_PER_DAY_MAX, FEEDBACK_PER_DAY_MAX},
};

use crate::harness::*;

on_both!(
    a_line_says_what_of_it_servers_told,
    no_line_of_browsers_takes_the_place_of_a_servers,
    a_line_of_before_counts_as_told_by_servers,
    a_line_that_cannot_be_read_hides_no_other,
    a_writer_knows_whether_others_write,
    ids_of_feedback_are_apart,
    browsers_have_a_share_of_a_day,
);

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn subject(key: &str) -> SubjectKey {
    SubjectKey::parse(key).expect("a key")
}

fn exposure(flag: &str, arm: Arm, at_ms: i64) -> Exposure {
    Exposure {
        subject: subject("ada"),
        flag: flag_key(flag),
        variant: VariantKey::parse("on").expect("a key"),
        revision: 7,
        rule: Some(RuleId::parse("everyone").expect("an id")),
        arm: Some(arm),
        at_ms,
    }
}

impl Harness {
    async fn told_by(&self, sender: Sender, exposures: Vec<Exposure>) {
        let delivery = Delivery { environment: production(), sender, exposures, ids: Vec::new() };
        self.store.record_exposures(&[delivery]).await.expect("recorded");
    }

    async fn stood(&self, since_ms: i64) -> Vec<Stood> {
        let subjects = [subject("ada"), subject("nobody")];
        self.store.exposures_since(&production(), &subjects, since_ms).await.expect("reads")
    }
}

async fn a_line_says_what_of_it_servers_told(t: Harness) {
    let at = |minutes: i64| vec![exposure("pay", Arm::Treatment, START_MS + minutes * MINUTE)];
    t.told_by(Sender::Client, at(1)).await;
    assert_eq!(t.stood(START_MS).await[0].by_servers, None);
    t.told_by(Sender::Server, at(3)).await;
    t.told_by(Sender::Server, at(2)).await;
    t.told_by(Sender::Client, at(4)).await;
    let stood = t.stood(START_MS).await;
    let minutes = |minutes: i64| START_MS + minutes * MINUTE;
    assert_eq!((stood[0].first_ms, stood[0].last_ms), (minutes(1), minutes(4)), "one line");
    assert_eq!((stood.len(), stood[0].by_servers), (1, Some((minutes(2), minutes(3)))));
    assert!(t.stood(minutes(5)).await.is_empty());
}

async fn no_line_of_browsers_takes_the_place_of_a_servers(t: Harness) {
    t.told_by(Sender::Server, vec![exposure("pay", Arm::Treatment, START_MS)]).await;
    let later = vec![exposure("pay", Arm::Control, START_MS + MINUTE)];
    t.told_by(Sender::Client, later).await;
    let stood: Vec<_> =
        t.stood(START_MS).await.into_iter().map(|it| (it.arm, it.by_servers.is_some())).collect();
    assert_eq!(stood.len(), 2, "{stood:?}");
    assert!(stood.contains(&(Some(Arm::Treatment), true)) && stood.contains(&(Some(Arm::Control), false)));
}

async fn a_line_of_before_counts_as_told_by_servers(t: Harness) {
    t.told_by(Sender::Client, vec![exposure("pay", Arm::Treatment, START_MS)]).await;
    let before = "UPDATE exposures SET servers_first_ms = NULL, servers_last_ms = NULL";
    t.sql(before).await.expect("written");
    assert_eq!(t.stood(START_MS).await[0].by_servers, Some((START_MS, START_MS)));
    t.told_by(Sender::Client, vec![exposure("pay", Arm::Treatment, START_MS + MINUTE)]).await;
    assert_eq!(t.stood(START_MS).await[0].by_servers, Some((START_MS, START_MS)));
}

async fn a_line_that_cannot_be_read_hides_no_other(t: Harness) {
    let both = ["pay", "seats"].map(|flag| exposure(flag, Arm::Control, START_MS)).to_vec();
    t.told_by(Sender::Server, both).await;
    t.sql("UPDATE exposures SET arm = 'both' WHERE flag = 'pay'").await.expect("written");
    assert_eq!(t.stood(START_MS).await.len(), 1);
}

async fn a_writer_knows_whether_others_write(t: Harness) {
    let (one, two) = (1 << 40, 2 << 40);
    let elsewhere = async |mark: u64| t.store.exposures_elsewhere(mark).await.expect("reads");
    assert_eq!(elsewhere(one).await.ago_ms, None);
    t.store.record_batch(&[], one, false).await.expect("written");
    assert_eq!(elsewhere(one + 7).await.ago_ms, None, "its own");
    let seen = elsewhere(two).await;
    t.advance(MINUTE);
    let again = elsewhere(two).await;
    assert_eq!((seen.ago_ms, again.ago_ms, again.batch), (Some(0), Some(MINUTE), seen.batch));
    t.store.announce_writer(one).await.expect("written");
    let announced = elsewhere(two).await;
    assert!(announced.ago_ms == Some(0) && announced.batch > seen.batch, "{announced:?}");
    t.store.record_batch(&[], one, true).await.expect("written before");
    assert_eq!(elsewhere(two).await, announced, "and not again");
}

fn told(id: Option<&str>) -> NewFeedback {
    NewFeedback {
        event_id: id.map(str::to_owned),
        subject: subject("ada"),
        at_ms: None,
        rating: Some(Rating::try_from(2).expect("a rating")),
        completed: None,
        duration_ms: None,
        kinds: Vec::new(),
        comment: String::new(),
        page: String::new(),
        flag: None,
    }
}

async fn ids_of_feedback_are_apart(t: Harness) {
    let tell = async |sender, id| {
        t.store.record_feedback(&production(), sender, told(Some(id))).await.expect("taken")
    };
    let Recorded::New(of_browser) = tell(Sender::Client, "req-1").await else { panic!("it is new") };
    let Recorded::New(of_server) = tell(Sender::Server, "req-1").await else {
        panic!("swallowed by what a browser sent")
    };
    assert_eq!(tell(Sender::Server, "req-1").await, Recorded::Again(of_server));
    assert_eq!(tell(Sender::Client, "req-1").await, Recorded::Again(of_browser));
}

async fn browsers_have_a_share_of_a_day(t: Harness) {
    let tell = async |sender| t.store.record_feedback(&production(), sender, told(None)).await;
    let is_full = |refused: Result<Recorded, StoreError>| {
        matches!(refused, Err(StoreError::Invalid(Invalid::FeedbackDayFull { .. })))
    };
    tell(Sender::Client).await.expect("taken");
    let filled = |of_browsers: usize| {
        format!("UPDATE feedback_days SET arrived = {of_browsers}, of_browsers = {of_browsers}")
    };
    t.sql(&filled(FEEDBACK_OF_BROWSERS_PER_DAY_MAX - 1)).await.expect("written");
    tell(Sender::Client).await.expect("the last of them");
    assert!(is_full(tell(Sender::Client).await));
    tell(Sender::Server).await.expect("servers have the rest");
    t.sql(&format!("UPDATE feedback_days SET arrived = {FEEDBACK_PER_DAY_MAX}")).await.expect("written");
    assert!(is_full(tell(Sender::Server).await));
    t.advance(DAY);
    tell(Sender::Client).await.expect("another day");
}
