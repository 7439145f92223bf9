//! What somebody opened lately in this browser: addresses of flags, groups and pages in a cookie, and never of people. What
//! they lead to is looked up anew, with what the reader may see now.

use store::UserId;

/// So many are kept.
const RECENT_MAX: usize = 8;
/// A longer address is left out: the cookie comes with every request.
const PATH_BYTES_MAX: usize = 160;

/// Addresses by paths of the router, the latest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recent(Vec<String>);

impl Recent {
    /// What the cookie says, where it is this member's: another may have used the browser.
    pub fn parse(cookie: &str, member: UserId) -> Self {
        let mut pairs = form_urlencoded::parse(cookie.as_bytes());
        let is_theirs = pairs.next().is_some_and(|(name, id)| name == "of" && *id == member.to_string());
        if !is_theirs {
            return Self::default();
        }
        let paths = pairs.filter(|(name, path)| name == "at" && noun(path) == Some(path));
        Self(paths.map(|(_, path)| path.into_owned()).take(RECENT_MAX).collect())
    }

    /// The same with the page at `path` in front; `None` where the page does not count or is there already.
    pub fn with(&self, path: &str) -> Option<Self> {
        let opened = noun(path).filter(|noun| self.0.first().is_none_or(|first| first != noun))?;
        let others = self.0.iter().filter(|it| *it != opened).take(RECENT_MAX - 1).cloned();
        Some(Self(std::iter::once(opened.to_owned()).chain(others).collect()))
    }

    /// For the cookie.
    pub fn text(&self, member: UserId) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.append_pair("of", &member.to_string());
        text.extend_pairs(self.0.iter().map(|path| ("at", path)));
        text.finish()
    }

    /// Without the page that one is on.
    pub fn paths(&self, but: Option<&str>) -> impl Iterator<Item = &str> {
        let but = but.and_then(noun);
        self.0.iter().map(String::as_str).filter(move |path| Some(*path) != but)
    }
}

/// The flag, the group or the page of Fader that an address belongs to.
fn noun(path: &str) -> Option<&str> {
    if path.len() > PATH_BYTES_MAX || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut slashes = path.match_indices('/').map(|(at, _)| at);
    let (first, second, third) = (slashes.next()?, slashes.next(), slashes.next());
    let folder = &path[first..second.unwrap_or(path.len())];
    match (folder, second.map(|at| &path[at + 1..third.unwrap_or(path.len())])) {
        ("/flags" | "/groups", Some("new" | "")) => None,
        ("/flags" | "/groups", Some(_)) => Some(&path[..third.unwrap_or(path.len())]),
        ("/settings", Some(_)) if third.is_none() => Some(path),
        ("/groups" | "/people" | "/feedback" | "/approvals" | "/audit" | "/account", None) => Some(path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: UserId = UserId::new(7);

    #[test]
    fn the_last_eight_are_kept_once_each_and_the_latest_first() {
        let mut recent = Recent::default();
        for n in 0..12 {
            recent = recent.with(&format!("/flags/f{n}/health")).expect("counts");
        }
        recent = recent.with("/flags/f7").expect("counts");
        assert!(recent.with("/flags/f7/plan").is_none(), "it is there already");
        let read = Recent::parse(&recent.text(ADA), ADA);
        assert_eq!(read, recent);
        let paths: Vec<_> = read.paths(Some("/flags/f11")).collect();
        assert_eq!(paths.len(), 7);
        assert_eq!(paths[..2], ["/flags/f7", "/flags/f10"]);
        assert_eq!(Recent::parse(&recent.text(ADA), UserId::new(8)), Recent::default(), "somebody else's");
    }

    #[test]
    fn people_are_not_remembered() {
        for path in
            ["/people/ada", "/testers/ada", "/invite/secret", "/join/secret", "/", "/flags/new", "/search"]
        {
            assert!(Recent::default().with(path).is_none(), "{path}");
            let cookie = Recent(vec![path.to_owned()]).text(ADA);
            assert_eq!(Recent::parse(&cookie, ADA), Recent::default(), "{path}");
        }
    }
}
