//! When applications were heard of: noted, read, and what the ledger knows of before.

use engine::{Sender, SubjectKey, VariantKey};
use store::{Delivery, Exposure, Heard, Signal, SignalKind};

use crate::harness::*;

on_both!(
    a_signal_keeps_its_first_and_its_last_time,
    what_the_ledger_holds_was_served,
    all_flags_at_once_count_for_flags_that_were_there,
);

fn heard(flag: Option<&str>, kind: SignalKind, (first_ms, last_ms): (i64, i64)) -> Heard {
    Heard { environment: production(), flag: flag.map(flag_key), kind, first_ms, last_ms }
}

impl Harness {
    async fn note(&self, heard: &[Heard]) {
        self.store.note_signals(heard).await.expect("noted");
    }
}

async fn a_signal_keeps_its_first_and_its_last_time(t: Harness) {
    t.create_flag("pay").await;
    let pay = flag_key("pay");
    for span in [(START_MS, START_MS + 5), (START_MS - 7, START_MS + 2), (START_MS, START_MS + 9)] {
        t.note(&[heard(Some("pay"), SignalKind::Evaluation, span)]).await;
    }
    t.note(&[heard(Some("pay"), SignalKind::Outcome, (START_MS, START_MS))]).await;
    let signals = t.store.signals_of_flag(&viewer(), &production(), &pay).await.expect("read");
    assert_eq!(signals.asked, Some(Signal { first_ms: START_MS - 7, last_ms: START_MS + 9 }));
    assert_eq!(signals.outcome, Some(Signal { first_ms: START_MS, last_ms: START_MS }));
    assert_eq!((signals.served, signals.asked_with_all), (None, None));
    let elsewhere = t.store.signals_of_flag(&viewer(), &staging(), &pay).await.expect("read");
    assert_eq!(elsewhere, store::FlagSignals::default());
    let all = t.store.flags_heard_of(&viewer(), &production()).await.expect("read");
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [("pay".to_owned(), START_MS + 9)]);
}

async fn what_the_ledger_holds_was_served(t: Harness) {
    t.create_flag("pay").await;
    let exposure = |subject: &str, at_ms| Exposure {
        subject: SubjectKey::parse(subject).expect("a key"),
        flag: flag_key("pay"),
        variant: VariantKey::parse("on").expect("a key"),
        revision: 1,
        rule: None,
        arm: None,
        at_ms,
    };
    let exposures = vec![exposure("ada", START_MS - 50), exposure("bo", START_MS - 20)];
    let delivery = Delivery { environment: production(), sender: Sender::Server, exposures, ids: Vec::new() };
    t.store.record_exposures(&[delivery]).await.expect("recorded");
    let read = async || {
        let signals = t.store.signals_of_flag(&viewer(), &production(), &flag_key("pay")).await;
        signals.expect("read").served
    };
    assert_eq!(read().await, Some(Signal { first_ms: START_MS - 50, last_ms: START_MS - 20 }));
    t.note(&[heard(Some("pay"), SignalKind::Exposure, (START_MS, START_MS))]).await;
    assert_eq!(read().await, Some(Signal { first_ms: START_MS - 50, last_ms: START_MS }));
}

async fn all_flags_at_once_count_for_flags_that_were_there(t: Harness) {
    t.create_flag("pay").await;
    t.note(&[heard(None, SignalKind::Evaluation, (START_MS - 10, START_MS + 10))]).await;
    let read = async |flag: &str| {
        let signals = t.store.signals_of_flag(&viewer(), &production(), &flag_key(flag)).await;
        signals.expect("read").asked_with_all
    };
    assert_eq!(read("pay").await, Some(Signal { first_ms: START_MS, last_ms: START_MS + 10 }));
    t.clock.advance(60_000);
    t.create_flag("later").await;
    assert_eq!(read("later").await, None);
}
