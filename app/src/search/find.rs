//! What the search page and the command palette find: flags, groups, pages and actions, forgiving typing errors.

use engine::Lifecycle;
use islands::found::{Hit, HitKind};
use store::Operation;

use super::closeness::closeness;
use crate::{
    caps::check_search,
    error::AppError,
    page::{Page, address, here::Here, layout::Section},
};

/// Hits shown at once.
const HITS_MAX: usize = 12;
/// Of them, people.
const PEOPLE_MAX: usize = 5;

struct Candidate {
    hit: Hit,
    /// What it is found by besides its title.
    words: String,
}

/// The best hits for what somebody typed so far; pages and actions when that is nothing.
pub async fn find(page: &Page, query: &str) -> Result<Vec<Hit>, AppError> {
    check_search(query)?;
    let here = page.here();
    let candidates = candidates(page, &here);
    let query = query.trim();
    if query.is_empty() {
        let start = candidates.into_iter().filter(|it| it.hit.kind.is_ours());
        return Ok(start.map(|it| it.hit).take(HITS_MAX).collect());
    }
    let mut found: Vec<(u32, Hit)> = candidates
        .into_iter()
        .filter_map(|it| {
            let title = closeness(query, &it.hit.title).map(|points| points + 1);
            Some((title.max(closeness(query, &it.words))?, it.hit))
        })
        .collect();
    found.sort_by(|(a, left), (b, right)| b.cmp(a).then_with(|| left.title.cmp(&right.title)));
    let people = people(page, &here, query).await?;
    found.truncate(HITS_MAX - people.len());
    Ok(found.into_iter().map(|(_, hit)| hit).chain(people).collect())
}

/// Known people, for whoever may look them up. Audited.
async fn people(page: &Page, here: &Here, query: &str) -> Result<Vec<Hit>, AppError> {
    let Ok(reader) = page.principal.people_reader() else { return Ok(Vec::new()) };
    let found = page.store().search_people(&reader, query, PEOPLE_MAX).await?;
    let hit = |it: store::Match| {
        let text = |name: &str| it.traits.get(name).map(engine::AttributeValue::display);
        let similar = (it.rank == store::Rank::Similar).then(|| "similar".to_owned());
        let details: Vec<_> = [text("name"), text("tenant"), similar].into_iter().flatten().collect();
        Hit {
            kind: HitKind::Person,
            title: it.subject.to_string(),
            detail: details.join(" · "),
            href: here.href(&address::person(&it.subject)),
        }
    };
    Ok(found.people.into_iter().chain(found.similar).take(PEOPLE_MAX).map(hit).collect())
}

fn candidates(page: &Page, here: &Here) -> Vec<Candidate> {
    let mut list = ours(page, here);
    let Some(snapshot) = page.store().live().snapshot(page.environment.key.as_str()) else { return list };
    list.extend(snapshot.flags().map(|compiled| {
        let flag = compiled.flag();
        let state = match (flag.lifecycle, compiled.rollout().enabled) {
            (Lifecycle::Archived, _) => "Archived · ",
            (_, false) => "Stopped · ",
            (_, true) => "",
        };
        let words = format!("{} {} {}", flag.key, flag.owner, flag.tags.join(" "));
        let href = here.href(&address::flag(&flag.key));
        let detail = format!("{state}{}", flag.key);
        Candidate { hit: Hit { kind: HitKind::Flag, title: flag.name.clone(), detail, href }, words }
    }));
    list.extend(snapshot.groups().map(|compiled| {
        let group = compiled.group();
        let href = here.href(&address::group(&group.key));
        let detail = group.key.to_string();
        let hit = Hit { kind: HitKind::Group, title: group.name.clone(), detail, href };
        Candidate { hit, words: group.key.to_string() }
    }));
    list
}

/// Pages and actions of Fader itself, as far as the role allows them.
fn ours(page: &Page, here: &Here) -> Vec<Candidate> {
    let candidate = |kind, title: &str, detail: &str, path: &str, words: &str| {
        let hit = Hit { kind, title: title.to_owned(), detail: detail.to_owned(), href: path.to_owned() };
        Candidate { hit, words: words.to_owned() }
    };
    let sections = [
        (Section::Desk, "All flags of the environment", "home start flags"),
        (Section::Groups, "Pilot groups", "segments audiences"),
        (Section::Audit, "Who changed what, when and why", "log history changes"),
        (Section::Members, "People who sign in here, and their roles", "users team invite roles"),
        (Section::Roles, "Who may do what, and where", "permissions rights matrix may allow"),
        (Section::Tokens, "How applications ask Fader", "api keys sdk"),
        (
            Section::Clients,
            "What asks and reports, and what of it was left out",
            "telemetry opentelemetry exporter rejected events",
        ),
        (Section::People, "What somebody saw, would see, and why", "support users customers subjects"),
        (
            Section::Approvals,
            "Steps of release plans that wait for somebody",
            "approve release plan sign-off",
        ),
        (
            Section::Guardrails,
            "What guards every rollout without its own",
            "defaults limits ceiling comparison roll back settings",
        ),
        (Section::Account, "Your time zone, password and sessions", "profile password timezone utc clock"),
    ];
    let mut list: Vec<_> = sections
        .into_iter()
        .filter(|(section, _, _)| section.is_for(&page.principal))
        .map(|(section, detail, words)| {
            candidate(HitKind::Page, section.label(), detail, &here.href(section.path()), words)
        })
        .collect();
    if page.may(Operation::EditFlags) {
        let flag = here.href("/flags/new");
        list.push(candidate(HitKind::Action, "New flag", "Create a flag", &flag, "create add"));
        let group = here.href("/groups/new");
        list.push(candidate(
            HitKind::Action,
            "New group",
            "Create a pilot group",
            &group,
            "create add segment",
        ));
    }
    list.push(candidate(
        HitKind::Action,
        "Connect your app",
        "A program, a token, and lights that show when it asks",
        &here.href("/connect"),
        "sdk snippet openfeature install integrate token start",
    ));
    for environment in here.environments.iter().filter(|it| it.key != here.environment.key) {
        let title = format!("Switch to {}", environment.name);
        let path = here.href_in("/", &environment.key);
        list.push(candidate(HitKind::Action, &title, "Environment", &path, "environment"));
    }
    list
}
