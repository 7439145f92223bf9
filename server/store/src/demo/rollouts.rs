//! How the flags of the demo came to where they are: some days of ordinary changes.

use engine::{
    AttributeName, Audience, BucketBy, Lifecycle, Percentage, Pin, Prerequisite, Rollout, Rule, RuleId,
    Share, VariantKey,
};

use super::{Stage, environment_key, flag_key, group_key, subject_key};
use crate::StoreError;

fn rule(id: &str, audience: Audience, per_cent: u32) -> Rule {
    Rule {
        id: RuleId::parse(id).unwrap_or_else(|_| unreachable!("a literal id")),
        audience,
        percentage: Percentage::whole(per_cent).unwrap_or_default(),
        holdback: engine::Percentage::NONE,
        bucket_by: BucketBy::Subject,
        split: Vec::new(),
    }
}

fn group(id: &str, key: &str, per_cent: u32) -> Rule {
    rule(id, Audience::Matching { groups: vec![group_key(key)], condition: None }, per_cent)
}

fn everyone(per_cent: u32) -> Rule {
    rule("everyone", Audience::Everyone, per_cent)
}

fn by_tenant(rule: Rule) -> Rule {
    let tenant = AttributeName::parse("tenant").unwrap_or_else(|_| unreachable!("a literal name"));
    Rule { bucket_by: BucketBy::Attribute(tenant), ..rule }
}

fn variant(key: &str) -> VariantKey {
    VariantKey::parse(key).unwrap_or_else(|_| unreachable!("a literal key"))
}

fn split(rule: Rule, shares: &[(&str, u32)]) -> Rule {
    let share = |(key, weight): &(&str, u32)| Share { variant: variant(key), weight: *weight };
    Rule { split: shares.iter().map(share).collect(), ..rule }
}

/// Sets the percentage of one rule.
fn step(id: &'static str, per_cent: u32) -> impl FnOnce(&mut Rollout) {
    move |rollout| {
        if let Some(rule) = rollout.rules.iter_mut().find(|rule| rule.id.as_str() == id) {
            rule.percentage = Percentage::whole(per_cent).unwrap_or_default();
        }
    }
}

fn rules(rules: Vec<Rule>) -> impl FnOnce(&mut Rollout) {
    move |rollout| rollout.rules = rules
}

/// Between the last change of a day and its evening.
const AFTERNOON_MIN: i64 = 180;
const EVERYBODY: [&str; 6] =
    ["ada.moreau", "jonas.lindqvist", "marta.kowalska", "tom.okafor", "lena.fischer", "sam.staff"];

const PRODUCTION: &str = "production";
const STAGING: &str = "staging";

impl Stage {
    /// Day after day, so that the audit log tells it in the order in which it happened.
    pub(super) async fn roll_out(&self) -> Result<(), StoreError> {
        self.first_day().await?;
        self.visits(AFTERNOON_MIN, &EVERYBODY).await?;
        self.second_day().await?;
        self.visits(AFTERNOON_MIN, &EVERYBODY).await?;
        self.third_day().await?;
        self.visits(AFTERNOON_MIN, &EVERYBODY).await?;
        self.plan_trip_suggestions().await?;
        self.fourth_day().await?;
        self.visits(AFTERNOON_MIN, &EVERYBODY).await?;
        self.fifth_day().await?;
        self.visits(AFTERNOON_MIN, &EVERYBODY).await?;
        self.roll_out_fast_payment().await?;
        self.try_with_vip_agencies().await?;
        self.plan_group_bookings().await?;
        self.plan_fast_payment().await
    }

    async fn first_day(&self) -> Result<(), StoreError> {
        let by = &self.product;
        self.set_time(0, 13, 0);
        self.change(by, (STAGING, "new-seat-map"), rules(vec![everyone(100)]), "").await?;
        let seats = vec![group("internal", "internal", 100), everyone(5)];
        self.change(by, (PRODUCTION, "new-seat-map"), rules(seats), "first look").await
    }

    async fn second_day(&self) -> Result<(), StoreError> {
        let by = &self.product;
        self.set_time(1, 9, 15);
        let seats = (PRODUCTION, "new-seat-map");
        self.change(by, seats, step("everyone", 25), "no complaints overnight").await?;
        self.set_time(1, 10, 0);
        let bookings = vec![group("internal", "internal", 100), by_tenant(everyone(30))];
        self.change(by, (PRODUCTION, "group-bookings"), rules(bookings), "whole agencies switch together")
            .await?;
        self.change(by, (STAGING, "group-bookings"), rules(vec![everyone(100)]), "").await?;
        self.set_time(1, 11, 0);
        let suggestions = vec![group("beta", "beta-testers", 100), everyone(5)];
        self.change(by, (PRODUCTION, "trip-suggestions"), rules(suggestions), "").await?;
        self.change(by, (STAGING, "trip-suggestions"), rules(vec![everyone(100)]), "").await?;
        let size = vec![split(everyone(20), &[("thirty", 500), ("fifty", 500)])];
        self.change(by, (PRODUCTION, "search-page-size"), rules(size), "does a longer page sell more?")
            .await?;
        self.set_time(1, 14, 10);
        self.enrol(&["marta.kowalska", "tom.okafor"], 30, "asked for it at the agency day").await
    }

