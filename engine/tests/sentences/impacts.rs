//! What a change is said to do to the people we know.

use std::sync::Arc;

use engine::{Attributes, CompiledGroup, Context, Impact, Question, Sample, Snapshot, Tally, grouped};
use serde_json::json;

use crate::{NOW_MS, attributes, group, in_groups, is, rollout, rule, snapshot};

fn sentence(known: usize, after: usize, gained: usize, lost: usize, switched: usize) -> String {
    let sample = Sample::whole(known);
    Impact { sample, before: after + lost - gained, after, gained, lost, switched }.sentence()
}

/// Counts one question for all of them.
fn counted(question: Question, people: &[(String, Attributes)]) -> Impact {
    let mut tally = Tally::new(vec![question]);
    for (key, traits) in people {
        tally.look(&Context::from_traits(key, traits), NOW_MS);
    }
    tally.counted(people.len()).impacts[0]
}

#[test]
fn a_sample_says_that_it_is_one() {
    let sample = Sample { seen: 50_000, known: 1_000_000 };
    let told = |after, gained, lost| {
        Impact { sample, before: after + lost - gained, after, gained, lost, switched: 0 }.sentence()
    };
    assert_eq!(
        told(6_200, 6_200, 0),
        "Adds about 124,000 ± 3,000 of 1,000,000 known people; nobody loses it among the 50,000 looked at so far."
    );
    assert_eq!(
        told(6_200, 0, 0),
        "Changes nothing among the 50,000 looked at so far; of 1,000,000 known people about 124,000 ± 3,000 have it."
    );
    assert_eq!(
        told(1_000, 400, 25),
        "Adds about 8,000 ± 800 and takes it from about 500 ± 200 of 1,000,000 known people."
    );
}

#[test]
fn an_impact_is_one_sentence() {
    assert_eq!(sentence(1560, 310, 310, 0, 0), "Adds 310 of 1,560 known people; nobody loses it.");
    assert_eq!(sentence(1560, 0, 0, 42, 0), "Takes it from 42 of 1,560 known people; nobody gains it.");
    assert_eq!(sentence(1560, 12, 12, 3, 0), "Adds 12 and takes it from 3 of 1,560 known people.");
    assert_eq!(sentence(1560, 310, 0, 0, 0), "Changes nothing for 1,560 known people; 310 have it.");
    assert_eq!(
        sentence(1560, 9, 0, 0, 7),
        "None of 1,560 known people gains or loses it; 7 get another variant."
    );
    assert_eq!(
        sentence(1560, 9, 2, 0, 7),
        "Adds 2 of 1,560 known people; nobody loses it; 7 get another variant."
    );
}

#[test]
fn one_person_is_not_people() {
    assert_eq!(sentence(1, 1, 1, 0, 0), "Adds 1 of 1 known person; nobody loses it.");
    assert_eq!(sentence(1, 1, 0, 0, 0), "Changes nothing for 1 known person; 1 has it.");
    assert_eq!(sentence(2, 0, 0, 0, 0), "Changes nothing for 2 known people; nobody has it.");
    assert_eq!(sentence(2, 1, 0, 0, 1), "None of 2 known people gains or loses it; 1 gets another variant.");
    assert_eq!(sentence(0, 0, 0, 0, 0), "No people are known yet, so there is nobody to count.");
}

#[test]
fn counts_have_commas() {
    for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(grouped(n), text);
    }
}

/// user-0 to user-1559; every fifth is a VIP.
fn people() -> Vec<(String, Attributes)> {
    let tier = |n: u32| if n.is_multiple_of(5) { "vip" } else { "standard" };
    (0..1560).map(|n| (format!("user-{n}"), attributes(&json!({ "tier": tier(n) })))).collect()
}

#[test]
fn raising_a_percentage_only_adds() {
    let people = people();
    let everyone_at = |thousandths| {
        let vip = rule("vip", &in_groups(&["vip-agencies"]), 100_000);
        Arc::new(snapshot(rollout(&json!([vip, rule("all", &json!("everyone"), thousandths)]))))
    };
    let changed = |before: &Arc<Snapshot>, after: &Arc<Snapshot>| {
        let flag = "fast-payment".parse().expect("a key");
        counted(Question::Changes { flag, before: Arc::clone(before), after: Arc::clone(after) }, &people)
    };
    let (closed, opened) = (everyone_at(0), everyone_at(20_000));
    let found = changed(&closed, &opened);
    assert_eq!((found.sample.known, found.before, found.lost, found.switched), (1560, 312, 0, 0));
    assert_eq!(found.after, found.before + found.gained);
    assert!((200..300).contains(&found.gained), "about 20 % of the other 1,248: {}", found.gained);
    let back = changed(&opened, &closed);
    assert_eq!((back.gained, back.lost), (0, found.gained));
}

#[test]
fn a_group_counts_its_members() {
    let people = people();
    let compiled = |tier| {
        let group = group(&json!({ "key": "g", "name": "G", "condition": is("tier", tier) }));
        let snapshot = snapshot(rollout(&json!([])));
        Arc::new(CompiledGroup::new(Arc::new(group), snapshot.attributes()).expect("group"))
    };
    let (vip, standard) = (compiled("vip"), compiled("standard"));
    let found = counted(Question::Belongs { before: None, after: Arc::clone(&vip) }, &people);
    assert_eq!((found.before, found.after, found.gained, found.lost), (0, 312, 312, 0));
    let found = counted(Question::Belongs { before: Some(vip), after: standard }, &people);
    assert_eq!((found.before, found.after, found.gained, found.lost), (312, 1248, 1248, 312));
}
