//! Who the simulated customers are: the demo's known people, and visitors whom nobody knows. The same ones come back.

use engine::{AttributeValue, Attributes, SubjectKey};
use jiff::{ToSpan as _, civil::Date};
use serde::Serialize;

/// Visitors without stored traits.
const STRANGERS: u64 = 4_000;
/// Connections of the booking demo that run every day.
const CONNECTIONS: [&str; 4] = ["leman", "rhone-express", "kattegat", "tagus"];

/// Somebody as the booking site's partners describe them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

/// A customer and what they want.
pub struct Visitor {
    pub customer: Customer,
    pub trip: String,
}

/// Draws customers; the same seed draws the same ones.
pub struct Crowd {
    known: Vec<Customer>,
    state: u64,
    date: Date,
}

impl Crowd {
    pub fn new(seed: u64, today: Date) -> Self {
        let known = store::demo_people().into_iter().map(|(subject, traits)| known(&subject, &traits));
        // Tomorrow is always on sale, also when the site's clock is ahead of ours by some hours.
        let date = today.checked_add(1.day()).unwrap_or(today);
        Self { known: known.collect(), state: seed, date }
    }

    pub fn next(&mut self) -> Visitor {
        let all = self.known.len() as u64 + STRANGERS;
        let at = self.draw() % all;
        let customer = usize::try_from(at).ok().and_then(|at| self.known.get(at)).cloned();
        let customer = customer.unwrap_or_else(|| stranger(at));
        let connection = CONNECTIONS[usize::try_from(self.draw() % 4).unwrap_or(0)];
        Visitor { customer, trip: format!("{connection}.{}", self.date) }
    }

    /// splitmix64: well spread, and nobody needs to be unable to guess it.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn known(subject: &SubjectKey, traits: &Attributes) -> Customer {
    let text = |name: &str| match traits.get(name) {
        Some(AttributeValue::Text(text)) => Some(text.clone()),
        Some(AttributeValue::Boolean(_) | AttributeValue::Number(_) | AttributeValue::List(_)) | None => None,
    };
    Customer { id: subject.to_string(), tenant: text("tenant"), tier: text("tier"), role: text("role") }
}

fn stranger(at: u64) -> Customer {
    Customer { id: format!("visitor-{at}"), tenant: None, tier: None, role: None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::civil::date;

    use super::*;

    #[test]
    fn thousands_come_known_people_among_them() {
        let mut crowd = Crowd::new(7, date(2026, 5, 13));
        let visitors: Vec<_> = (0..20_000).map(|_| crowd.next()).collect();
        let ids: HashSet<_> = visitors.iter().map(|it| it.customer.id.as_str()).collect();
        assert!(ids.len() > 4_000, "{}", ids.len());
        assert!(visitors.iter().any(|it| it.customer.tier.as_deref() == Some("vip")));
        assert!(visitors.iter().all(|it| it.trip.ends_with(".2026-05-14")));
    }
}
