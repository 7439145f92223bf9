//! The threads that count, what waits for them, and the answers that are kept.

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use engine::Snapshot;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Asker, Patience,
    desk::Desk,
    entry::{Entry, Found, Key, Told},
    job::{Job, Work},
};
use crate::{Clock, Lane, People, live::Live};

/// Questions that may wait; more are not taken, and whoever asks shows none.
const WAITING_MAX: usize = 64;
/// Answers that are kept.
const ENTRIES_MAX: usize = 128;
const BYTES_MAX: usize = 96 * 1024 * 1024;
/// How many of those who asked are remembered.
const ASKERS_MAX: usize = 4_096;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) live: Live,
    pub(super) desk: Desk,
    clock: Clock,
    state: Mutex<State>,
    /// Something waits, or the end has come.
    news: Condvar,
    uses: AtomicU64,
    threads_max: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Arc<Entry>>,
    /// They have no first answer yet.
    urgent: VecDeque<Job>,
    /// They have a sample, and become exact.
    others: VecDeque<Job>,
    askers: HashMap<Asker, Weak<Entry>>,
    running: usize,
    is_closed: bool,
}

impl Shared {
    /// One thread for two processors, at least one.
    pub(super) fn new(live: Live, clock: Clock) -> Self {
        let threads = thread::available_parallelism().map_or(1, |it| (it.get() / 2).clamp(1, 4));
        Self::with_threads(live, clock, threads)
    }

    fn with_threads(live: Live, clock: Clock, threads_max: usize) -> Self {
        let (state, news, uses) = (Mutex::default(), Condvar::new(), AtomicU64::new(0));
        Self { live, desk: Desk::new(clock.clone()), clock, state, news, uses, threads_max }
    }

    /// The answer that is kept, or one that is made now. `None` where there is none in time.
    pub(super) async fn ask(
        self: &Arc<Self>,
        key: Key,
        definitions: &[&Arc<Snapshot>],
        work: impl FnOnce() -> Option<Work>,
        asker: Option<Asker>,
        patience: Patience,
    ) -> Option<Found> {
        let start = Instant::now();
        let entry = self.entry(key, definitions, work, asker)?;
        let mut told = entry.told.subscribe();
        if let Some(told) = heard(&mut told, start + patience.exact, |told| told.is_final).await {
            return told.found;
        }
        let first = |told: &Told| told.found.is_some() || told.is_final;
        heard(&mut told, start + patience.first, first).await?.found
    }

    fn entry(
        self: &Arc<Self>,
        key: Key,
        definitions: &[&Arc<Snapshot>],
        work: impl FnOnce() -> Option<Work>,
        asker: Option<Asker>,
    ) -> Option<Arc<Entry>> {
        let (now_ms, people) = (self.clock.now_ms(), self.live.people());
        let known = {
            let mut state = self.state();
            state.forget_the_past(&people, now_ms);
            state.find(&key)
        };
        // Compiling what is asked takes longer than others should wait.
        let job = if known.is_some() {
            None
        } else {
            let next_change = definitions.iter().filter_map(|it| it.next_change_ms(now_ms)).min();
            let mut job = Job::new(Arc::new(Entry::new(key.clone(), next_change)), people, work()?, now_ms);
            while job.is_small() && job.piece() {}
            Some(job)
        };
        let mut state = self.state();
        let entry = match (state.find(&key), job) {
            (Some(entry), _) => entry,
            (None, Some(job)) if job.entry.is_done() => {
                state.entries.push(Arc::clone(&job.entry));
                job.entry
            }
            (None, Some(_)) if state.urgent.len() >= WAITING_MAX || state.is_closed => return None,
            (None, Some(job)) => {
                let entry = Arc::clone(&job.entry);
                state.urgent.push_back(job);
                state.entries.push(Arc::clone(&entry));
                self.start_threads(&mut state);
                self.news.notify_one();
                entry
            }
            // It was forgotten in between.
            (None, None) => known?,
        };
        entry.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        state.ask(asker, &entry);
        state.forget_the_oldest();
        Some(entry)
    }

    /// They start with the first question, so that a command that asks none has none.
    fn start_threads(self: &Arc<Self>, state: &mut State) {
        while state.running < self.threads_max {
            let shared = Arc::clone(self);
            let started = thread::Builder::new().name("census".to_owned()).spawn(move || shared.run());
            match started {
                Ok(_) => state.running += 1,
                Err(error) => {
                    tracing::error!(%error, "a thread that counts people does not start");
                    return;
                }
            }
        }
    }

