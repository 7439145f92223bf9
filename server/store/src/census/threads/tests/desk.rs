//! What the desk remembers: numbers of the definitions and people there are, never older ones as if they were.

use engine::{Counted, Impact, Sample};

use super::*;
use crate::census::{Census, DeskCount, Threads, entry::Subject, questions::Listed};

const FLAGS: usize = 150;
const NOON_MS: i64 = 12 * 3_600_000;

struct Desk {
    shared: Arc<Shared>,
    clock: Clock,
    census: Census,
    flags: Vec<(Arc<Flag>, Arc<Rollout>)>,
    snapshot: Arc<Snapshot>,
}

impl Desk {
    fn new(people_count: usize) -> Self {
        let clock = Clock::manual(NOON_MS);
        let shared = shared_at(people(people_count), 0, clock.clone());
        let census = Census(Arc::new(Threads(Arc::clone(&shared))));
        let of = |n: usize| {
            let key = format!("flag-{n}");
            (Arc::new(Flag::boolean(flag(&key), &key)), Arc::new(rollout(100)))
        };
        let flags: Vec<_> = (0..FLAGS).map(of).collect();
        let snapshot = compiled(1, flags.clone(), None);
        Self { shared, clock, census, flags, snapshot }
    }

    async fn look(&self) -> DeskCount {
        self.shared.desk.of(&self.census, &self.snapshot).await
    }

    async fn of(&self, key: &str) -> Option<(usize, usize)> {
        self.look().await.of(key).map(|impact| (impact.after, impact.sample.seen))
    }

    /// Every flag in `range` off for everybody.
    fn turn_off(&mut self, range: std::ops::Range<usize>) {
        for (_, rollout) in &mut self.flags[range] {
            *rollout = Arc::new(super::rollout(0));
        }
        let revision = self.snapshot.revision() + 1;
        self.snapshot = compiled(revision, self.flags.clone(), Some(&self.snapshot));
    }

    fn job(&self) -> Job {
        self.shared.next().expect("a job")
    }

    fn count(&self) {
        let mut job = self.job();
        while job.piece() {}
    }

    /// What a sample of `seen` people tells of a question: nobody has any of its flags.
    fn tell(&self, job: &Job, seen: usize, is_final: bool) {
        let sample = Sample { seen, known: self.shared.live.people().len() };
        let impacts = vec![Impact { sample, ..Impact::default() }; asked(job)];
        let counted = Counted { sample, impacts };
        job.entry.tell(Found::Counted(Arc::new(counted), Arc::new(Listed::default())), is_final);
    }
}

/// Of how many flags it is asked.
fn asked(job: &Job) -> usize {
    match &job.entry.key.subject {
        Subject::Flags(flags) => flags.len(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sample_that_is_too_small_makes_no_older_number_a_present_one() {
    let mut desk = Desk::new(400);
    assert_eq!(desk.of("flag-7").await, None, "nobody counts yet");
    desk.count();
    assert_eq!(desk.of("flag-7").await, Some((400, 400)));
    desk.turn_off(0..FLAGS);
    desk.look().await;
    let mut job = desk.job();
    desk.tell(&job, 100, false);
    assert_eq!(desk.of("flag-7").await, Some((400, 400)), "the older number meanwhile");
    while job.piece() {}
    assert_eq!(desk.of("flag-7").await, Some((0, 400)), "it was asked for again");
}

#[tokio::test]
async fn a_number_that_is_not_of_now_says_of_when_it_is() {
    let mut desk = Desk::new(400);
    desk.look().await;
    desk.count();
    assert_eq!(desk.look().await.older_ms("flag-7"), None, "just counted");
    desk.clock.advance(300_000);
    assert_eq!(desk.look().await.older_ms("flag-7"), None, "still so");
    desk.clock.advance(300_000);
    desk.turn_off(7..FLAGS);
    let count = desk.look().await;
    assert_eq!(count.older_ms("flag-7"), Some(NOON_MS + 300_000), "when it was last so");
    assert_eq!((count.older_ms("flag-6"), count.of("flag-6").map(|it| it.after)), (None, Some(400)));
    assert_eq!(count.older_ms("unknown"), None);
    desk.count();
    let count = desk.look().await;
    assert_eq!((count.older_ms("flag-7"), count.of("flag-7").map(|it| it.after)), (None, Some(0)));
}

#[tokio::test]
async fn the_largest_sample_is_asked_for_once_and_no_smaller_one_takes_its_place() {
    let mut desk = Desk::new(PEOPLE);
    desk.look().await;
    let job = desk.job();
    desk.tell(&job, 2_048, false);
    assert_eq!(desk.of("flag-7").await, Some((0, 2_048)));
    desk.turn_off(0..1);
    desk.look().await;
    let job = desk.job();
    assert_eq!(asked(&job), FLAGS, "all may become better");
    desk.tell(&job, 512, false);
    assert_eq!(desk.of("flag-0").await, Some((0, 512)), "it was changed");
    assert_eq!(desk.of("flag-7").await, Some((0, 2_048)), "more is known of it");
    desk.tell(&job, 8_192, true);
    assert_eq!(desk.of("flag-7").await, Some((0, 8_192)));
    desk.look().await;
    assert_eq!(waiting(&desk.shared), 0, "it becomes no better");
    desk.turn_off(1..2);
    desk.look().await;
    assert_eq!(asked(&desk.job()), 1, "only what was changed");
    assert_eq!(desk.of("flag-7").await, Some((0, 8_192)));
}
