//! The person's timeline: what each flag did to them, beside what was changed about the flag.

use std::collections::{BTreeSet, HashMap};

use engine::{FlagKey, GroupKey, Snapshot, SubjectKey};
use leptos::prelude::*;
use store::{AuditEntry, ObjectKind, ObjectRef, PeopleReader, Seen, Stay};

use super::timeline::{Lane, Mark, Range, Span, timeline};
use crate::{
    error::AppError,
    page::{Page, address, here::here},
    ui::{
        table::{Column, Table},
        time,
    },
};

/// Flags with a lane; those served last come first.
const LANES_MAX: usize = 12;
/// Groups of which changes are drawn.
const GROUPS_MAX: usize = 12;
/// Changes of one flag, or of one group, that are drawn.
const CHANGES_MAX: usize = 50;
/// No further back, whatever the ledger keeps.
const DAYS_MAX: i64 = 30;

/// Something the person said, about a flag or about everything.
#[derive(Debug, Clone)]
pub struct Said {
    pub flag: Option<FlagKey>,
    pub at_ms: i64,
    pub label: String,
}

/// Lanes and what they span.
pub struct History {
    lanes: Vec<Lane>,
    range: Range,
}

impl History {
    /// Flags that were served, that go to a group the person is or was enrolled in, or that they said something about.
    pub(super) async fn load(
        page: &Page,
        reader: &PeopleReader,
        subject: &SubjectKey,
        snapshot: &Snapshot,
        at_ms: Option<i64>,
        said: &[Said],
    ) -> Result<Self, AppError> {
        let environment = &page.environment.key;
        let stays = page.store().stays_of(reader, subject).await?;
        let mut served: HashMap<FlagKey, Vec<Seen>> = HashMap::new();
        let mut order = Vec::new();
        for seen in page.store().exposures_of(reader, environment, subject).await? {
            if !served.contains_key(&seen.flag) {
                order.push(seen.flag.clone());
            }
            served.entry(seen.flag.clone()).or_default().push(seen);
        }
        let about = said.iter().filter_map(|it| it.flag.clone());
        let enrolled = snapshot.flags().filter(|flag| {
            !flag.is_archived()
                && stays.iter().any(|it| flag.rollout().groups().any(|group| *group == it.group))
        });
        let mut enrolled: Vec<_> = enrolled.map(|flag| flag.flag().key.clone()).collect();
        enrolled.sort();
        for flag in about.chain(enrolled) {
            if !order.contains(&flag) {
                order.push(flag);
            }
        }
        order.truncate(LANES_MAX);
        let mut lanes = Vec::with_capacity(order.len());
        let redefined = redefined(page, snapshot, &order).await?;
        for key in order {
            let object = ObjectRef::new(ObjectKind::Flag, key.as_str());
            let entries =
                page.store().history(&page.viewer(), &object, Some(environment), None, CHANGES_MAX).await?;
            let entries = entries.into_iter().filter(|entry| entry.environment.is_some());
            let mut changes: Vec<_> = entries.map(mark).collect();
            let groups: BTreeSet<_> = groups_of(snapshot, &key).collect();
            changes.extend(groups.into_iter().filter_map(|group| redefined.get(group)).flatten().cloned());
            let saw = served.remove(&key).unwrap_or_default();
            lanes.push(lane(&key, &saw, changes, snapshot, &stays, said, page.now_ms()));
        }
        let range = Range::around(&lanes, page.now_ms(), at_ms, DAYS_MAX);
        Ok(Self { lanes, range })
    }
}

fn mark(entry: AuditEntry) -> Mark {
    Mark { at_ms: entry.at_ms, label: entry.sentence }
}

/// The groups that a flag's rollout names.
fn groups_of<'s>(snapshot: &'s Snapshot, flag: &FlagKey) -> impl Iterator<Item = &'s GroupKey> {
    snapshot.flag(flag.as_str()).into_iter().flat_map(|flag| flag.rollout().groups())
}

/// What changed about the groups that these flags go to; who came and went is told of the person alone.
async fn redefined(
    page: &Page,
    snapshot: &Snapshot,
    flags: &[FlagKey],
) -> Result<HashMap<GroupKey, Vec<Mark>>, AppError> {
    let groups: BTreeSet<_> = flags.iter().flat_map(|flag| groups_of(snapshot, flag)).collect();
    let mut redefined = HashMap::new();
    for group in groups.into_iter().take(GROUPS_MAX) {
        let object = ObjectRef::new(ObjectKind::Group, group.as_str());
        let entries = page.store().history(&page.viewer(), &object, None, None, CHANGES_MAX).await?;
        let marks = entries.into_iter().filter(|entry| entry.version.is_some()).map(mark).collect();
        redefined.insert(group.clone(), marks);
    }
    Ok(redefined)
}