    async fn third_day(&self) -> Result<(), StoreError> {
        let by = &self.product;
        self.set_time(2, 9, 20);
        self.change(by, (PRODUCTION, "new-seat-map"), step("everyone", 50), "").await?;
        self.set_time(2, 11, 0);
        let limits = vec![group("vip", "vip-agencies", 100), group("busy", "high-volume", 100)];
        self.change(by, (PRODUCTION, "fare-limits"), rules(limits), "as agreed with the agency desk").await?;
        let points = vec![group("nordic", "nordic-agencies", 60), group("new", "new-agencies", 10)];
        let pinned = |rollout: &mut Rollout| {
            rollout.rules = points;
            rollout.exclusions.groups.push(group_key("internal"));
            rollout.pins.push(Pin { subject: subject_key("lena.fischer"), variant: variant("on") });
        };
        self.change(by, (PRODUCTION, "loyalty-points"), pinned, "staff do not collect points").await?;
        self.set_time(2, 14, 0);
        let look = vec![split(everyone(40), &[("calm", 500), ("bold", 500)])];
        self.change(by, (PRODUCTION, "checkout-theme"), rules(look), "").await?;
        self.change(by, (STAGING, "refund-automation"), rules(vec![everyone(100)]), "").await?;
        let refunds = vec![group("vip", "vip-agencies", 100), everyone(10)];
        self.change(by, (PRODUCTION, "refund-automation"), rules(refunds), "").await
    }

    async fn fourth_day(&self) -> Result<(), StoreError> {
        self.set_time(3, 9, 5);
        let seats = (PRODUCTION, "new-seat-map");
        self.change(&self.product, seats, step("everyone", 100), "done: everybody has it").await?;
        self.move_to_lifecycle("new-seat-map", Lifecycle::Completed, "").await?;
        self.set_time(3, 9, 40);
        self.enrol(&["marta.kowalska", "tom.okafor", "lena.fischer"], 14, "checks the new payment steps")
            .await
    }

    async fn fifth_day(&self) -> Result<(), StoreError> {
        let (production, refunds) = (environment_key(PRODUCTION), flag_key("refund-automation"));
        self.set_time(4, 8, 55);
        let raised = step("everyone", 20);
        self.change(&self.product, (PRODUCTION, "refund-automation"), raised, "two good days").await?;
        self.set_time(4, 13, 12);
        let reason = "two agencies were refunded twice, see ticket 4711";
        self.store.stop(&self.support.stopper()?, &production, &refunds, reason).await?;
        self.set_time(4, 14, 0);
        self.move_to_lifecycle("voucher-import", Lifecycle::Archived, "the last paper vouchers ran out").await
    }

    /// Three faders stand on the desk, ready to be moved.
    async fn roll_out_fast_payment(&self) -> Result<(), StoreError> {
        let by = &self.product;
        self.set_time(5, 9, 30);
        self.change(by, (STAGING, "fast-payment"), rules(vec![everyone(100)]), "tested on staging first")
            .await?;
        let faders = vec![group("internal", "internal", 100), group("vip", "vip-agencies", 0), everyone(0)];
        self.change(by, (PRODUCTION, "fast-payment"), rules(faders), "our own people first").await?;
        let follows = |rollout: &mut Rollout| {
            rollout
                .prerequisites
                .push(Prerequisite { flag: flag_key("fast-payment"), variant: variant("on") });
            rollout.rules = vec![everyone(50)];
        };
        self.change(by, (PRODUCTION, "instant-confirmation"), follows, "only for what was paid fast").await
    }

    /// For two hours, on the day before the present: whoever asks now what a VIP saw then gets another answer than now.
    async fn try_with_vip_agencies(&self) -> Result<(), StoreError> {
        let (by, fast) = (&self.product, (PRODUCTION, "fast-payment"));
        self.set_time(5, 13, 30);
        self.change(by, fast, step("vip", 100), "two hours with the VIP agencies, support listens in")
            .await?;
        self.set_time(5, 14, 6);
        self.visits(4, &EVERYBODY).await?;
        self.set_time(5, 14, 11);
        self.visits(60, &["sam.staff", "tom.okafor"]).await?;
        self.set_time(5, 15, 20);
        self.change(by, fast, step("vip", 0), "as planned; on to the numbers").await?;
        self.visits(AFTERNOON_MIN, &["sam.staff", "tom.okafor", "lena.fischer"]).await
    }
}
