//! Known people of the demo: plainly invented, always the same.

use engine::{AttributeValue, Attributes, SubjectKey};

use super::subject_key;

pub(super) const KNOWN: u64 = 1560;
const STAFF: u64 = 42;
const VIP: u64 = 60;

/// The booking demo's own customers: subject, name, tenant, tier, role, country.
const CUSTOMERS: [[&str; 6]; 6] = [
    ["ada.moreau", "Ada Moreau", "belvedere", "vip", "agent", "FR"],
    ["jonas.lindqvist", "Jonas Lindqvist", "nordlys", "vip", "agent", "SE"],
    ["marta.kowalska", "Marta Kowalska", "bursztyn", "standard", "agent", "PL"],
    ["tom.okafor", "Tom Okafor", "harbour-hill", "standard", "agent", "GB"],
    ["lena.fischer", "Lena Fischer", "fischer", "standard", "agent", "DE"],
    ["sam.staff", "Sam Rivers", "passerelle", "standard", "staff", "FR"],
];

/// Tenant and country.
const VIP_TENANTS: [(&str, &str); 6] = [
    ("belvedere", "FR"),
    ("nordlys", "SE"),
    ("castellan", "ES"),
    ("meridian-tours", "IT"),
    ("fjordline-travel", "NO"),
    ("kestrel-voyages", "GB"),
];

const PLACES: [&str; 24] = [
    "amber", "birch", "cobalt", "delta", "ember", "fern", "garnet", "harbour", "indigo", "juniper", "kite",
    "lantern", "maple", "nimbus", "opal", "pebble", "quartz", "river", "saffron", "tundra", "umber",
    "violet", "willow", "zephyr",
];
const TRADES: [&str; 5] = ["travel", "tours", "journeys", "trips", "holidays"];
const COUNTRIES: [&str; 12] = ["DE", "FR", "GB", "ES", "IT", "PL", "NL", "SE", "NO", "DK", "FI", "AT"];
const FIRST_NAMES: [&str; 40] = [
    "Alma", "Anton", "Bea", "Boris", "Carla", "Cyril", "Dana", "Dario", "Edith", "Emil", "Fanny", "Felix",
    "Greta", "Gustav", "Hedda", "Hugo", "Ilse", "Ivan", "Jana", "Joel", "Karin", "Kaspar", "Lina", "Ludo",
    "Mira", "Milan", "Nora", "Nils", "Olga", "Oskar", "Petra", "Pavel", "Rosa", "Rune", "Selma", "Stefan",
    "Tilda", "Tomas", "Vera", "Viggo",
];
const LAST_NAMES: [&str; 40] = [
    "Abel",
    "Bergman",
    "Carlier",
    "Dahl",
    "Engel",
    "Falk",
    "Gruber",
    "Holm",
    "Ibsen",
    "Jansen",
    "Keller",
    "Lange",
    "Moser",
    "Nyberg",
    "Olsen",
    "Pichler",
    "Quist",
    "Renard",
    "Sandberg",
    "Teller",
    "Ullman",
    "Varga",
    "Wagner",
    "Ximenes",
    "Ypsilanti",
    "Zeller",
    "Ahlberg",
    "Brandl",
    "Conti",
    "Duval",
    "Eklund",
    "Ferro",
    "Gallo",
    "Huber",
    "Iversen",
    "Jokinen",
    "Kovar",
    "Lindner",
    "Marek",
    "Novak",
];
const VERSIONS: [&str; 6] = ["2.8.4", "2.9.0", "2.9.3", "2.10.0", "2.10.2", "2.11.0-beta.1"];