    fn run(&self) {
        Lane::Census.enter();
        while let Some(mut job) = self.next() {
            let worked = std::panic::catch_unwind(AssertUnwindSafe(|| job.piece()));
            match worked {
                Ok(true) => self.state().wait(job),
                Ok(false) => {}
                Err(_) => {
                    tracing::error!("counting people failed; whoever asked is shown none");
                    job.entry.end();
                }
            }
            // Whoever else wants the processor comes first.
            thread::yield_now();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.urgent.pop_front().or_else(|| state.others.pop_front()) {
                return Some(job);
            }
            let waited = self.news.wait_timeout(state, Duration::from_mins(1));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.entries.iter().for_each(|entry| entry.drop_it());
        (state.urgent, state.others) = (VecDeque::new(), VecDeque::new());
        self.news.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told, once it is what is waited for; `None` when that takes too long.
async fn heard(
    told: &mut watch::Receiver<Told>,
    until: Instant,
    is_enough: impl Fn(&Told) -> bool,
) -> Option<Told> {
    loop {
        let now = told.borrow_and_update().clone();
        if is_enough(&now) {
            return Some(now);
        }
        timeout_at(until, told.changed()).await.ok()?.ok()?;
    }
}

impl State {
    fn find(&self, key: &Key) -> Option<Arc<Entry>> {
        self.entries.iter().find(|entry| entry.key == *key && !entry.is_dropped()).cloned()
    }

    /// The latest question of one asker takes the place of the one before.
    fn ask(&mut self, asker: Option<Asker>, entry: &Arc<Entry>) {
        let Some(asker) = asker else { return entry.want(false) };
        if self.askers.len() >= ASKERS_MAX {
            self.askers.retain(|_, entry| entry.strong_count() > 0);
        }
        let before = self.askers.insert(asker, Arc::downgrade(entry)).and_then(|it| it.upgrade());
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, entry)) {
            return;
        }
        entry.want(true);
        if let Some(before) = before
            && !before.unwant()
            && !before.is_done()
        {
            before.drop_it();
            self.entries.retain(|it| !Arc::ptr_eq(it, &before));
            self.urgent.retain(|job| !Arc::ptr_eq(&job.entry, &before));
            self.others.retain(|job| !Arc::ptr_eq(&job.entry, &before));
        }
    }

    fn wait(&mut self, job: Job) {
        if self.is_closed || job.entry.is_dropped() {
            return;
        }
        if job.is_urgent() { self.urgent.push_back(job) } else { self.others.push_back(job) }
    }

    /// Answers about other people than there are now, or of before an enrolment began or ended.
    fn forget_the_past(&mut self, people: &Arc<People>, now_ms: i64) {
        self.entries.retain(|entry| {
            let counts = entry.key.is_about(people) && entry.until_ms.is_none_or(|until| now_ms < until);
            if !counts && entry.told.receiver_count() == 0 {
                entry.drop_it();
            }
            counts
        });
    }

    fn forget_the_oldest(&mut self) {
        let mut bytes: usize = self.entries.iter().map(|entry| entry.bytes()).sum();
        while self.entries.len() > 1 && (self.entries.len() > ENTRIES_MAX || bytes > BYTES_MAX) {
            let oldest = self.entries.iter().enumerate().min_by_key(|(_, it)| it.used.load(Ordering::Relaxed));
            let Some(at) = oldest.map(|(at, _)| at) else { return };
            let gone = self.entries.swap_remove(at);
            bytes -= gone.bytes().min(bytes);
            // Its waiters still hear of it; when nobody waits, nobody needs it.
            if gone.told.receiver_count() == 0 {
                gone.drop_it();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{
        AttributeSchema, Attributes, Audience, BucketBy, EnvironmentConfig, Flag, FlagKey, Percentage,
        Rollout, Rule, Survey,
    };

    use super::*;
    use crate::{census::entry::Subject, database_time::Skew, load::Loader};

    /// So many that they are not looked at all at once.
    const PEOPLE: usize = 60_000;
    const AT_ONCE: Patience = Patience { exact: Duration::ZERO, first: Duration::ZERO };
    const PATIENT: Patience = Patience { exact: Duration::from_secs(60), first: Duration::from_secs(60) };

    fn people(count: usize) -> Arc<People> {
        let person = |n| (format!("person-{n}").into(), Attributes::default());
        Arc::new(People::of((0..count).map(person).collect()))
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
        let grown = super::tests::shared(people(300), 1);
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
}
