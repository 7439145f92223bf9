//! Commands with an object: "stop loyalty", "50 % of fast payment", "enrol vip". Each leads to where somebody presses for
//! themselves; none does anything.

use engine::{Audience, Percentage, Snapshot, audience_phrase, group_name};
use store::{Environment, Operation};

use super::{
    closeness::{closeness, is_meant},
    find::Found,
    hit::{Hit, HitKind},
};
use crate::{
    flag::{Tab, rollout::form::EVERYONE},
    page::{Page, address, here::Here},
};

/// Objects of one verb.
const OBJECTS_MAX: usize = 5;
/// Of what was named by its verb alone.
const WITHOUT_OBJECT: u32 = 25;
/// A command comes before what is merely called so.
const COMMAND: u32 = 2;
/// Between a verb and its object.
const FILLERS: [&str; 17] = [
    "a", "at", "cent", "feature", "flag", "for", "in", "into", "of", "on", "per", "roll", "set", "switch",
    "the", "to", "turn",
];

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Stop,
    Resume,
    RollBack,
    Set(Percentage),
    Enrol,
    Show(Tab),
}

/// By which words each is meant.
const VERBS: [(Verb, &[&str]); 12] = [
    (Verb::Stop, &["stop", "kill", "off", "disable", "mute", "halt", "pause"]),
    (Verb::Resume, &["resume", "unpause", "unmute", "enable", "restart", "continue"]),
    (Verb::RollBack, &["back", "rollback", "revert", "undo"]),
    (Verb::Enrol, &["enrol", "enroll", "testers"]),
    (Verb::Show(Tab::Plan), &["plan", "steps"]),
    (Verb::Show(Tab::Health), &["health", "errors", "guardrails", "latency"]),
    (Verb::Show(Tab::Feedback), &["feedback", "complaints", "ratings"]),
    (Verb::Show(Tab::Exposures), &["exposures", "served", "seen"]),
    (Verb::Show(Tab::TryIt), &["try", "why", "evaluate"]),
    (Verb::Show(Tab::Connect), &["connect", "sdk", "snippet"]),
    (Verb::Show(Tab::History), &["history", "changes", "versions"]),
    (Verb::Show(Tab::Settings), &["settings", "archive", "rename", "owner", "variants"]),
];

/// What was typed, as a command.
#[derive(Debug, PartialEq, Eq)]
struct Command {
    verb: Verb,
    /// Without the verb, fillers and the environment.
    object: String,
}

/// Everything that the words can mean as a command.
fn commands(words: &[String]) -> Vec<Command> {
    let object = |without: usize| {
        let rest = words.iter().enumerate().filter(|(at, word)| *at != without && !is_filler(word));
        rest.map(|(_, word)| &**word).collect::<Vec<_>>().join(" ")
    };
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| !is_filler(word)) {
        let meant = VERBS.iter().filter(|(_, by)| by.iter().any(|it| is_meant(word, it)));
        let set = percentage(word).map(Verb::Set);
        for verb in meant.map(|(verb, _)| *verb).chain(set) {
            found.push(Command { verb, object: object(at) });
        }
    }
    found
}

fn is_filler(word: &str) -> bool {
    word.chars().all(|c| !c.is_alphanumeric()) || FILLERS.contains(&word)
}

fn percentage(word: &str) -> Option<Percentage> {
    let digits = word.starts_with(|c: char| c.is_ascii_digit());
    digits.then(|| Percentage::parse(word).ok()).flatten()
}

/// What a command may be about: what there is in the environment that it names, else in that of the page.
struct Objects<'a> {
    page: &'a Page,
    here: &'a Here,
    environment: &'a Environment,
    snapshot: &'a Snapshot,
}

pub(super) fn find(page: &Page, here: &Here, query: &str) -> Vec<Found> {
    let mut words: Vec<_> = query.split_whitespace().map(str::to_lowercase).collect();
    let named = |it: &&Environment| {
        let name = it.name.to_lowercase();
        words.iter().any(|word| *word == name || word == it.key.as_str())
    };
    let environment = here.environments.iter().find(named).unwrap_or(&here.environment);
    words.retain(|word| *word != environment.name.to_lowercase() && word != environment.key.as_str());
    let live = page.store().live();
    let Some(snapshot) = live.snapshot(environment.key.as_str()) else { return Vec::new() };
    let objects = Objects { page, here, environment, snapshot: &snapshot };
    let mut found = Vec::new();
    for command in commands(&words) {
        let mut hits = objects.hits(&command);
        hits.sort_by(Found::order);
        hits.truncate(OBJECTS_MAX);
        found.extend(hits);
    }
    found
}

/// Then nobody was looking for a person, and no search for people is told in the audit log.
pub(super) fn names_its_object(found: &Found) -> bool {
    found.points > WITHOUT_OBJECT + COMMAND
}