fn lane(
    key: &FlagKey,
    saw: &[Seen],
    changes: Vec<Mark>,
    snapshot: &Snapshot,
    stays: &[Stay],
    said: &[Said],
    now_ms: i64,
) -> Lane {
    let compiled = snapshot.flag(key.as_str());
    let off = compiled.map(|flag| flag.flag().off_variant.clone());
    let served = saw.iter().map(|seen| Span {
        from_ms: seen.first_ms,
        until_ms: seen.last_ms,
        label: format!(
            "“{}” from {} to {}, {} ×, revision {}",
            seen.variant,
            time::full(seen.first_ms),
            time::full(seen.last_ms),
            seen.count,
            seen.revision
        ),
        on: off.as_ref() != Some(&seen.variant),
    });
    let goes_to =
        |it: &&Stay| compiled.is_some_and(|flag| flag.rollout().groups().any(|group| *group == it.group));
    let enrolled = stays.iter().filter(goes_to).map(|it| Span {
        from_ms: it.from_ms.unwrap_or(i64::MIN),
        until_ms: it.until_ms.unwrap_or(now_ms).max(it.from_ms.unwrap_or(now_ms)),
        label: stay_phrase(it, now_ms),
        on: true,
    });
    let feedback = said.iter().filter(|it| it.flag.as_ref().is_none_or(|flag| flag == key));
    Lane {
        name: compiled.map_or_else(|| key.to_string(), |flag| flag.flag().name.clone()),
        href: address::flag(key),
        served: served.collect(),
        changes,
        enrolled: enrolled.collect(),
        feedback: feedback.map(|it| Mark { at_ms: it.at_ms, label: it.label.clone() }).collect(),
    }
}

/// `enrolled in VIP agencies from 22 Nov 2026, 20:19:05 UTC, still in`.
fn stay_phrase(stay: &Stay, now_ms: i64) -> String {
    let from = stay.from_ms.map(|ms| format!(" from {}", time::full(ms))).unwrap_or_default();
    let until = match stay.until_ms {
        Some(ms) if ms <= now_ms || stay.from_ms.is_some_and(|from| from > now_ms) => {
            format!(" until {}", time::full(ms))
        }
        Some(ms) => format!(", still in, until {}", time::full(ms)),
        None if stay.from_ms.is_some_and(|from| from > now_ms) => String::new(),
        None => ", still in".to_owned(),
    };
    format!("enrolled in {}{from}{until}", stay.group_name)
}

pub fn view(history: &History, at_ms: Option<i64>) -> impl IntoView + use<> {
    let here = here();
    let lanes: Vec<_> =
        history.lanes.iter().map(|lane| Lane { href: here.href(&lane.href), ..lane.clone() }).collect();
    let body = if lanes.is_empty() {
        view! { <p class="muted">"Nothing yet: no flag was served to them, and no flag goes to a group they are enrolled in."</p> }
            .into_any()
    } else {
        view! {
            {timeline(&lanes, history.range, at_ms)}
            <ul class="timeline-key" aria-hidden="true">
                <li data-mark="on">"served"</li>
                <li data-mark="off">"served the off variant"</li>
                <li data-mark="change">"rollout or group changed"</li>
                <li data-mark="enrolled">"enrolled"</li>
                <li data-mark="feedback">"feedback"</li>
            </ul>
            <details id="timeline-table">
                <summary>"As a table"</summary>
                {table(&lanes)}
            </details>
        }
        .into_any()
    };
    view! {
        <section class="card stack" aria-labelledby="timeline-title">
            <h2 id="timeline-title">"Timeline"</h2>
            {body}
        </section>
    }
}

fn table(lanes: &[Lane]) -> impl IntoView + use<> {
    let mut rows: Vec<(i64, String, String)> = Vec::new();
    for lane in lanes {
        let name = || lane.name.clone();
        rows.extend(lane.served.iter().map(|it| (it.until_ms, name(), format!("served {}", it.label))));
        rows.extend(lane.changes.iter().map(|it| (it.at_ms, name(), it.label.clone())));
        rows.extend(lane.enrolled.iter().map(|it| (it.until_ms, name(), it.label.clone())));
        rows.extend(lane.feedback.iter().map(|it| (it.at_ms, name(), it.label.clone())));
    }
    rows.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    let rows = rows
        .into_iter()
        .map(|(at, flag, what)| view! { <tr><td>{time::instant(at)}</td><td data-label="Flag">{flag}</td><td data-label="What">{what}</td></tr> })
        .collect_view();
    let columns =
        vec![Column::Text("When (the end, of what lasted)"), Column::Text("Flag"), Column::Text("What")];
    view! {
        <Table columns>{rows}</Table>
    }
}
