//! Outcomes that wait until the ledger was asked for their subjects. A copy of the server that is alone asks once for
//! each; while others serve people as well, what this one knows is never all, and it asks for every outcome, once what
//! the others served before it is written.

use engine::{EnvironmentKey, Sender};
use store::Elsewhere;

use super::Outcome;
use crate::limits::{
    ELSEWHERE_MS, OUTCOMES_HELD_MAX, OUTCOMES_OF_BROWSERS_RECALLED_MAX, OUTCOMES_RECALLED_MAX,
};

/// Outcomes that wait are counted so much later than others.
const WAITING_MS: i64 = 1_000;
/// Whoever waited for more turns counts for what is known.
const TURNS_MAX: u64 = 3;

pub(super) struct Arrived {
    pub(super) environment: EnvironmentKey,
    pub(super) outcome: Outcome,
    pub(super) received_ms: i64,
    pub(super) turn: u64,
}

impl Arrived {
    /// When it counts as received: what waited must not come into its cell later than what did not.
    pub(super) fn counted_ms(&self, now_ms: i64) -> i64 {
        self.received_ms + now_ms.saturating_sub(self.received_ms).clamp(0, WAITING_MS)
    }
}

#[derive(Default)]
pub(super) struct Waiting {
    servers: Vec<Arrived>,
    browsers: Vec<Arrived>,
    /// The ledger could not be asked for these.
    held: Vec<Arrived>,
    /// One a second.
    turn: u64,
    /// Somebody's outcome came since the last turn.
    came: bool,
    /// No other copy wrote lately, as far as was known a second ago.
    alone: bool,
    /// Changes with every batch that another copy wrote.
    elsewhere: Option<i64>,
    epoch: u64,
}

impl Waiting {
    /// What a subject is marked with for which the ledger was asked.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether everything is known of a subject that was marked so.
    pub(super) fn is_complete(&mut self, recalled: Option<u64>) -> bool {
        self.came = true;
        self.alone && recalled == Some(self.epoch)
    }

    /// Whether there was room. Browsers have their own.
    pub(super) fn add(&mut self, environment: &EnvironmentKey, outcome: &Outcome, received_ms: i64) -> bool {
        let (room, max) = match outcome.sender {
            Sender::Server => (&mut self.servers, OUTCOMES_RECALLED_MAX),
            Sender::Client => (&mut self.browsers, OUTCOMES_OF_BROWSERS_RECALLED_MAX),
        };
        let waits = room.len() < max;
        if waits {
            let (environment, outcome) = (environment.clone(), outcome.clone());
            room.push(Arrived { environment, outcome, received_ms, turn: self.turn });
        }
        waits
    }

    /// Whether there is anything to ask the ledger. After a while without, nothing is known of the others.
    pub(super) fn begin_turn(&mut self) -> bool {
        self.turn += 1;
        let came = std::mem::take(&mut self.came);
        let waits = [&self.servers, &self.browsers, &self.held].iter().any(|each| !each.is_empty());
        self.alone &= came;
        came || waits
    }

    pub(super) fn know(&mut self, elsewhere: Elsewhere) {
        if self.elsewhere != Some(elsewhere.batch) {
            self.elsewhere = Some(elsewhere.batch);
            self.epoch += 1;
        }
        self.alone = elsewhere.ago_ms.is_none_or(|ago_ms| ago_ms > ELSEWHERE_MS);
    }

    /// What came before this turn waited too long.
    pub(super) fn overdue(&self) -> u64 {
        self.turn.saturating_sub(TURNS_MAX)
    }

    /// Those whose time has come: while others write, a second after they arrived; what was served before is written then.
    pub(super) fn take(&mut self, everything: bool) -> Vec<Arrived> {
        let mut taken = std::mem::take(&mut self.held);
        let everything = everything || self.alone;
        let before = self.turn.saturating_sub(1);
        for room in [&mut self.servers, &mut self.browsers] {
            // In the order in which they arrived.
            let ripe = room.partition_point(|arrived| everything || arrived.turn < before);
            taken.extend(room.drain(..ripe));
        }
        taken
    }

    /// For the next time. There are never many: while the ledger cannot be asked, events are soon refused.
    pub(super) fn hold(&mut self, outcomes: impl IntoIterator<Item = Arrived>) {
        self.held.extend(outcomes);
        self.held.truncate(OUTCOMES_HELD_MAX);
    }

    /// The ledger cannot be asked at the moment; others may come.
    pub(super) fn hold_all(&mut self) {
        let waiting = [std::mem::take(&mut self.servers), std::mem::take(&mut self.browsers)];
        self.hold(waiting.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use engine::{MetricKey, SubjectKey};

    use super::*;

    fn outcome(sender: Sender) -> Outcome {
        Outcome {
            sender,
            subject: SubjectKey::parse("ada").ok(),
            metric: MetricKey::parse("error_rate").expect("a key"),
            ok: Some(true),
            latency_ms: None,
            value: None,
            at_ms: 0,
            features: Vec::new(),
        }
    }

    fn production() -> EnvironmentKey {
        EnvironmentKey::parse("production").expect("a key")
    }

    const NOBODY: Elsewhere = Elsewhere { batch: 0, ago_ms: None };

    #[test]
    fn whoever_is_alone_asks_once() {
        let mut waiting = Waiting::default();
        assert!(!waiting.is_complete(None));
        assert!(waiting.add(&production(), &outcome(Sender::Server), 1) && waiting.begin_turn());
        waiting.know(NOBODY);
        assert_eq!(waiting.take(false).len(), 1);
        let recalled = Some(waiting.epoch());
        assert!(waiting.is_complete(recalled) && !waiting.is_complete(None));
        assert!(waiting.begin_turn(), "somebody came");
        waiting.know(NOBODY);
        assert!(waiting.is_complete(recalled));
        assert!(waiting.begin_turn() && !waiting.begin_turn());
        assert!(!waiting.is_complete(recalled), "others may have come meanwhile");
    }

    #[test]
    fn beside_others_it_asks_every_time_once_they_have_written() {
        let mut waiting = Waiting::default();
        let others = |batch| Elsewhere { batch, ago_ms: Some(0) };
        assert!(waiting.add(&production(), &outcome(Sender::Server), 1) && waiting.begin_turn());
        waiting.know(others(1));
        assert!(waiting.take(false).is_empty(), "what others served may wait to be written");
        assert!(waiting.begin_turn());
        waiting.know(others(2));
        assert_eq!(waiting.take(false).len(), 1);
        let recalled = Some(waiting.epoch());
        assert!(!waiting.is_complete(recalled));
        assert!(waiting.begin_turn());
        waiting.know(Elsewhere { batch: 2, ago_ms: Some(ELSEWHERE_MS + 1) });
        assert!(waiting.is_complete(recalled), "they are gone");
        assert!(waiting.begin_turn());
        waiting.know(Elsewhere { batch: 3, ago_ms: Some(ELSEWHERE_MS + 1) });
        assert!(!waiting.is_complete(recalled), "they wrote after it was asked");
    }

    #[test]
    fn browsers_take_no_room_of_servers() {
        let mut waiting = Waiting::default();
        let mut add = |sender| waiting.add(&production(), &outcome(sender), 1);
        assert_eq!((0..1000).filter(|_| add(Sender::Client)).count(), OUTCOMES_OF_BROWSERS_RECALLED_MAX);
        assert!(add(Sender::Server));
        assert_eq!(
            (0..2 * OUTCOMES_RECALLED_MAX).filter(|_| add(Sender::Server)).count(),
            OUTCOMES_RECALLED_MAX - 1
        );
    }
}
