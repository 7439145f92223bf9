//! The testers of a group: who is enrolled by name, why and until when, and whether they have really seen it.

use std::collections::{HashMap, HashSet};

use engine::{Enrolment, FlagKey, SubjectKey};
use leptos::prelude::*;
use store::{ExcludedFrom, Operation, TesterInvitation};

use super::form::{InvitationForm, Moment, TesterForm};
use crate::{
    form::state::FormState,
    group::{
        head::{Found, Tab, head},
        list::count,
    },
    page::{Page, PageMeta, PageResult, layout::Section},
    tester::page,
    ui::empty::Empty,
};

/// What posts of this tab leave to show.
#[derive(Default)]
pub struct Forms {
    pub enrol: FormState<TesterForm>,
    /// The new end and the ticked testers.
    pub bulk: FormState<(Moment, Vec<SubjectKey>)>,
    pub invite: FormState<InvitationForm>,
    /// The link of an invitation that was made just now. Shown once.
    pub issued: Option<String>,
}

/// Which testers the list shows; the word stands in the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    All,
    /// Enrolled now, but nothing else than the off variant was ever served to them.
    Unseen,
    Expired,
    Excluded,
}

impl Show {
    pub(super) const ALL: [(Self, &'static str); 4] = [
        (Self::All, "Everybody"),
        (Self::Unseen, "Enrolled but not exposed yet"),
        (Self::Expired, "Expired"),
        (Self::Excluded, "Excluded from a flag"),
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Unseen => "unseen",
            Self::Expired => "expired",
            Self::Excluded => "excluded",
        }
    }

    fn of(page: &Page) -> Self {
        let asked = page.query("show").unwrap_or_default();
        Self::ALL.into_iter().map(|(show, _)| show).find(|it| it.word() == asked).unwrap_or(Self::All)
    }
}

/// A tester with what is known about them.
pub struct Tester {
    pub enrolment: Enrolment,
    pub known: bool,
    /// When they were first and last served what the group is for, epoch ms.
    pub saw: Option<(i64, i64)>,
    pub feedback: u64,
    /// Other groups that they are enrolled in now, by name.
    pub also_in: Vec<String>,
    pub excluded_from: Vec<ExcludedFrom>,
}

impl Tester {
    pub(super) fn is_shown(&self, show: Show, words: &str, now_ms: i64) -> bool {
        let text = format!("{} {}", self.enrolment.subject, self.enrolment.purpose).to_lowercase();
        let fits = match show {
            Show::All => true,
            Show::Unseen => self.saw.is_none() && self.enrolment.is_active(now_ms),
            Show::Expired => self.enrolment.is_over(now_ms),
            Show::Excluded => !self.excluded_from.is_empty(),
        };
        fits && words.split_whitespace().all(|word| text.contains(word))
    }
}

/// The tab, with the forms as they were typed.
pub async fn show(page: &Page, found: Found, drafts: Forms) -> PageResult {
    let title = format!("Testers of {}", found.saved.value.name);
    let status = [drafts.enrol.status(), drafts.bulk.status(), drafts.invite.status()];
    let status = status.into_iter().max().unwrap_or_default();
    let meta = PageMeta::new(title, Section::Groups).status(status);
    let may_enrol = page.may(Operation::Enrol);
    let testers = read(page, &found).await?;
    let invitations = page.store().list_tester_invitations(&page.viewer(), &found.saved.value.key).await?;
    let (show, query) = (Show::of(page), page.query("q").unwrap_or_default());
    let now_ms = page.now_ms();
    page.render(meta, move || {
        let group = &found.saved.value;
        let list = match testers {
            _ if group.enrolments.is_empty() => nobody(may_enrol).into_any(),
            Some(testers) => {
                super::table::view(&group.key, testers, (show, &query), may_enrol, &drafts.bulk, now_ms)
                    .into_any()
            }
            None => {
                let text = format!(
                    "{} enrolled. Your role does not see who.",
                    count(group.enrolments.len(), "tester is", "testers are")
                );
                view! { <p class="muted">{text}</p> }.into_any()
            }
        };
        let open = group.enrolments.is_empty();
        let forms = may_enrol.then(|| forms_view(&group.key, drafts.enrol, drafts.invite, open));
        let issued = drafts.issued.map(super::invitations::issued);
        let invitations =
            (may_enrol && !invitations.is_empty()).then(|| invitations_view(&group.key, invitations, now_ms));
        view! {
            {head(&found, Tab::Testers)}
            {issued}
            {forms}
            <div class="stack" data-live="" id="testers">{list}</div>
            {invitations}
        }
    })
}

