use engine::{
    AttributeSchema, Audience, BucketBy, EnvironmentConfig, Flag, FlagKey, Percentage, Rollout, Rule, Survey,
};

use super::*;
use crate::{census::entry::Subject, database_time::Skew, load::Loader};

/// So many that they are not looked at all at once.
const PEOPLE: usize = 60_000;
const AT_ONCE: Patience = Patience { exact: Duration::ZERO, first: Duration::ZERO };
const PATIENT: Patience = Patience { exact: Duration::from_secs(60), first: Duration::from_secs(60) };

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
    let config = EnvironmentConfig {
        environment: "production".parse().expect("a key"),
        revision,
        flags: vec![of("a"), of("b")],
        groups: Vec::new(),
        attributes: Arc::new(AttributeSchema::default()),
    };
    Arc::new(Snapshot::compile(config, None).0)
}

fn shared(people: Arc<People>, threads: usize) -> Arc<Shared> {
    let state = crate::live::State { people, ..Default::default() };
    let clock = Clock::manual(0);
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
    let subject = Subject::Rollouts {
        flag: Arc::clone(snapshot.flag(key).expect("a flag").flag()),
        shapes: vec![Arc::new(rollout(20).shape())],
    };
    let question = Key::new(subject, &[snapshot], &shared.live.people());
    let work = || Work::survey(&flag(key), &[Arc::clone(snapshot)]);
    let asker = asker.map(|it| Asker(it.to_owned()));
    match shared.ask(question, &[snapshot], work, asker, patience).await? {
        Found::Survey(survey) => Some(survey),
        Found::Counted(..) => panic!("a survey was asked for"),
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