impl Objects<'_> {
    fn may(&self, operation: Operation) -> bool {
        self.page.principal.may_in(operation, &self.environment.key)
    }

    fn hits(&self, Command { verb, object }: &Command) -> Vec<Found> {
        let allowed = match verb {
            Verb::Stop => self.may(Operation::Stop),
            Verb::Resume | Verb::RollBack | Verb::Set(_) => self.may(Operation::RollOut),
            Verb::Enrol => self.may(Operation::Enrol),
            Verb::Show(_) => true,
        };
        match verb {
            _ if !allowed => Vec::new(),
            Verb::Enrol => self.groups(object),
            Verb::Set(percentage) => self.rules(*percentage, object),
            Verb::Show(_) if object.is_empty() => Vec::new(),
            Verb::Stop | Verb::Resume | Verb::RollBack | Verb::Show(_) => self.flags(*verb, object),
        }
    }

    fn found(&self, points: u32, title: String, detail: &str, path: &str) -> Found {
        let href = self.here.href_in(path, &self.environment.key);
        Found {
            points: points + COMMAND,
            hit: Hit { kind: HitKind::Action, title, detail: detail.to_owned(), href },
        }
    }

    fn flags(&self, verb: Verb, object: &str) -> Vec<Found> {
        let place = &self.environment.name;
        let flags = self.snapshot.flags().filter(|it| !it.is_archived());
        let found = flags.filter_map(|it| {
            let (flag, runs) = (it.flag(), it.rollout().enabled);
            let fits = match verb {
                Verb::Stop => runs,
                Verb::Resume => !runs,
                Verb::RollBack | Verb::Set(_) | Verb::Enrol | Verb::Show(_) => true,
            };
            let points =
                fits.then(|| closeness_of(object, &[&flag.name, flag.key.as_str()], &flag.tags))??;
            let (name, rollout) = (&flag.name, address::flag(&flag.key));
            let once_more = "Asks once more before it happens";
            Some(match verb {
                Verb::Stop => {
                    let path = format!("{rollout}?confirm=stop");
                    self.found(points, format!("Stop {name} in {place}…"), once_more, &path)
                }
                Verb::Resume => {
                    let path = format!("{rollout}?confirm=resume");
                    self.found(points, format!("Resume {name} in {place}…"), once_more, &path)
                }
                Verb::RollBack => {
                    let title = format!("Roll {name} back in {place}…");
                    let path = Tab::History.path(&flag.key);
                    self.found(points, title, "Choose the change to take back", &path)
                }
                Verb::Set(_) | Verb::Enrol => return None,
                Verb::Show(tab) => {
                    let title = format!("{}: {name}", tab.label());
                    self.found(points, title, flag.key.as_str(), &tab.path(&flag.key))
                }
            })
        });
        found.collect()
    }

    /// Everyone's fader of a flag first, then those of its groups.
    fn rules(&self, percentage: Percentage, object: &str) -> Vec<Found> {
        let names = group_name(self.snapshot);
        let mut found = Vec::new();
        if object.is_empty() {
            return found;
        }
        for it in self.snapshot.flags().filter(|it| !it.is_archived()) {
            let flag = it.flag();
            let mut rules: Vec<_> = it
                .rollout()
                .rules
                .iter()
                .map(|rule| {
                    let everyone = rule.audience == Audience::Everyone;
                    (rule.id.to_string(), audience_phrase(&rule.audience, &names), everyone)
                })
                .collect();
            if rules.iter().all(|(_, _, everyone)| !everyone) {
                rules.push((EVERYONE.to_owned(), EVERYONE.to_owned(), true));
            }
            for (id, audience, everyone) in rules {
                let whole = format!("{audience} {} {}", flag.name, flag.key);
                let Some(points) = closeness(object, &whole) else { continue };
                let set: String =
                    form_urlencoded::byte_serialize(format!("{id}:{percentage}").as_bytes()).collect();
                found.push(self.found(
                    points + u32::from(everyone),
                    format!("{percentage} % of {audience}: {} in {}…", flag.name, self.environment.name),
                    "Typed on its fader, not saved",
                    &format!("{}?set={set}", address::flag(&flag.key)),
                ));
            }
        }
        found
    }

    fn groups(&self, object: &str) -> Vec<Found> {
        let groups = self.snapshot.groups().filter_map(|it| {
            let group = it.group();
            let points = closeness_of(object, &[&group.name, group.key.as_str()], &[])?;
            let title = format!("Enrol testers in {}…", group.name);
            let path = format!("{}?tab=testers", address::group(&group.key));
            Some(self.found(points, title, "By name, from a list or a file", &path))
        });
        groups.collect()
    }
}

/// How well something is named; a little when nothing is.
fn closeness_of(object: &str, names: &[&str], tags: &[String]) -> Option<u32> {
    if object.is_empty() {
        return Some(WITHOUT_OBJECT);
    }
    let names = names.iter().copied().chain(tags.iter().map(String::as_str));
    names.filter_map(|name| closeness(object, name)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Vec<(Verb, String)> {
        let words: Vec<_> = query.split_whitespace().map(str::to_owned).collect();
        commands(&words).into_iter().map(|it| (it.verb, it.object)).collect()
    }

    #[test]
    fn a_command_is_a_verb_and_its_object_in_any_order() {
        for query in
            ["stop loyalty", "loyalty stop", "stpo loyalty", "turn off the loyalty", "kill loyalty flag"]
        {
            assert_eq!(read(query), [(Verb::Stop, "loyalty".to_owned())], "{query}");
        }
        assert_eq!(read("roll back loyalty"), [(Verb::RollBack, "loyalty".to_owned())]);
        assert_eq!(read("resume"), [(Verb::Resume, String::new())]);
        assert_eq!(read("enrol vip"), [(Verb::Enrol, "vip".to_owned())]);
        assert_eq!(read("health of fast payment"), [(Verb::Show(Tab::Health), "fast payment".to_owned())]);
        assert_eq!(read("loyalty points"), []);
    }

    #[test]
    fn a_number_is_a_percentage_of_something() {
        let set = |text| Verb::Set(Percentage::parse(text).expect("a percentage"));
        for query in ["50 % of loyalty", "loyalty 50%", "set loyalty to 50 per cent", "50 loyalty"] {
            assert_eq!(read(query), [(set("50"), "loyalty".to_owned())], "{query}");
        }
        assert_eq!(read("12.5% vip"), [(set("12.5"), "vip".to_owned())]);
        assert_eq!(read("500 loyalty"), []);
    }
}
