//! What the edge has to know of a door. Each door says it of itself; nothing here names one.

use axum::response::Response;
use http::HeaderMap;

use super::fault::Fault;

/// One door, as what surrounds its requests sees it.
pub struct Door {
    /// What metrics call it.
    pub name: &'static str,
    /// What its paths begin with.
    pub below: &'static [&'static str],
    /// Answers what goes wrong in its own shape.
    pub refuse: fn(Fault) -> Response,
    /// Bodies may be forms of people; otherwise they are JSON, whatever they are called.
    pub takes_forms: bool,
    /// Whether a bad item must not cost the others that are sent with it to this path.
    pub tells_items: fn(&str) -> bool,
    /// Whether requests to this path come by the ten thousand.
    pub is_rush: fn(&str) -> bool,
    /// Where the rest of a path is a secret.
    pub secret_below: &'static [&'static str],
    /// Whether this is answered before the database has come.
    pub needs_no_database: fn(&str, &HeaderMap) -> bool,
}

/// All doors. The last one takes what is below none of the others.
#[derive(Clone, Copy)]
pub struct Doors {
    pub named: &'static [&'static Door],
    pub last: &'static Door,
}

impl Doors {
    /// Also for a path that begins with more than one slash: a base address that ends with one makes such.
    pub fn of(self, path: &str) -> &'static Door {
        let slashes = path.bytes().take_while(|byte| *byte == b'/').count();
        let path = &path[slashes.saturating_sub(1)..];
        let is_below = |door: &&&Door| door.below.iter().any(|below| path.starts_with(below));
        self.named.iter().find(is_below).copied().unwrap_or(self.last)
    }
}

impl Door {
    /// The path up to where its secret begins.
    pub fn without_secret<'p>(&self, path: &'p str) -> &'p str {
        let secret = self.secret_below.iter().find(|below| path.starts_with(**below));
        secret.map_or(path, |below| &path[..below.len()])
    }
}
