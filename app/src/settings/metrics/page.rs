//! What the workspace measures: the built-in metrics and its own.

use engine::{MetricDefinition, MetricKind};
use leptos::prelude::*;

use crate::{
    form::{fields::Fields, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        dialog::Confirm,
        empty::Empty,
        field::{Choice, Field, FormError},
        icon,
        table::{Column, Table},
    },
};

pub const ADDRESS: &str = "/settings/metrics";

/// A metric as typed.
#[derive(Debug, Clone, Default)]
pub struct MetricInput {
    pub key: String,
    pub name: String,
    pub description: String,
    pub kind: String,
    pub unit: String,
    pub lower_is_better: bool,
    /// The key names a metric that is being changed.
    pub is_edit: bool,
}

impl MetricInput {
    pub fn read(fields: &Fields) -> Self {
        Self {
            key: fields.trimmed("key").to_owned(),
            name: fields.trimmed("name").to_owned(),
            description: fields.trimmed("description").to_owned(),
            kind: fields.text("kind").to_owned(),
            unit: fields.trimmed("unit").to_owned(),
            lower_is_better: fields.text("direction") != "higher",
            is_edit: fields.has("edit"),
        }
    }

    fn of(metric: &MetricDefinition) -> Self {
        Self {
            key: metric.key.to_string(),
            name: metric.name.clone(),
            description: metric.description.clone(),
            kind: metric.kind.as_str().to_owned(),
            unit: metric.unit.clone(),
            lower_is_better: metric.lower_is_better,
            is_edit: true,
        }
    }
}

/// What a kind is, in the list and in the form.
fn kind_label(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::ErrorRate => "Failed requests",
        MetricKind::Latency => "Duration (p50, p95, p99)",
        MetricKind::Conversion => "Once per exposed person",
        MetricKind::Crashes => "Crashed sessions",
        MetricKind::Complaints => "Complaints per exposed person",
        MetricKind::MissingOutcome => "Exposures that no outcome followed",
        MetricKind::Rate => "Rate: it happened or not",
        MetricKind::Duration => "Duration in milliseconds (p50, p95, p99)",
        MetricKind::Count => "Count: how often per exposed person",
    }
}

pub async fn get(page: Page) -> PageResult {
    show(&page, FormState::default())
}

pub fn show(page: &Page, draft: FormState<MetricInput>) -> PageResult {
    page.principal.administrator()?;
    let metrics = page.store().live().metrics();
    // `?edit=key` fills the form with a definition.
    let edited = page.query("edit");
    let edited = edited.and_then(|key| metrics.iter().find(|it| it.key.as_str() == key)).map(MetricInput::of);
    let input = draft
        .input
        .clone()
        .or(edited)
        .unwrap_or_else(|| MetricInput { lower_is_better: true, ..MetricInput::default() });
    let (built_in, own): (Vec<_>, Vec<_>) =
        metrics.iter().cloned().partition(|metric| metric.kind.is_built_in());
    let meta = PageMeta::new("Metrics", Section::Metrics).status(draft.status());
    page.render(meta, move || {
        let own = if own.is_empty() {
            view! {
                <Empty
                    title="No metrics of your own yet"
                    text="Define what your application counts, such as searches without a result or the time to a \
                          confirmed payment. Its outcomes then count in the arms of every flag that was in force."
                />
            }
            .into_any()
        } else {
            table("Your own", &own).into_any()
        };
        view! {
            <PageHead
                title="Metrics"
                lead="What outcomes are counted as. Send them to /api/v1/events, or through OpenTelemetry."
            />
            <div class="group-grid">
                <div id="metrics" class="stack" data-live="">{own}{table("Built in", &built_in)}</div>
                <aside class="stack">{form(&draft, input)}</aside>
            </div>
        }
    })
}

fn table(title: &'static str, metrics: &[MetricDefinition]) -> impl IntoView + use<> {
    let rows = metrics.iter().map(row).collect_view();
    let columns = vec![
        Column::Text("Metric"),
        Column::Text("Counts"),
        Column::Text("Better is"),
        Column::Hidden("Actions"),
    ];
    view! {
        <div class="stack">
        <h2>{title}</h2>
        <Table columns box_class="attribute-table">{rows}</Table>
        </div>
    }
}

