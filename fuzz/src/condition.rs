//! Conditions: a document that is read means the same when it is written, when it went through the builder's form, and
//! however it is evaluated.

use app::ui::condition_form::ConditionDraft;
use engine::{Attributes, Condition, Context, Group};

use crate::definitions::decided;

/// Twice the tree's own size, for the form and its fields.
const BYTES_PER_BYTE_MAX: usize = 200;
const BYTES_MAX: usize = 256 * 1024;

pub fn run(bytes: &[u8]) {
    let (condition, context) =
        bytes.split_at(bytes.iter().position(|it| *it == b'\n').unwrap_or(bytes.len()));
    let budget = BYTES_MAX + BYTES_PER_BYTE_MAX * bytes.len();
    let Ok(condition) = crate::memory::within(budget, || serde_json::from_slice::<Condition>(condition))
    else {
        return;
    };
    let written = serde_json::to_string(&condition).expect("is written");
    assert_eq!(serde_json::from_str::<Condition>(&written).as_ref().ok(), Some(&condition), "{written}");
    let problems = condition.problems();
    assert!(problems.iter().all(|it| !it.to_string().is_empty()), "a problem without a sentence");
    let draft = ConditionDraft::from_condition(Some(&condition));
    let typed = ConditionDraft::from_pairs(&draft.pairs("if"), "if").parse();
    let context: Attributes =
        serde_json::from_slice(context).map(|members| Attributes::from_json(&members)).unwrap_or_default();
    let group: Group =
        serde_json::from_value(serde_json::json!({"key": "g", "name": "G", "condition": condition}))
            .expect("a group with it");
    if problems.is_empty() {
        let typed = typed.unwrap_or_else(|errors| panic!("the form refuses {written}: {errors:?}"));
        assert_eq!(typed.as_ref(), Some(&condition), "the form makes something else of {written}");
        decided(&group, &Context::from_server(Some("u-1"), &context));
    } else {
        assert!(typed.is_err() || typed.as_ref().ok() != Some(&Some(condition)), "the form takes {written}");
    }
}
