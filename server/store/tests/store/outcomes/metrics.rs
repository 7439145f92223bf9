//! What is measured.

use super::*;

on_both!(metrics_are_defined_changed_and_deleted, built_in_metrics_stay_what_they_are,);

fn own_metric(kind: MetricKind) -> MetricDefinition {
    MetricDefinition {
        key: metric_key("empty_searches"),
        name: "Empty searches".into(),
        description: String::new(),
        kind,
        unit: "%".into(),
        lower_is_better: true,
    }
}

async fn metrics_are_defined_changed_and_deleted(t: Harness) {
    let built_in = t.store.live().metrics().len();
    assert_eq!(built_in, 6);
    t.store.put_metric(&admin(), own_metric(MetricKind::Rate)).await.expect("added");
    assert_eq!(t.last_sentence().await, "added the metric Empty searches");
    let better = MetricDefinition { name: "No results".into(), ..own_metric(MetricKind::Rate) };
    t.store.put_metric(&admin(), better.clone()).await.expect("changed");
    assert_eq!(t.last_sentence().await, "changed the metric No results");
    assert!(t.store.live().metrics().contains(&better), "in force at once");
    let error = t.store.put_metric(&admin(), own_metric(MetricKind::Count)).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::MetricKind)), "{error:?}");
    t.store.delete_metric(&admin(), &better.key).await.expect("deleted");
    assert_eq!(t.store.live().metrics().len(), built_in);
    let filter = AuditFilter { action: Some(Action::MetricDeleted), ..AuditFilter::default() };
    assert_eq!(t.store.list_audit(&auditor(), &filter).await.expect("reads").len(), 1);
    let error = t.store.delete_metric(&admin(), &better.key).await.expect_err("gone");
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
}

async fn built_in_metrics_stay_what_they_are(t: Harness) {
    let metrics = t.store.live().metrics();
    let errors =
        metrics.iter().find(|metric| metric.kind == MetricKind::ErrorRate).expect("built in").clone();
    let error = t.store.delete_metric(&admin(), &errors.key).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::BuiltInMetric)), "{error:?}");
    let turned = MetricDefinition { lower_is_better: false, ..errors.clone() };
    let error = t.store.put_metric(&admin(), turned).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::BuiltInMetric)), "{error:?}");
    let another = MetricDefinition { key: metric_key("errors2"), ..errors.clone() };
    assert!(t.store.put_metric(&admin(), another).await.is_err());
    let renamed = MetricDefinition { name: "Failures".into(), ..errors };
    t.store.put_metric(&admin(), renamed).await.expect("renamed");
}
