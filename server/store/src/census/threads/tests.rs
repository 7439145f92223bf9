mod desk;

use engine::{
    AttributeSchema, Audience, BucketBy, EnvironmentConfig, Flag, FlagKey, Percentage, Rollout, Rule,
    Snapshot, Survey,
};

use super::*;
use crate::{
    census::entry::{Key, Subject},
    database_time::Skew,
    load::Loader,
};

/// So many that they are not looked at all at once.
const PEOPLE: usize = 60_000;
const AT_ONCE: Patience = Patience { exact: Duration::ZERO, first: Duration::ZERO };
const PATIENT: Patience = Patience { exact: Duration::from_mins(1), first: Duration::from_mins(1) };

fn people(count: usize) -> Arc<People> {
    let everybody: Vec<_> = (0..count).map(|n| format!(r#"["person-{n}",{{}}]"#)).collect();
    Arc::new(serde_json::from_str(&format!("[{}]", everybody.join(","))).expect("people"))
}

fn rollout(per_cent: u32) -> Rollout {
    let rule = Rule {
        id: "everyone".parse().expect("an id"),
        audience: Audience::Everyone,
        percentage: Percentage::whole(per_cent).expect("a percentage"),
        holdback: Percentage::NONE,
        bucket_by: BucketBy::Subject,
        split: Vec::new(),
    };
    Rollout { rules: vec![rule], ..Rollout::new("seed") }
}

fn flag(key: &str) -> FlagKey {
    key.parse().expect("a key")
}

fn snapshot(revision: u64) -> Arc<Snapshot> {
    let of = |key: &str| (Arc::new(Flag::boolean(flag(key), key)), Arc::new(rollout(20)));
    compiled(revision, vec![of("a"), of("b")], None)
}

fn compiled(
    revision: u64,
    flags: Vec<(Arc<Flag>, Arc<Rollout>)>,
    before: Option<&Snapshot>,
) -> Arc<Snapshot> {
    let config = EnvironmentConfig {
        environment: "production".parse().expect("a key"),
        revision,
        flags,
        groups: Vec::new(),
        attributes: Arc::new(AttributeSchema::default()),
    };
    Arc::new(Snapshot::compile(config, before).0)
}

fn shared(people: Arc<People>, threads: usize) -> Arc<Shared> {
    shared_at(people, threads, Clock::manual(0))
}

fn shared_at(people: Arc<People>, threads: usize, clock: Clock) -> Arc<Shared> {
    let state = crate::live::State { people, ..Default::default() };
    let live = Live::standing_at(state, Loader::default(), clock.clone(), Skew::default());
    Arc::new(Shared::with_threads(live, clock, threads))
}

async fn ask(
    shared: &Arc<Shared>,
    snapshot: &Arc<Snapshot>,
    key: &str,
    asker: Option<&str>,
    patience: Patience,
) -> Option<Arc<Survey>> {
    ask_about(shared, (snapshot, shared.live.people()), key, asker, patience).await
}

async fn ask_about(
    shared: &Arc<Shared>,
    (snapshot, people): (&Arc<Snapshot>, Arc<People>),
    key: &str,
    asker: Option<&str>,
    patience: Patience,
) -> Option<Arc<Survey>> {
    let definitions = [snapshot];
    let question = Asked::new(subject(snapshot, key), &definitions, people);
    let work = || Work::survey(&flag(key), &[Arc::clone(snapshot)]);
    let asker = asker.map(|it| Asker(it.to_owned()));
    match shared.ask(question, work, asker, patience).await? {
        (Found::Survey(survey), _) => Some(survey),
        (Found::Counted(..) | Found::Moved(_), _) => panic!("a survey was asked for"),
    }
}

fn subject(snapshot: &Arc<Snapshot>, key: &str) -> Subject {
    Subject::Rollouts {
        flag: Arc::clone(snapshot.flag(key).expect("a flag").flag()),
        shapes: vec![Arc::new(rollout(20).shape())],
    }
}

fn flags_waiting(shared: &Shared) -> usize {
    shared.state().urgent.len()
}

#[tokio::test]
async fn a_sample_comes_first_and_everybody_follows() {
    let (shared, snapshot) = (shared(people(PEOPLE), 0), snapshot(1));
    assert!(ask(&shared, &snapshot, "a", None, AT_ONCE).await.is_none(), "nobody counts yet");
    let mut job = shared.state().urgent.pop_front().expect("a job");
    let mut seen = Vec::new();
    while job.piece() {
        if let Some(Found::Survey(survey)) = &job.entry.told.borrow().found {
            seen.push(survey.sample().seen);
        }
    }
    assert!(seen.is_sorted() && seen.iter().all(|it| *it < PEOPLE), "{seen:?}");
    let exact = ask(&shared, &snapshot, "a", None, AT_ONCE).await.expect("counted");
    assert!(exact.sample().is_whole());
    let expected = shared.live.people();
    let on = |context: &engine::Context<'_>| {
        snapshot.evaluate("a", context, 0).is_ok_and(|it| it.variant.key.as_str() == "on")
    };
    assert_eq!(exact.holders((0, &rollout(20))), expected.contexts().filter(on).count());
}

#[tokio::test]
async fn the_latest_question_of_somebody_takes_the_place_of_the_one_before() {
    let (shared, snapshot) = (shared(people(PEOPLE), 0), snapshot(1));
    ask(&shared, &snapshot, "a", Some("ada"), AT_ONCE).await;
    let mut begun = shared.state().urgent.pop_front().expect("a job");
    begun.piece();
    ask(&shared, &snapshot, "b", Some("ada"), AT_ONCE).await;
    assert!(!begun.piece() && !begun.entry.is_done(), "it stops in the middle");
    assert_eq!(flags_waiting(&shared), 1, "hers of b");
    ask(&shared, &snapshot, "a", Some("eva"), AT_ONCE).await;
    ask(&shared, &snapshot, "b", Some("eva"), AT_ONCE).await;
    assert_eq!(flags_waiting(&shared), 1, "b, which both want");
    ask(&shared, &snapshot, "a", None, AT_ONCE).await;
    ask(&shared, &snapshot, "a", Some("ada"), AT_ONCE).await;
    ask(&shared, &snapshot, "b", Some("ada"), AT_ONCE).await;
    assert_eq!(flags_waiting(&shared), 2, "what a page wants is counted");
}

#[tokio::test]
async fn an_answer_is_shared_until_people_or_definitions_are_others() {
    let (shared, first) = (shared(people(200), 1), snapshot(1));
    let one = ask(&shared, &first, "a", None, PATIENT).await.expect("counted");
    let again = ask(&shared, &first, "a", Some("eva"), PATIENT).await.expect("counted");
    assert!(Arc::ptr_eq(&one, &again), "one answer for all");
    let second = snapshot(2);
    let other = ask(&shared, &second, "a", None, PATIENT).await.expect("counted");
    assert!(!Arc::ptr_eq(&one, &other), "another revision of the definitions");
    let grown = self::shared(people(300), 1);
    let more = ask(&grown, &first, "a", None, PATIENT).await.expect("counted");
    assert_eq!((one.sample().known, more.sample().known), (200, 300));
    let key = |people| Key::new(Subject::Flags(Vec::new()), &[&first], people);
    let (a, b) = (people(1), people(1));
    assert!(key(&a) == key(&a) && key(&a) != key(&b), "another revision of the people");
    assert!(key(&a).is_about(&a) && !key(&a).is_about(&b));
    shared.close();
    grown.close();
}

#[tokio::test]
async fn too_many_questions_are_not_taken() {
    let shared = shared(people(PEOPLE), 0);
    let revisions: Vec<_> = (0..=WAITING_MAX as u64).map(snapshot).collect();
    for snapshot in &revisions {
        ask(&shared, snapshot, "a", None, AT_ONCE).await;
    }
    assert_eq!(flags_waiting(&shared), WAITING_MAX);
}

#[tokio::test]
async fn everybody_is_looked_at_for_one_question_after_the_other() {
    let (shared, snapshot) = (shared(people(PEOPLE), 0), snapshot(1));
    let mut entries = Vec::new();
    for key in ["a", "b"] {
        ask(&shared, &snapshot, key, None, AT_ONCE).await;
        let mut job = shared.next().expect("a job");
        while job.is_urgent() {
            assert!(job.piece(), "a sample is not all");
        }
        entries.push(Arc::clone(&job.entry));
        shared.state().wait(job, true);
    }
    for entry in &entries {
        loop {
            let mut job = shared.next().expect("a job");
            assert!(Arc::ptr_eq(&job.entry, entry), "the one that was begun");
            if !job.piece() {
                break;
            }
            shared.state().wait(job, false);
        }
        assert!(entry.is_done());
    }
}

#[tokio::test]
async fn what_nobody_can_ask_for_any_more_is_not_counted_to_the_end() {
    let (shared, snapshot) = (shared(people(PEOPLE), 0), snapshot(1));
    ask(&shared, &snapshot, "a", None, AT_ONCE).await;
    let mut job = shared.next().expect("a job");
    job.piece();
    let listener = job.entry.told.subscribe();
    shared.state().forget_the_past(&people(1), 0);
    shared.state().wait(job, true);
    assert_eq!(waiting(&shared), 1, "somebody listens");
    drop(listener);
    let job = shared.next().expect("a job");
    shared.state().wait(job, true);
    assert_eq!(waiting(&shared), 0);
}

/// A change of the people in between makes no answer about others than were asked about.
#[tokio::test]
async fn a_question_is_counted_over_the_people_it_was_asked_about() {
    let (shared, snapshot) = (shared(people(300), 0), snapshot(1));
    let before = people(200);
    let survey = ask_about(&shared, (&snapshot, Arc::clone(&before)), "a", None, AT_ONCE).await;
    assert_eq!(survey.expect("a small question").sample().known, 200);
    let survey = ask(&shared, &snapshot, "a", None, AT_ONCE).await.expect("a small question");
    assert_eq!(survey.sample().known, 300, "another question");
}

/// Between its making and the first look of whoever asked, people change and everything about others is forgotten.
#[tokio::test]
async fn a_question_is_heard_from_its_first_moment() {
    let (shared, snapshot) = (shared(people(PEOPLE), 0), snapshot(1));
    let definitions = [&snapshot];
    let listen = || {
        let question = Asked::new(subject(&snapshot, "a"), &definitions, shared.live.people());
        shared.listen(question, || Work::survey(&flag("a"), &[Arc::clone(&snapshot)]), None)
    };
    let first = listen().expect("it is taken");
    let again = listen().expect("it is found");
    drop(first);
    shared.state().forget_the_past(&people(1), 0);
    let mut job = shared.next().expect("a job");
    while job.piece() {}
    assert!(again.borrow().is_final, "it was counted to the end");
}

fn waiting(shared: &Shared) -> usize {
    let state = shared.state();
    state.urgent.len() + state.others.len()
}

/// Few enough to be looked at all at once, and too different to be kept.
#[tokio::test]
async fn people_who_are_too_different_are_told_of_as_a_sample() {
    const RULES: usize = 15;
    // Each has other attributes, and each rule draws by one of them.
    let person = |n: usize| {
        let has = (0..RULES).filter(|bit| (n >> bit) & 1 == 1).map(|bit| format!(r#""t{bit}":"x""#));
        format!(r#"["person-{n}",{{{}}}]"#, has.collect::<Vec<_>>().join(","))
    };
    let everybody: Vec<_> = (0..1 << RULES).map(person).collect();
    let everybody: People = serde_json::from_str(&format!("[{}]", everybody.join(","))).expect("people");
    let shared = shared(Arc::new(everybody), 0);
    let rule = |n: usize| Rule {
        id: format!("rule-{n}").parse().expect("an id"),
        bucket_by: BucketBy::Attribute(format!("t{n}").parse().expect("a name")),
        ..rollout(20).rules.remove(0)
    };
    let rules = Rollout { rules: (0..RULES).map(rule).collect(), ..Rollout::new("seed") };
    let snapshot = compiled(1, vec![(Arc::new(Flag::boolean(flag("a"), "a")), Arc::new(rules))], None);
    ask(&shared, &snapshot, "a", None, AT_ONCE).await;
    let mut job = shared.next().expect("a job");
    while job.piece() {}
    let survey = ask(&shared, &snapshot, "a", None, AT_ONCE).await.expect("a sample");
    assert!(!survey.sample().is_whole() && survey.sample().seen > 1_000);
}