fn row(metric: &MetricDefinition) -> impl IntoView + use<> {
    let (key, name) = (metric.key.to_string(), metric.name.clone());
    let unit =
        (!metric.unit.is_empty()).then(|| view! { " "<Badge tone=Tone::Neutral text=metric.unit.clone() /> });
    let note = (!metric.description.is_empty())
        .then(|| view! { <span class="note">{metric.description.clone()}</span> });
    let delete = (!metric.kind.is_built_in()).then(|| {
        let key = key.clone();
        view! {
            <Confirm
                label="Delete"
                text=format!("Outcomes of {name} are refused from that moment. What was counted stays.")
                action=here().href(ADDRESS)
                button="Delete it"
                danger=true
            >
                <input type="hidden" name="intent" value="delete" />
                <input type="hidden" name="key" value=key />
            </Confirm>
        }
    });
    view! {
        <tr data-key=key.clone()>
            <td>
                <div class="who"><strong>{name.clone()}</strong><code class="note">{key.clone()}</code>{note}</div>
            </td>
            <td data-label="Counts"><span>{kind_label(metric.kind)}{unit}</span></td>
            <td data-label="Better is">{if metric.lower_is_better { "lower" } else { "higher" }}</td>
            <td class="actions">
                <span class="cluster attribute-actions">
                    <a
                        class="button"
                        data-size="small"
                        href=here().href(&format!("{ADDRESS}?edit={key}"))
                        aria-label=format!("Edit {name}")
                    >
                        {icon::edit()}
                    </a>
                    {delete}
                </span>
            </td>
        </tr>
    }
}

fn form(draft: &FormState<MetricInput>, input: MetricInput) -> impl IntoView + use<> {
    let is_edit = input.is_edit;
    let built_in = is_edit && MetricKind::parse(&input.kind).is_ok_and(MetricKind::is_built_in);
    let title = if is_edit { format!("Change {}", input.name) } else { "Define a metric".to_owned() };
    let cancel =
        is_edit.then(|| view! { <a class="button" data-kind="quiet" href=here().href(ADDRESS)>"Cancel"</a> });
    let identity = if is_edit {
        view! {
            <input type="hidden" name="edit" value="1" />
            <input type="hidden" name="key" value=input.key.clone() />
        }
        .into_any()
    } else {
        new_metric(draft, &input).into_any()
    };
    let direction = if input.lower_is_better { "lower" } else { "higher" };
    let direction = if built_in {
        view! { <input type="hidden" name="direction" value=direction /> }.into_any()
    } else {
        let options = vec![
            ("lower".to_owned(), "lower, as of errors".to_owned()),
            ("higher".to_owned(), "higher, as of bookings".to_owned()),
        ];
        view! { <Choice label="Better is" name="direction" value=direction options=options error=draft.at("direction") /> }
            .into_any()
    };
    view! {
        <form method="post" action=here().href(ADDRESS) class="card stack" aria-labelledby="metric-title">
            <h2 id="metric-title">{title}</h2>
            <FormError error=draft.general() />
            {identity}
            <Field label="Name" name="name" value=input.name error=draft.at("name") required=true autocomplete="off" />
            <Field
                label="Description"
                name="description"
                value=input.description
                error=draft.at("description")
                autocomplete="off"
            />
            <Field
                label="Unit"
                name="unit"
                value=input.unit
                error=draft.at("unit")
                hint="Behind numbers, for example %. Durations are in ms."
                maxlength=store::limits::METRIC_UNIT_CHARS_MAX.to_string()
                autocomplete="off"
            />
            {direction}
            <div class="cluster">
                <button name="intent" value="save" class="button" data-kind="primary">"Save"</button>
                {cancel}
            </div>
        </form>
    }
}

fn new_metric(draft: &FormState<MetricInput>, input: &MetricInput) -> impl IntoView + use<> {
    let kinds = MetricKind::CUSTOM.map(|kind| (kind.as_str().to_owned(), kind_label(kind).to_owned()));
    let kind = if input.kind.is_empty() { MetricKind::Rate.as_str().to_owned() } else { input.kind.clone() };
    view! {
        <Field
            label="Key"
            name="key"
            value=input.key.clone()
            error=draft.at("key")
            hint="As outcomes name it, for example empty_searches."
            mono=true
            required=true
            autocomplete="off"
        />
        <Choice label="Counts" name="kind" value=kind options=kinds.to_vec() error=draft.at("kind") />
    }
}
