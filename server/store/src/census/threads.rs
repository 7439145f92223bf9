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

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Asker, Patience,
    desk::Desk,
    entry::{Asked, Entry, Found, Key, Told},
    job::{Job, Work},
};
use crate::{Clock, Lane, People, Timings, live::Live};

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
    /// How long questions took to their final answer.
    pub(super) took: Timings,
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
        let (desk, took) = (Desk::new(clock.clone()), Timings::default());
        Self { live, desk, clock, state, news, uses, threads_max, took }
    }

    /// The answer that is kept, or one that is made now, and whether it is final. `None` where there is none in time.
    pub(super) async fn ask(
        self: &Arc<Self>,
        asked: Asked<'_>,
        work: impl FnOnce() -> Option<Work>,
        asker: Option<Asker>,
        patience: Patience,
    ) -> Option<(Found, bool)> {
        let start = Instant::now();
        let mut told = self.listen(asked, work, asker)?;
        if let Some(told) = heard(&mut told, start + patience.exact, |told| told.is_final).await {
            return told.found.map(|found| (found, true));
        }
        let first = |told: &Told| told.found.is_some() || told.is_final;
        let told = heard(&mut told, start + patience.first, first).await?;
        told.found.map(|found| (found, told.is_final))
    }

    /// Hears what is told of a question, from the moment at which others can find it: nobody drops it before.
    fn listen(
        self: &Arc<Self>,
        asked: Asked<'_>,
        work: impl FnOnce() -> Option<Work>,
        asker: Option<Asker>,
    ) -> Option<watch::Receiver<Told>> {
        let now_ms = self.clock.now_ms();
        {
            let mut state = self.state();
            state.forget_the_past(&self.live.people(), now_ms);
            if let Some(entry) = state.find(&asked.key) {
                return Some(self.heard_by(&mut state, asker, &entry));
            }
        }
        // Compiling what is asked takes longer than others should wait.
        let next_change = asked.definitions.iter().filter_map(|it| it.next_change_ms(now_ms)).min();
        let entry = Arc::new(Entry::new(asked.key, next_change));
        let mut job = Job::new(entry, asked.people, work()?, now_ms);
        while job.is_small() && job.piece() {}
        let mut state = self.state();
        let entry = match state.find(&job.entry.key) {
            Some(entry) => entry,
            None if job.entry.is_done() => {
                self.took.note(job.age());
                state.entries.push(Arc::clone(&job.entry));
                job.entry
            }
            None if state.urgent.len() >= WAITING_MAX || state.is_closed => return None,
            None => {
                let entry = Arc::clone(&job.entry);
                state.urgent.push_back(job);
                state.entries.push(Arc::clone(&entry));
                self.start_threads(&mut state);
                self.news.notify_one();
                entry
            }
        };
        let told = self.heard_by(&mut state, asker, &entry);
        state.forget_the_oldest();
        Some(told)
    }

    fn heard_by(&self, state: &mut State, asker: Option<Asker>, entry: &Arc<Entry>) -> watch::Receiver<Told> {
        entry.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let told = entry.told.subscribe();
        state.ask(asker, entry);
        told
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
            let was_urgent = job.is_urgent();
            let worked = std::panic::catch_unwind(AssertUnwindSafe(|| job.piece()));
            match worked {
                Ok(true) => self.state().wait(job, was_urgent),
                Ok(false) if job.entry.is_done() => self.took.note(job.age()),
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

    /// Questions without a final answer.
    pub(super) fn open(&self) -> usize {
        self.state().entries.iter().filter(|entry| !entry.is_done()).count()
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

    /// Takes back a question that is not done. Everybody is looked at for one question after the other, whose findings
    /// need memory meanwhile; one that has just got its sample stands at the end of them.
    fn wait(&mut self, job: Job, was_urgent: bool) {
        if self.is_closed || job.entry.is_dropped() || self.is_forgotten(&job.entry) {
            return;
        }
        match (job.is_urgent(), was_urgent) {
            (true, _) => self.urgent.push_back(job),
            (false, true) => self.others.push_back(job),
            (false, false) => self.others.push_front(job),
        }
    }

    /// Nobody can ask for it any more, and nobody listens.
    fn is_forgotten(&self, entry: &Arc<Entry>) -> bool {
        entry.told.receiver_count() == 0 && !self.entries.iter().any(|it| Arc::ptr_eq(it, entry))
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
            let oldest =
                self.entries.iter().enumerate().min_by_key(|(_, it)| it.used.load(Ordering::Relaxed));
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
mod tests;