/// A number that looks random and is always the same (splitmix64).
pub(super) fn mix(at: u64, salt: u64) -> u64 {
    let mut z = at.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pick<T: Copy>(from: &[T], at: u64) -> T {
    let length = from.len() as u64;
    from[usize::try_from(at % length).unwrap_or(0)]
}

/// Everybody: staff first, then the VIP agencies, then the rest.
pub(super) fn known() -> Vec<(SubjectKey, Attributes)> {
    let customers = CUSTOMERS.iter().zip(0..).map(|([subject, name, tenant, tier, role, country], at)| {
        person(subject, name, at, [*tenant, *tier, *role, *country])
    });
    let customers: Vec<_> = customers.collect();
    let rest = (customers.len() as u64..KNOWN).map(|at| {
        let (first, last) = (pick(&FIRST_NAMES, at), pick(&LAST_NAMES, at / 40 + at % 40));
        let subject = format!("{}.{}", first.to_lowercase(), last.to_lowercase());
        let name = format!("{first} {last}");
        if at < STAFF {
            return person(
                &subject,
                &name,
                at,
                ["passerelle", "standard", "staff", pick(&COUNTRIES, mix(at, 1))],
            );
        }
        if at < STAFF + VIP {
            let (tenant, country) = pick(&VIP_TENANTS, at);
            return person(&subject, &name, at, [tenant, "vip", role(at), country]);
        }
        let agency = mix(at, 2) % 120;
        let tenant = format!("{}-{}", pick(&PLACES, agency / 5), pick(&TRADES, agency));
        let country = pick(&COUNTRIES, mix(agency, 3));
        person(&subject, &name, at, [&tenant, tier(agency), role(at), country])
    });
    let rest: Vec<_> = rest.collect();
    customers.into_iter().chain(rest).collect()
}

fn role(at: u64) -> &'static str {
    if mix(at, 4).is_multiple_of(6) { "manager" } else { "agent" }
}

fn tier(agency: u64) -> &'static str {
    if mix(agency, 5).is_multiple_of(4) { "basic" } else { "standard" }
}

fn person(
    subject: &str,
    name: &str,
    at: u64,
    [tenant, tier, role, country]: [&str; 4],
) -> (SubjectKey, Attributes) {
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let mut traits = Attributes::default();
    traits.set("name", text(name));
    traits.set("email", text(&format!("{subject}@{tenant}.example")));
    traits.set("tenant", text(tenant));
    traits.set("tier", text(tier));
    traits.set("role", text(role));
    traits.set("country", text(country));
    traits.set("app_version", text(pick(&VERSIONS, mix(at, 6))));
    traits.set("signed_up", text(&signed_up(at)));
    traits.set("transactions_30d", AttributeValue::Number(transactions(at, tier).into()));
    let beta: &[&str] = match mix(at, 7) % 20 {
        0 => &["early-access", "new-search"],
        1 => &["early-access"],
        2 => &["new-search"],
        _ => &[],
    };
    if !beta.is_empty() {
        traits.set("beta_features", AttributeValue::List(beta.iter().map(ToString::to_string).collect()));
    }
    (subject_key(subject), traits)
}

fn signed_up(at: u64) -> String {
    let (year, month, day) = (2019 + mix(at, 8) % 7, 1 + mix(at, 9) % 12, 1 + mix(at, 10) % 28);
    format!("{year}-{month:02}-{day:02}")
}

/// A few busy, many quiet.
fn transactions(at: u64, tier: &str) -> u32 {
    let spread = u32::try_from(mix(at, 11) % 100).unwrap_or(0);
    match tier {
        "vip" => 120 + spread * 4,
        "basic" => spread / 10,
        _ => spread * spread / 60,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everybody_is_somebody_else() {
        let people = known();
        let subjects: HashSet<_> = people.iter().map(|(subject, _)| subject).collect();
        assert_eq!(people.len() as u64, KNOWN);
        assert_eq!(subjects.len(), people.len());
    }

    #[test]
    fn there_are_some_vip_agencies_and_some_staff() {
        let count = |name: &str, value: &str| {
            let is = |traits: &Attributes| traits.get(name) == Some(&AttributeValue::Text(value.to_owned()));
            known().iter().filter(|(_, traits)| is(traits)).count()
        };
        assert_eq!(count("tier", "vip"), 62);
        assert_eq!(count("role", "staff"), 37);
    }
}
