//! What speaks a protocol, a folder for each: pages for people, and what programs ask and tell. A door reads, asks for a proof
//! of permission or a token, and answers in its own shape; it decides nothing and keeps nothing of another door.

pub mod dashboard;
pub mod metrics;
pub mod ofrep;
pub mod otlp;
pub mod probes;
pub mod rest;
pub mod widget;

use crate::edge::door::Doors;

/// All doors, for the edge. Whatever is below no other's paths is the dashboard's.
pub static DOORS: Doors = Doors {
    named: &[
        &ofrep::door::DOOR,
        &rest::door::DOOR,
        &otlp::door::DOOR,
        &probes::DOOR,
        &metrics::door::DOOR,
        &widget::DOOR,
    ],
    last: &dashboard::door::DOOR,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_leaves_secrets_out() {
        let without_secret = |path| DOORS.of(path).without_secret(path);
        assert_eq!(without_secret("/invite/abc"), "/invite/");
        assert_eq!(without_secret("/join/abc"), "/join/");
        assert_eq!(without_secret("/shared/abc"), "/shared/");
        assert_eq!(without_secret("/ofrep/v1/stream/abc"), "/ofrep/v1/stream/");
        assert_eq!(without_secret("/flags/fast-payment"), "/flags/fast-payment");
    }
}
