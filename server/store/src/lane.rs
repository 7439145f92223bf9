//! Who waits for whom on a thread: what the thread is for decides its priority and which connections it uses.

use std::cell::Cell;

/// What a thread works for, in the order in which the processor and the database serve them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lane {
    /// Decisions, event streams, intake, and the guard that takes a release back.
    #[default]
    First,
    /// Pages, management, exports, imports.
    Pages,
    /// What nobody waits for: verifying, sweeping, following.
    Background,
    /// Counting known people.
    Census,
}

thread_local! {
    static LANE: Cell<Lane> = const { Cell::new(Lane::First) };
}

impl Lane {
    /// How nice its threads are to others, as the operating system counts: 0 … 19. Four steps more is half the processor
    /// when both want it.
    pub const fn nice(self) -> i32 {
        match self {
            Self::First => 0,
            Self::Pages => 5,
            Self::Background => 8,
            Self::Census => 10,
        }
    }

    /// From now on this thread, and every thread that it starts, works for the lane. Where the operating system knows no
    /// priority of threads, it goes on with what it has.
    pub fn enter(self) {
        LANE.set(self);
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(None, self.nice()) {
            tracing::debug!(%error, lane = ?self, "a thread keeps its priority");
        }
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
        let expected = if cfg!(target_os = "linux") { before.max(Lane::Census.nice()) } else { before };
        assert_eq!(seen.join().expect("a thread"), (Lane::Census, expected));
        assert_eq!((lane, nice()), (Lane::First, before), "this thread is as it was");
    }
}
