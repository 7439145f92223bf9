//! How many known people have each flag, remembered per environment. After a change only the flags that it
//! touched are counted again; a large first count runs beside the request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::Snapshot;
use store::People;

use crate::forecast::count_on;

/// Decisions that a request makes itself: about 4 ms.
const INLINE_MAX: usize = 20_000;
/// How long a request waits when there is nothing older to show.
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// Enrolments begin and end without a change: after this long everything is counted again.
const STALE_MS: i64 = 60_000;

/// Counts of one environment at one revision.
#[derive(Debug, Clone, Default)]
pub struct Counted(Arc<HashMap<Box<str>, usize>>);

impl Counted {
    /// Known people who have the flag; `None` while it is not counted yet.
    pub fn on(&self, flag: &str) -> Option<usize> {
        self.0.get(flag).copied()
    }
}

struct Entry {
    snapshot: Arc<Snapshot>,
    people: Arc<People>,
    counted: Counted,
    at_ms: i64,
    /// Being counted beside the requests.
    busy: bool,
}

/// The memory of all environments, shared by all requests.
#[derive(Clone, Default)]
pub struct Counts(Arc<Mutex<HashMap<String, Entry>>>);

impl Counts {
    /// The counts for `snapshot`; older ones while many flags are being counted.
    pub async fn of(&self, snapshot: &Arc<Snapshot>, people: &Arc<People>, now_ms: i64) -> Counted {
        let environment = snapshot.environment().as_str();
        let job = match self.begin(environment, snapshot, people, now_ms) {
            Ok(counted) => return counted,
            Err(job) => job,
        };
        if job.decisions() <= INLINE_MAX {
            return self.finish(job);
        }
        let older = job.known.clone();
        let (counts, first) = (self.clone(), older.0.is_empty());
        let counting = tokio::task::spawn_blocking(move || counts.finish(job));
        if !first {
            return older;
        }
        match tokio::time::timeout(FIRST_WAIT, counting).await {
            Ok(Ok(counted)) => counted,
            Ok(Err(_)) | Err(_) => older,
        }
    }

    /// What is known, or what has to be counted first.
    fn begin(
        &self,
        environment: &str,
        snapshot: &Arc<Snapshot>,
        people: &Arc<People>,
        now_ms: i64,
    ) -> Result<Counted, Job> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let job = |known, reusable| Job {
            snapshot: Arc::clone(snapshot),
            people: Arc::clone(people),
            known,
            reusable,
            now_ms,
        };
        let Some(entry) = entries.get_mut(environment) else {
            return Err(job(Counted::default(), None));
        };
        let same_people = Arc::ptr_eq(&entry.people, people);
        let fresh = now_ms - entry.at_ms < STALE_MS;
        if entry.busy || (same_people && fresh && Arc::ptr_eq(&entry.snapshot, snapshot)) {
            return Ok(entry.counted.clone());
        }
        entry.busy = true;
        Err(job(
            entry.counted.clone(),
            (same_people && fresh).then(|| (Arc::clone(&entry.snapshot), entry.at_ms)),
        ))
    }

    fn finish(&self, job: Job) -> Counted {
        let (counted, at_ms) = job.count();
        let environment = job.snapshot.environment().to_string();
        let entry = Entry {
            snapshot: job.snapshot,
            people: job.people,
            counted: counted.clone(),
            at_ms,
            busy: false,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(environment, entry);
        counted
    }
}

struct Job {
    snapshot: Arc<Snapshot>,
    people: Arc<People>,
    known: Counted,
    /// The snapshot that `known` was counted from, and when, as far as it still counts.
    reusable: Option<(Arc<Snapshot>, i64)>,
    now_ms: i64,
}

impl Job {
    /// The count from before, when nothing that decides this flag has changed: snapshots share what they compiled.
    fn reuse(&self, flag: &str) -> Option<usize> {
        let (old, _) = self.reusable.as_ref()?;
        let (before, now) = (old.flag(flag)?, self.snapshot.flag(flag)?);
        let same = std::ptr::eq(before, now) && now.rollout().prerequisites.is_empty();
        if same { self.known.on(flag) } else { None }
    }

    fn decisions(&self) -> usize {
        let flags = self.snapshot.flags().filter(|flag| self.reuse(flag.key().as_str()).is_none());
        flags.count() * self.people.len()
    }

    fn count(&self) -> (Counted, i64) {
        let mut counts = HashMap::with_capacity(self.snapshot.flags().len());
        for flag in self.snapshot.flags() {
            let key = flag.key().as_str();
            let on = self
                .reuse(key)
                .unwrap_or_else(|| count_on(&self.snapshot, key, self.people.contexts(), self.now_ms));
            counts.insert(key.into(), on);
        }
        // Counts that are carried on keep their age, so that they are counted again one day.
        let at_ms = self.reusable.as_ref().map_or(self.now_ms, |(_, at_ms)| *at_ms);
        (Counted(Arc::new(counts)), at_ms)
    }
}
