//! The flags of the booking system, as drafts.

use engine::{Flag, FlagKind, Lifecycle, ValueType, Variant, VariantKey};
use serde_json::{Value as Json, json};

use super::{Stage, flag_key, unless_there};
use crate::StoreError;

fn boolean(key: &str, name: &str, description: &str, owner: &str, tags: &[&str]) -> Flag {
    Flag {
        description: description.to_owned(),
        owner: owner.to_owned(),
        tags: tags.iter().map(ToString::to_string).collect(),
        ..Flag::boolean(flag_key(key), name)
    }
}

/// The first variant is the off variant.
fn with_variants(flag: Flag, value_type: ValueType, variants: &[(&str, Json)]) -> Flag {
    let variant = |(key, value): &(&str, Json)| Variant {
        key: VariantKey::parse(key).unwrap_or_else(|_| unreachable!("a literal key")),
        value: value.clone(),
    };
    let variants: Vec<_> = variants.iter().map(variant).collect();
    Flag { value_type, off_variant: variants[0].key.clone(), variants, ..flag }
}

const PAYMENTS: &str = "Payments team";
const SEARCH: &str = "Search team";
const DESK: &str = "Agency desk";

/// In the order in which they were made.
fn flags() -> Vec<Flag> {
    [booking_flags(), search_flags(), agreement_flags(), payment_flags()].concat()
}

fn booking_flags() -> Vec<Flag> {
    vec![
        boolean("new-seat-map", "New seat map", "Seats drawn to scale, with prices", DESK, &["booking"]),
        boolean(
            "group-bookings",
            "Group bookings",
            "Ten passengers and more in one booking",
            DESK,
            &["booking"],
        ),
        Flag {
            kind: FlagKind::Operational,
            ..with_variants(
                boolean(
                    "maintenance-banner",
                    "Maintenance banner",
                    "Tells everybody what is coming",
                    "Operations",
                    &["operations"],
                ),
                ValueType::String,
                &[
                    ("none", json!("")),
                    ("soon", json!("Maintenance tonight from 23:00")),
                    ("now", json!("Maintenance until 01:00")),
                ],
            )
        },
    ]
}

fn search_flags() -> Vec<Flag> {
    vec![
        with_variants(
            boolean(
                "search-page-size",
                "Results per page",
                "How many trips the first page shows",
                SEARCH,
                &["search"],
            ),
            ValueType::Number,
            &[("twenty", json!(20)), ("thirty", json!(30)), ("fifty", json!(50))],
        ),
        boolean(
            "trip-suggestions",
            "Trip suggestions",
            "Ideas for the next trip after paying",
            SEARCH,
            &["search"],
        ),
    ]
}

fn agreement_flags() -> Vec<Flag> {
    vec![
        Flag {
            kind: FlagKind::Permission,
            ..with_variants(
                boolean(
                    "fare-limits",
                    "Fare limits",
                    "What an agency may book without asking us",
                    DESK,
                    &["agreements"],
                ),
                ValueType::Object,
                &[
                    ("standard", json!({"passengers_max": 9, "hold_hours": 24, "currencies": ["EUR"]})),
                    (
                        "extended",
                        json!({"passengers_max": 40, "hold_hours": 96, "currencies": ["EUR", "GBP", "SEK"]}),
                    ),
                ],
            )
        },
        boolean(
            "loyalty-points",
            "Loyalty points",
            "Points for every paid booking",
            "Marketing",
            &["loyalty"],
        ),
    ]
}

fn payment_flags() -> Vec<Flag> {
    let payment = |key, name, description| boolean(key, name, description, PAYMENTS, &["payments"]);
    let fast = "Pay a booking in one step with the card on file, instead of the three steps of today";
    vec![
        payment("refund-automation", "Automatic refunds", "Pays refunds without a person looking"),
        with_variants(
            payment("checkout-theme", "Checkout look", "Which look of the checkout sells best"),
            ValueType::String,
            &[("classic", json!("classic")), ("calm", json!("calm")), ("bold", json!("bold"))],
        ),
        payment("voucher-import", "Voucher import", "Reads the old paper vouchers"),
        payment("multi-currency", "Many currencies", "Pay in the traveller's own currency"),
        Flag {
            public_name: "One-step payment".to_owned(),
            public_sentence: "You pay for a booking in one step with the card on file.".to_owned(),
            ..boolean("fast-payment", "Fast payment", fast, PAYMENTS, &["payments", "booking"])
        },
        boolean(
            "instant-confirmation",
            "Instant confirmation",
            "Confirms at once what was paid fast",
            PAYMENTS,
            &["payments", "booking"],
        ),
    ]
}

impl Stage {
    /// Each with seeds of its own that are always the same, so that the demo always shows the same people.
    pub(super) async fn create_flags(&self) -> Result<(), StoreError> {
        let by = self.product.flag_editor()?;
        for (minute, flag) in (0..).zip(flags()) {
            self.set_time(0, 11, 4 * minute);
            let key = flag.key.clone();
            let seed = move |environment: &engine::EnvironmentKey| Ok(format!("{key}-{environment}"));
            unless_there(self.store.create_flag_seeded(&by, flag, &seed).await)?;
        }
        Ok(())
    }

    pub(super) async fn move_to_lifecycle(
        &self,
        key: &str,
        lifecycle: Lifecycle,
        comment: &str,
    ) -> Result<(), StoreError> {
        let by = self.product.flag_editor()?;
        let Some(found) = self.store.find_flag(&by.viewer(), &flag_key(key)).await? else { return Ok(()) };
        let flag = Flag { lifecycle, ..found.value };
        self.store.update_flag(&by, found.version, flag, comment).await?;
        Ok(())
    }
}
