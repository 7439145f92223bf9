//! Tasks that live as long as the server. One that panics is noticed, logged with its name, counted, and started again
//! after a pause; what it must not lose is kept outside of it.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    task::{JoinHandle, JoinSet},
};

/// The pause before a task is started again doubles from here…
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// …to here, and begins anew when the task has run for so long.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// All tasks of one server, by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Mutex<BTreeMap<&'static str, Task>>>);

/// One task, as it sees itself.
#[derive(Debug, Clone)]
pub struct Task(Arc<State>);

#[derive(Debug)]
struct State {
    name: &'static str,
    record: Mutex<Record>,
    /// A test asked for a panic.
    tripped: AtomicBool,
}

#[derive(Debug, Default)]
struct Record {
    is_down: bool,
    failures: u64,
    last: Option<(Instant, String)>,
}

/// What became of a task so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskReport {
    /// As it stands in a sentence: "the guard".
    pub name: &'static str,
    /// It failed and was not started again yet.
    pub is_down: bool,
    pub failures: u64,
    /// How long ago it failed last, and the message of its panic, which is for admins and the log.
    pub last_failure: Option<(Duration, String)>,
}

impl Tasks {
    /// Runs what `make` makes until it ends by itself, and makes it again whenever it panics. Aborting the handle ends
    /// both.
    pub fn spawn<F>(&self, name: &'static str, make: impl FnMut(Task) -> F + Send + 'static) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_on(None, name, make)
    }

    /// The same on another runtime than that of the caller.
    pub fn spawn_on<F>(
        &self,
        runtime: Option<&Handle>,
        name: &'static str,
        mut make: impl FnMut(Task) -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = self.task(name);
        let supervising = async move {
            let mut pause = PAUSE_MIN;
            loop {
                let started = Instant::now();
                if task.run(make(task.clone())).await {
                    return;
                }
                if started.elapsed() > PAUSE_MAX {
                    pause = PAUSE_MIN;
                }
                tokio::time::sleep(pause).await;
                pause = PAUSE_MAX.min(pause * 2);
            }
        };
        match runtime {
            Some(runtime) => runtime.spawn(supervising),
            None => tokio::spawn(supervising),
        }
    }

    /// The task of this name, to run a piece of work in at a time.
    pub fn task(&self, name: &'static str) -> Task {
        let new =
            || Task(Arc::new(State { name, record: Mutex::default(), tripped: AtomicBool::new(false) }));
        self.all().entry(name).or_insert_with(new).clone()
    }

    /// By name.
    pub fn report(&self) -> Vec<TaskReport> {
        self.all().values().map(Task::report).collect()
    }

    /// The next turn of the task panics: for tests.
    #[doc(hidden)]
    pub fn fail_next(&self, name: &str) {
        let tasks = self.all();
        let task = tasks.get(name).unwrap_or_else(|| panic!("there is no task {name:?}: {:?}", tasks.keys()));
        task.0.tripped.store(true, Ordering::Relaxed);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// Called where a task begins a turn of its work, with everything in hand: where a test makes it panic.
    pub fn turn(&self) {
        assert!(!self.0.tripped.swap(false, Ordering::Relaxed), "a test asked {} to fail", self.0.name);
    }

    /// Whether `work` came to its end; a panic is noted and goes no further.
    pub async fn run(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        self.record().is_down = false;
        // Aborted with whoever waits for it.
        let mut running = JoinSet::new();
        running.spawn(work);
        let ended = running.join_next().await;
        let Some(Err(error)) = ended else { return true };
        let Ok(panic) = error.try_into_panic() else { return true };
        let message = message_of(&*panic).to_owned();
        tracing::error!(task = self.0.name, panic = message, "a task failed and is started again");
        let mut record = self.record();
        record.is_down = true;
        record.failures += 1;
        record.last = Some((Instant::now(), message));
        false
    }

    fn report(&self) -> TaskReport {
        let record = self.record();
        TaskReport {
            name: self.0.name,
            is_down: record.is_down,
            failures: record.failures,
            last_failure: record.last.as_ref().map(|(at, message)| (at.elapsed(), message.clone())),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_noted_and_started_again() {
        let tasks = Tasks::default();
        let (sender, mut started) = mpsc::unbounded_channel();
        let running = tasks.spawn("the test", move |task| {
            let sender = sender.clone();
            async move {
                sender.send(()).expect("heard");
                loop {
                    task.turn();
                    tokio::task::yield_now().await;
                }
            }
        });
        started.recv().await.expect("started");
        assert_eq!(tasks.report()[0].failures, 0);
        tasks.fail_next("the test");
        started.recv().await.expect("started again");
        let [report] = &tasks.report()[..] else { panic!("one task") };
        assert_eq!((report.name, report.is_down, report.failures), ("the test", false, 1));
        assert_eq!(report.last_failure.as_ref().expect("noted").1, "a test asked the test to fail");
        running.abort();
        running.await.expect_err("aborted");
        assert!(started.recv().await.is_none(), "what ran inside is gone as well");
    }

    #[tokio::test]
    async fn a_task_that_ends_is_not_started_again() {
        let tasks = Tasks::default();
        tasks.spawn("the test", |_| async {}).await.expect("ends");
        assert_eq!((tasks.report()[0].is_down, tasks.report()[0].failures), (false, 0));
    }
}
