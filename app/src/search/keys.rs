//! What the keys of a page do: found by `?`.

use super::hit::{Hit, HitKind};

/// Where the keys of a flag's faders hold, among its tabs.
const CHARTS: [&str; 3] = ["/health", "/feedback", "/exposures"];

/// Everywhere.
const GENERAL: [(&str, &str); 4] = [
    ("Ctrl K", "Find anything, or close this; on a Mac ⌘ K"),
    ("/", "Go to the search field of the page"),
    ("?", "Show these keys"),
    ("Esc", "Close what is open"),
];
const DESK: [(&str, &str); 2] =
    [("↓", "From the search field to the flags"), ("J  K", "To the next flag, to the one before")];
const ROLLOUT: [(&str, &str); 4] = [
    ("← →", "A fader by 1 %, with Shift by 0.1 %"),
    ("Pg ↑ ↓", "A fader by 10 %"),
    ("Home", "A fader to 0 %, with End to 100 %"),
    ("Ctrl ↵", "Save"),
];
const CHART: [(&str, &str); 1] = [("← →", "Along a chart, from one time to the next")];

/// Those of the page at a path of the router first, then what holds on every page; without a path, all.
pub(super) fn keys(path: Option<&str>) -> Vec<Hit> {
    let is_flag = |path: &str| path.starts_with("/flags/");
    let charts = path.is_none_or(|path| {
        path == "/feedback" || (is_flag(path) && CHARTS.iter().any(|it| path.ends_with(it)))
    });
    let rollout =
        path.is_none_or(|path| is_flag(path) && path.matches('/').count() == 2 && path != "/flags/new");
    let desk = path.is_none_or(|path| path == "/");
    let own = [
        (desk, "On the desk", &DESK[..]),
        (rollout, "On a flag's rollout", &ROLLOUT),
        (charts, "On a chart", &CHART),
    ];
    let own = own
        .into_iter()
        .filter(|(here, ..)| *here)
        .flat_map(|(_, place, keys)| keys.iter().map(move |key| (place, key)));
    let all = own.chain(GENERAL.iter().map(|key| ("Everywhere", key)));
    all.map(|(place, (keys, does))| Hit {
        kind: HitKind::Key,
        title: format!("{keys} · {does}"),
        detail: place.to_owned(),
        href: String::new(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn a_page_tells_its_own_keys_before_those_of_all() {
        let told = |path| keys(path).into_iter().map(|hit| hit.detail).collect::<Vec<_>>();
        assert_eq!(told(Some("/groups")), ["Everywhere"; 4]);
        assert_eq!(told(Some("/"))[..3], ["On the desk", "On the desk", "Everywhere"]);
        assert_eq!(told(Some("/flags/pay"))[3..5], ["On a flag's rollout", "Everywhere"]);
        assert_eq!(told(Some("/flags/pay/health"))[..2], ["On a chart", "Everywhere"]);
        assert_eq!(told(Some("/flags/new")), ["Everywhere"; 4]);
        assert_eq!(told(None).len(), 11);
    }
}
