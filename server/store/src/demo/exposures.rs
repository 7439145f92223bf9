//! What the booking site of the demo served: visits of some of its people, decided by the configuration of the day.

use engine::{Context, Sender};

use super::{Stage, environment_key, flag_key, people::mix, subject_key};
use crate::{
    Delivery, Exposure, Heard, SignalKind, StoreError,
    clock::{DAY_MS, MINUTE_MS},
};

/// What a visit to the booking site asks for.
const ASKED: [&str; 6] =
    ["fast-payment", "new-seat-map", "trip-suggestions", "checkout-theme", "search-page-size", "fare-limits"];

/// So many of the known people visit at all, from the first one on: the site's own customers, staff, VIP agencies, and
/// some of the rest.
const VISITORS: u64 = 240;
/// The first of them visit on every day.
const REGULARS: u64 = 6;

impl Stage {
    /// Visits within `minutes` after the present moment of the play; of regulars only those that `regulars` names.
    pub(super) async fn visits(&self, minutes: i64, regulars: &[&str]) -> Result<(), StoreError> {
        let from_ms = self.store.clock().now_ms();
        let production = environment_key("production");
        let Some(snapshot) = self.store.live().snapshot(production.as_str()) else { return Ok(()) };
        let day = from_ms.div_euclid(DAY_MS).unsigned_abs();
        let mut exposures = Vec::new();
        for (at, (subject, traits)) in (0..VISITORS).zip(super::people::known()) {
            let visits = if at < REGULARS {
                u64::from(regulars.contains(&subject.as_str()))
            } else {
                mix(at, day) % 3
            };
            let context = Context::from_traits(subject.as_str(), &traits);
            for visit in 0..visits {
                let minute =
                    i64::try_from(mix(at * 31 + visit, day) % minutes.unsigned_abs().max(1)).unwrap_or(0);
                let at_ms = from_ms + minute * MINUTE_MS;
                for flag in ASKED {
                    let Ok(decision) = snapshot.evaluate(flag, &context, at_ms) else { continue };
                    exposures.push(Exposure {
                        subject: subject_key(subject.as_str()),
                        flag: flag_key(flag),
                        variant: decision.variant.key.clone(),
                        revision: snapshot.revision(),
                        rule: decision.rule.cloned(),
                        arm: decision.arm,
                        at_ms,
                    });
                }
            }
        }
        exposures.sort_by_key(|exposure| exposure.at_ms);
        let times = exposures.first().zip(exposures.last()).map(|(first, last)| (first.at_ms, last.at_ms));
        if let Some((first_ms, last_ms)) = times {
            let heard = |flag, kind| {
                let (environment, flag) = (production.clone(), Some(flag_key(flag)));
                Heard { environment, flag, kind, first_ms, last_ms }
            };
            let kinds = [SignalKind::Evaluation, SignalKind::Exposure];
            let heard: Vec<_> = ASKED.iter().flat_map(|flag| kinds.map(|kind| heard(flag, kind))).collect();
            self.store.note_signals(&heard).await?;
        }
        let delivery =
            Delivery { environment: production, sender: Sender::Server, exposures, ids: Vec::new() };
        self.store.record_exposures(&[delivery]).await
    }
}
