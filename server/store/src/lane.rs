//! Who waits for whom on a thread: what the thread is for decides its priority and which connections it uses.

use std::{cell::Cell, io, thread};

use tokio::sync::oneshot;

/// What a thread works for, in the order in which the processor and the database serve them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lane {
    /// Decisions, event streams, intake, and the guard that takes a release back.
    #[default]
    First,
    /// Pages, management, exports, imports.
    Pages,
    /// What nobody waits for: verifying, sweeping, keeping the snapshot file, packing what another copy changed.
    Background,
    /// Counting known people.
    Census,
}

/// The operating system knows none above.
#[cfg(any(target_os = "linux", test))]
const NICE_MAX: i32 = 19;
/// How nice the process was before any thread entered a lane.
#[cfg(target_os = "linux")]
static STARTED: std::sync::OnceLock<i32> = std::sync::OnceLock::new();

thread_local! {
    static LANE: Cell<Lane> = const { Cell::new(Lane::First) };
}

impl Lane {
    /// How much nicer to others its threads are than the process was started. Four steps more is half the processor when
    /// both want it.
    pub const fn nice(self) -> i32 {
        match self {
            Self::First => 0,
            Self::Pages => 5,
            Self::Background => 8,
            Self::Census => 10,
        }
    }

    /// As the operating system counts, to [`NICE_MAX`].
    #[cfg(any(target_os = "linux", test))]
    fn niceness(self, started: i32) -> i32 {
        (started + self.nice()).min(NICE_MAX)
    }

    /// From now on this thread, and every thread that it starts, works for the lane. Where the operating system knows no
    /// priority of threads, it goes on with what it has.
    pub fn enter(self) {
        LANE.set(self);
        #[cfg(target_os = "linux")]
        if let Err(error) = self.be_nice() {
            tracing::debug!(%error, lane = ?self, "a thread keeps its priority");
        }
    }

    #[cfg(target_os = "linux")]
    fn be_nice(self) -> rustix::io::Result<()> {
        // The first thread that enters any lane has the priority of the process still.
        let now = rustix::process::getpriority_process(None)?;
        rustix::process::setpriority_process(None, self.niceness(*STARTED.get_or_init(|| now)))
    }

    /// What `work` comes to, on a thread of its own in this lane: for what would keep a thread of another busy.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (done, result) = oneshot::channel();
        thread::Builder::new().name("beside".to_owned()).spawn(move || {
            self.enter();
            // Nobody may wait any more.
            drop(done.send(work()));
        })?;
        result.await.map_err(io::Error::other)
    }

    /// The lane of this thread.
    pub fn current() -> Self {
        LANE.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_knows_what_it_is_for() {
        let nice = || rustix::process::getpriority_process(None).expect("a priority");
        let (before, lane) = (nice(), Lane::current());
        let seen = std::thread::spawn(move || {
            Lane::Census.enter();
            (Lane::current(), nice())
        });
        let expected = if cfg!(target_os = "linux") { Lane::Census.niceness(before) } else { before };
        assert_eq!(seen.join().expect("a thread"), (Lane::Census, expected));
        assert_eq!((lane, nice()), (Lane::First, before), "this thread is as it was");
    }

    #[tokio::test]
    async fn work_of_another_lane_has_a_thread_of_its_own() {
        let seen = Lane::Background.run(Lane::current).await.expect("a thread");
        assert_eq!((seen, Lane::current()), (Lane::Background, Lane::First));
        Lane::Background.run(|| panic!("a test asked for it")).await.expect_err("noticed");
    }

    #[test]
    fn a_process_that_is_nice_itself_has_lanes_that_are_nicer() {
        let order = [Lane::First, Lane::Pages, Lane::Background, Lane::Census];
        assert_eq!(order.map(|lane| lane.niceness(3)), [3, 8, 11, 13]);
        assert_eq!(Lane::Census.niceness(15), NICE_MAX);
    }
}
