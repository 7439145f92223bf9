//! The last half hour of every flag, minute by minute: how often it was served, and how many requests of those who have
//! it failed. Read once every few seconds for all who look.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine::{EnvironmentKey, FlagKey};
use leptos::prelude::*;

use crate::{chart::Unit, error::AppError, page::Page, ui::sparkline::sparkline};

const MINUTES: usize = 30;
const MINUTE_MS: i64 = 60 * 1000;
const FRESH_MS: i64 = 4_000;
/// Errors below this stay near the ground, however the line moves.
const ERRORS_SHARE_TOP: f64 = 0.02;

/// One flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulse {
    served: [u64; MINUTES],
    /// Requests and failures.
    requests: [(u64, u64); MINUTES],
}

impl Pulse {
    /// Whether it was at all.
    pub fn is_served(&self) -> bool {
        self.served.iter().any(|times| *times > 0)
    }

    /// How often in the last whole minute.
    pub fn served_last(&self) -> u64 {
        self.served.last().copied().unwrap_or(0)
    }

    /// Nothing where nothing was served.
    pub fn served_line(&self) -> Option<impl IntoView + use<>> {
        let most = self.served.iter().max().copied().filter(|most| *most > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "drawn on a few pixels")]
        let points: Vec<_> = self.served.iter().map(|times| Some(*times as f64)).collect();
        let label = format!("Served up to {} times a minute in the last half hour", grouped_u64(most));
        Some(sparkline(&points, 1.0, label))
    }

    /// Nothing where nobody told of a request.
    pub fn errors_line(&self) -> Option<impl IntoView + use<>> {
        let points = self.requests.map(share);
        let (last, most) = self.errors()?;
        let told = format!(
            "Errors with the feature: {} lately, at most {} in the last half hour",
            Unit::Share.phrase(last),
            Unit::Share.phrase(most)
        );
        let line = sparkline(&points, ERRORS_SHARE_TOP, told.clone());
        Some(
            view! { <span class="desk-errors" title=told>{line}<small>{Unit::Share.phrase(last)}</small></span> },
        )
    }

    /// The share of failures in the last minute with requests, and the highest.
    fn errors(&self) -> Option<(f64, f64)> {
        let shares = || self.requests.iter().copied().filter_map(share);
        Some((shares().next_back()?, shares().fold(0.0, f64::max)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "requests of a minute stay below 2^53")]
fn share((requests, failures): (u64, u64)) -> Option<f64> {
    (requests > 0).then(|| failures as f64 / requests as f64)
}

/// What was read last, and when; whoever reads holds it.
type Slot = Arc<tokio::sync::Mutex<Option<(i64, Arc<HashMap<FlagKey, Pulse>>)>>>;

/// The memory of all environments, shared by all requests. A slow answer for one keeps nobody else waiting.
#[derive(Clone, Default)]
pub struct Pulses(Arc<Mutex<HashMap<EnvironmentKey, Slot>>>);

impl Pulses {
    /// All flags of the page's environment; whoever comes while it is read waits for the same answer.
    pub async fn of(&self, page: &Page) -> Result<Arc<HashMap<FlagKey, Pulse>>, AppError> {
        let now_ms = page.now_ms();
        let slot = self.slot(&page.environment.key);
        let mut known = slot.lock().await;
        if let Some((at_ms, pulses)) = known.as_ref()
            && (0..FRESH_MS).contains(&(now_ms - at_ms))
        {
            return Ok(Arc::clone(pulses));
        }
        let pulses = Arc::new(read(page).await?);
        *known = Some((now_ms, Arc::clone(&pulses)));
        Ok(pulses)
    }

    fn slot(&self, environment: &EnvironmentKey) -> Slot {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(environment.clone()).or_default())
    }
}

async fn read(page: &Page) -> Result<HashMap<FlagKey, Pulse>, AppError> {
    let (store, viewer, environment) = (page.store(), page.viewer(), &page.environment.key);
    let until_ms = page.now_ms() - page.now_ms().rem_euclid(MINUTE_MS);
    let from_ms = until_ms - MINUTE_MS * i64::try_from(MINUTES).unwrap_or(0);
    let minute = |at_ms: i64| usize::try_from((at_ms - from_ms) / MINUTE_MS).ok().filter(|at| *at < MINUTES);
    let mut pulses: HashMap<FlagKey, Pulse> = HashMap::new();
    for (flag, at_ms, times) in store.exposures_by_minute(&viewer, environment, from_ms, until_ms).await? {
        if let Some(at) = minute(at_ms) {
            pulses.entry(flag).or_default().served[at] = times;
        }
    }
    for (flag, at_ms, requests, failures) in
        store.errors_by_minute(&viewer, environment, from_ms, until_ms).await?
    {
        if let Some(at) = minute(at_ms) {
            pulses.entry(flag).or_default().requests[at] = (requests, failures);
        }
    }
    Ok(pulses)
}

pub(super) fn grouped_u64(number: u64) -> String {
    engine::grouped(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_as_they_are_lately_and_at_most() {
        assert_eq!(Pulse::default().errors(), None);
        assert!(Pulse::default().served_line().is_none());
        let mut pulse = Pulse::default();
        pulse.requests[3] = (100, 50);
        pulse.requests[20] = (200, 2);
        let (last, most) = pulse.errors().expect("requests");
        assert!((last - 0.01).abs() < 1e-12 && (most - 0.5).abs() < 1e-12);
        let html = pulse.errors_line().expect("a line").to_html();
        assert!(
            html.contains("Errors with the feature: 1 % lately, at most 50 % in the last half hour"),
            "{html}"
        );
    }
}