fn forms_view(
    key: &engine::GroupKey,
    enrol: FormState<TesterForm>,
    invite: FormState<InvitationForm>,
    open: bool,
) -> impl IntoView + use<> {
    view! {
        <div class="tester-forms">
            {super::enrol::enrol(key, enrol, open)}
            {super::invitations::form(key, invite)}
        </div>
    }
}

fn invitations_view(
    key: &engine::GroupKey,
    invitations: Vec<TesterInvitation>,
    now_ms: i64,
) -> impl IntoView + use<> {
    view! { <div class="stack" data-live="" id="invitations">{super::invitations::list(key, invitations, now_ms)}</div> }
}

fn nobody(may_enrol: bool) -> impl IntoView {
    let how = if may_enrol { " Enrol the first ones above." } else { "" };
    view! {
        <Empty
            title="No testers"
            text=format!("A tester belongs to the group by name, whatever the condition says, and only as long as you choose.{how}")
        />
    }
}

/// `None` when the role may not see who they are.
async fn read(page: &Page, found: &Found) -> Result<Option<Vec<Tester>>, crate::error::AppError> {
    let Ok(reader) = page.principal.people_reader() else { return Ok(None) };
    let (store, group) = (page.store(), &found.saved.value);
    let environment = &page.environment.key;
    let subjects: Vec<_> = group.enrolments.iter().map(|it| it.subject.clone()).collect();
    if !subjects.is_empty() {
        store.audit_group_shown(&reader, Some(&group.key)).await?;
    }
    let flags: Vec<FlagKey> = found.flags_in(environment);
    let off: HashMap<_, _> = page::off_variants(page).into_iter().collect();
    let mut saw: HashMap<SubjectKey, (i64, i64)> = HashMap::new();
    for seen in store.seen_by_subjects(&reader, environment, &flags, &subjects).await? {
        if off.get(&seen.flag) == Some(&seen.variant) {
            continue;
        }
        let times = saw.entry(seen.subject).or_insert((seen.first_ms, seen.last_ms));
        *times = (times.0.min(seen.first_ms), times.1.max(seen.last_ms));
    }
    let mut feedback: HashMap<_, _> =
        store.feedback_counts(&reader, environment, &subjects).await?.into_iter().collect();
    let mut excluded: HashMap<_, _> =
        store.excluded_testers(&reader, &group.key, &subjects).await?.into_iter().collect();
    let mut also_in = also_in(page, found);
    let people = store.live().people();
    let testers = group.enrolments.iter().map(|enrolment| {
        let subject = &enrolment.subject;
        Tester {
            enrolment: enrolment.clone(),
            known: people.traits(subject.as_str()).is_some(),
            saw: saw.get(subject).copied(),
            feedback: feedback.remove(subject).unwrap_or(0),
            also_in: also_in.remove(subject).unwrap_or_default(),
            excluded_from: excluded.remove(subject).unwrap_or_default(),
        }
    });
    Ok(Some(testers.collect()))
}

/// The names of the other groups that each tester is enrolled in now.
fn also_in(page: &Page, found: &Found) -> HashMap<SubjectKey, Vec<String>> {
    let (group, now_ms) = (&found.saved.value, page.now_ms());
    let here: HashSet<_> = group.enrolments.iter().map(|it| &it.subject).collect();
    let mut also_in: HashMap<SubjectKey, Vec<String>> = HashMap::new();
    let Some(snapshot) = page.store().live().snapshot(page.environment.key.as_str()) else { return also_in };
    for other in snapshot.groups().filter(|it| *it.key() != group.key) {
        for enrolment in other.group().enrolments.iter().filter(|it| it.is_active(now_ms)) {
            if here.contains(&enrolment.subject) {
                also_in.entry(enrolment.subject.clone()).or_default().push(other.name().to_owned());
            }
        }
    }
    for names in also_in.values_mut() {
        names.sort();
    }
    also_in
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolment(from_ms: Option<i64>, until_ms: Option<i64>) -> Enrolment {
        Enrolment { from_ms, until_ms, ..Enrolment::new(SubjectKey::parse("ada").expect("a subject")) }
    }

    #[test]
    fn unseen_are_those_who_are_in_and_were_never_served_it() {
        let tester = |saw, until_ms| Tester {
            enrolment: enrolment(None, until_ms),
            known: true,
            saw,
            feedback: 0,
            also_in: Vec::new(),
            excluded_from: Vec::new(),
        };
        assert!(tester(None, None).is_shown(Show::Unseen, "", 10));
        assert!(!tester(Some((1, 1)), None).is_shown(Show::Unseen, "", 10));
        assert!(
            !tester(None, Some(10)).is_shown(Show::Unseen, "", 10),
            "an expired one will not see it any more"
        );
        assert!(tester(None, Some(10)).is_shown(Show::Expired, "ad", 10));
        assert!(!tester(None, None).is_shown(Show::All, "bob", 10));
    }
}
