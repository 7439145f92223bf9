use engine::{Arm, Flag, Lifecycle, SubjectKey, VariantKey};
use store::{Delivery, Exposure};

use crate::harness::*;

on_both!(
    the_desk_of_one_environment_tells_no_change_of_another,
    the_desk_is_read_anew_after_a_change,
    the_desk_knows_when_flags_were_last_served,
);

const HOUR_MS: i64 = 60 * 60_000;

impl Harness {
    async fn edit(&self, flag: &str, change: impl FnOnce(&mut Flag)) {
        let found = self.store.find_flag(&viewer(), &flag_key(flag)).await.expect("reads").expect("a flag");
        let mut flag = found.value;
        change(&mut flag);
        self.store.update_flag(&editor(), found.version, flag, "").await.expect("saved");
    }
}

/// A rollout that makes a draft active changes the flag, too, and that is news only where it happened.
async fn the_desk_of_one_environment_tells_no_change_of_another(t: Harness) {
    t.create_flag("a").await;
    t.edit("a", |flag| flag.description = "Letters".into()).await;
    t.advance(1000);
    t.change("a", |rollout| rollout.rules.push(everyone(20))).await.expect("saved");
    let told = async |environment| {
        let desk = t.store.desk(&viewer(), &environment).await.expect("reads");
        desk[0].last_change.sentence.clone()
    };
    let here = told(production()).await;
    assert!(here.starts_with("added everyone at 20 %") && here.contains("in production"), "{here}");
    assert_eq!(told(staging()).await, "changed the description of Flag a");
    t.advance(1000);
    t.edit("a", |flag| flag.lifecycle = Lifecycle::Completed).await;
    for environment in [production(), staging()] {
        assert_eq!(told(environment).await, "marked Flag a as completed", "what is for all is told in all");
    }
}

async fn the_desk_is_read_anew_after_a_change(t: Harness) {
    t.create_flag("a").await;
    let versions = async || {
        let desk = t.store.desk(&viewer(), &production()).await.expect("reads");
        desk.iter().map(|row| (row.flag_version, row.rollout_version)).collect::<Vec<_>>()
    };
    assert_eq!(versions().await, [(1, 1)]);
    t.change("a", |rollout| rollout.rules.push(everyone(20))).await.expect("saved");
    assert_eq!(versions().await, [(2, 2)]);
    t.create_flag("b").await;
    assert_eq!(versions().await, [(2, 2), (1, 1)]);
}

async fn the_desk_knows_when_flags_were_last_served(t: Harness) {
    t.create_flag("a").await;
    t.create_flag("b").await;
    let served = async || {
        let served = t.store.last_served(&viewer(), &production()).await.expect("reads");
        ["a", "b"].map(|flag| served.hour_ms.get(&flag_key(flag)).copied())
    };
    assert_eq!(served().await, [None, None]);
    let exposure = Exposure {
        subject: SubjectKey::parse("u-1").expect("a key"),
        flag: flag_key("a"),
        variant: VariantKey::parse("on").expect("a key"),
        revision: 1,
        rule: None,
        arm: None::<Arm>,
        at_ms: START_MS,
    };
    let later = Exposure { at_ms: START_MS + 2 * HOUR_MS, ..exposure.clone() };
    let delivery = |environment, exposures| Delivery {
        environment,
        sender: engine::Sender::Server,
        exposures,
        ids: Vec::new(),
    };
    t.store.record_exposures(&[delivery(staging(), vec![later])]).await.expect("recorded");
    t.store.record_exposures(&[delivery(production(), vec![exposure])]).await.expect("recorded");
    t.advance(60_000);
    assert_eq!(served().await, [Some(START_MS - START_MS % HOUR_MS), None], "of this environment");
}
