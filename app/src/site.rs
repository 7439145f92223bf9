//! Where browsers find this installation. Inside, an address is a path as the router knows it; it becomes what a browser is
//! told here and nowhere else, so that a proxy may show Fader below a path of its own.

use std::sync::Arc;

/// The origin that browsers see, the path below it, and whether they come through TLS. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    origin: Arc<str>,
    base: Arc<str>,
    secure: bool,
}

impl Site {
    /// `base` is empty, or a path like `/fader`, without a slash at its end.
    pub fn new(origin: &str, base: &str, secure: bool) -> Self {
        Self { origin: origin.into(), base: base.into(), secure }
    }

    /// What stands before every path: empty, or a path like `/fader`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether cookies go over TLS only.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The path of the router as a browser asks for it.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The full URL of a path of the router, for whoever gets it outside of a browser that is here.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.base)
    }

    /// The path of the router that a browser asks for by `address`; `None` when it leads elsewhere.
    pub fn inside<'a>(&self, address: &'a str) -> Option<&'a str> {
        let path = address.strip_prefix(&*self.base)?;
        match path.as_bytes().first() {
            Some(b'/') => Some(path),
            None => Some("/"),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_is_told_comes_back_as_it_was() {
        for base in ["", "/fader", "/tools/fader"] {
            let site = Site::new("https://tools.example", base, true);
            for path in ["/", "/flags/pay?env=staging#x"] {
                assert_eq!(site.inside(&site.address(path)), Some(path));
                assert_eq!(site.absolute(path), format!("https://tools.example{base}{path}"));
            }
        }
        let site = Site::new("https://tools.example", "/fader", true);
        assert_eq!(site.inside("/fader"), Some("/"));
        assert_eq!((site.inside("/faders"), site.inside("/")), (None, None));
    }
}
