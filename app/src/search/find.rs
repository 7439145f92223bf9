//! What the search page and the command palette find: commands, flags, groups, people, pages and actions, forgiving typing
//! errors.

use std::{cmp::Ordering, collections::HashMap};

use engine::{Flag, Group, Lifecycle};

use super::{
    closeness::{closeness, prose_closeness},
    command,
    hit::{Hit, HitKind},
    keys,
    ours::ours,
};
use crate::{
    caps::check_search,
    error::AppError,
    page::{Page, address, here::Here},
};

/// Hits shown at once.
const HITS_MAX: usize = 12;
/// Of them, people.
const PEOPLE_MAX: usize = 5;
/// This alone asks for the keys.
const KEYS: &str = "?";

/// Something that may be looked for.
pub(super) struct Candidate {
    hit: Hit,
    /// What it is found by besides its title.
    words: String,
}

impl Candidate {
    pub(super) fn new(kind: HitKind, title: &str, detail: &str, href: String, words: &str) -> Self {
        let hit = Hit { kind, title: title.to_owned(), detail: detail.to_owned(), href };
        Self { hit, words: words.to_owned() }
    }

    /// The title counts a little more than the words, and both together are one text.
    fn points(&self, query: &str) -> Option<u32> {
        let title = closeness(query, &self.hit.title).map(|points| points + 1);
        let all = || closeness(query, &format!("{} {}", self.words, self.hit.title));
        title.max(closeness(query, &self.words)).or_else(all)
    }
}

/// Something that was found, and how well it fits.
pub(super) struct Found {
    pub(super) points: u32,
    pub(super) hit: Hit,
}

impl Found {
    /// The best first, and always in the same order.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        other.points.cmp(&self.points).then_with(|| self.hit.title.cmp(&other.hit.title))
    }
}

/// The best hits for what somebody typed so far. Nothing: what they opened lately, then pages and actions. `?`: the keys of
/// the page at `from`, a path of the router.
pub async fn find(page: &Page, query: &str, from: Option<&str>) -> Result<Vec<Hit>, AppError> {
    check_search(query)?;
    let here = page.here();
    let query = query.trim();
    if query == KEYS {
        return Ok(keys::keys(from));
    }
    if query.is_empty() {
        return Ok(beginning(page, &here, from));
    }
    let mut found = command::find(page, &here, query);
    let people = if found.iter().any(command::names_its_object) {
        Vec::new()
    } else {
        people(page, &here, query).await?
    };
    found.extend(
        ours(page, &here).into_iter().filter_map(|it| Some(Found { points: it.points(query)?, hit: it.hit })),
    );
    found.extend(workspace(page, &here, query));
    found.sort_by(Found::order);
    found.truncate(HITS_MAX - people.len());
    Ok(found.into_iter().map(|it| it.hit).chain(people).collect())
}

fn beginning(page: &Page, here: &Here, from: Option<&str>) -> Vec<Hit> {
    let ours: Vec<_> = ours(page, here).into_iter().map(|it| it.hit).collect();
    let recent = page.recent();
    let paths: Vec<_> = recent.paths(from).collect();
    let snapshot = page.store().live().snapshot(page.environment.key.as_str());
    let mut known: HashMap<String, Hit> = HashMap::new();
    if let Some(snapshot) = snapshot.filter(|_| !paths.is_empty()) {
        let flags = snapshot.flags().map(|it| flag_hit(it.flag(), it.rollout().enabled, here));
        let groups = snapshot.groups().map(|it| group_hit(it.group(), here));
        known.extend(flags.chain(groups).chain(ours.iter().cloned()).map(|hit| (hit.href.clone(), hit)));
    }
    let lately = |hit: Hit| Hit { detail: "Opened lately".to_owned(), ..hit };
    let recent: Vec<_> = paths.iter().filter_map(|path| known.remove(&here.href(path))).map(lately).collect();
    let rest: Vec<_> = ours.into_iter().filter(|hit| recent.iter().all(|it| it.href != hit.href)).collect();
    recent.into_iter().chain(rest).take(HITS_MAX).collect()
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

/// Flags and groups by name, key, owner, tags and description.
fn workspace(page: &Page, here: &Here, query: &str) -> Vec<Found> {
    let Some(snapshot) = page.store().live().snapshot(page.environment.key.as_str()) else {
        return Vec::new();
    };
    let points = |name: &str, words: &[&str], description: &str| {
        let name = closeness(query, name).map(|points| points + 1);
        let words = words.iter().filter_map(|word| closeness(query, word)).max();
        name.max(words).or_else(|| prose_closeness(query, description))
    };
    let flags = snapshot.flags().filter_map(|compiled| {
        let flag = compiled.flag();
        let tags = flag.tags.iter().map(String::as_str);
        let words: Vec<_> = [flag.key.as_str(), &flag.owner].into_iter().chain(tags).collect();
        let points = points(&flag.name, &words, &flag.description)?;
        Some(Found { points, hit: flag_hit(flag, compiled.rollout().enabled, here) })
    });
    let groups = snapshot.groups().filter_map(|compiled| {
        let group = compiled.group();
        let points = points(&group.name, &[group.key.as_str()], &group.description)?;
        Some(Found { points, hit: group_hit(group, here) })
    });
    flags.chain(groups).collect()
}

fn flag_hit(flag: &Flag, runs: bool, here: &Here) -> Hit {
    let state = match (flag.lifecycle, runs) {
        (Lifecycle::Archived, _) => "Archived · ",
        (_, false) => "Stopped · ",
        (_, true) => "",
    };
    let detail = format!("{state}{}", flag.key);
    Hit { kind: HitKind::Flag, title: flag.name.clone(), detail, href: here.href(&address::flag(&flag.key)) }
}

fn group_hit(group: &Group, here: &Here) -> Hit {
    let (title, detail) = (group.name.clone(), group.key.to_string());
    Hit { kind: HitKind::Group, title, detail, href: here.href(&address::group(&group.key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_its_name_and_its_words_together() {
        let page =
            Candidate::new(HitKind::Page, "Tokens", "How applications ask Fader", "/".into(), "api keys sdk");
        let points = |query| page.points(query);
        assert!(points("tokens") > points("api keys"));
        assert!(points("api key").is_some() && points("api tokens").is_some() && points("tokn").is_some());
        assert_eq!(points("how"), None, "what it says of itself is no name");
    }
}
