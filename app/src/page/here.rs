//! Where a page is and who looks at it, for every view of it.

use std::sync::Arc;

use engine::EnvironmentKey;
use store::{Environment, Principal};

use crate::page::{theme::Theme, toast::Toast};

/// Where the page is and who looks at it; a context value of every render, see [`here`].
#[derive(Clone)]
pub struct Here {
    pub environments: Arc<Vec<Environment>>,
    pub environment: Environment,
    pub path: String,
    pub query: String,
    /// The page answers a form: what somebody typed stands in it.
    pub posted: bool,
    pub theme: Theme,
    pub toast: Option<Toast>,
    pub principal: Option<Principal>,
    pub now_ms: i64,
    pub seq: u64,
    /// What an admin has to know of the server, in sentences.
    pub troubles: Vec<String>,
}

/// The [`Here`] of the page that is being rendered.
///
/// # Panics
/// Outside a render of a page (`page::shell`).
pub fn here() -> Here {
    leptos::prelude::expect_context()
}

impl Here {
    /// `path` with the environment that is looked at, when it is not the default one.
    pub fn href(&self, path: &str) -> String {
        self.href_in(path, &self.environment.key)
    }

    /// `path` in another environment.
    pub fn href_in(&self, path: &str, environment: &EnvironmentKey) -> String {
        if self.environments.first().is_some_and(|first| first.key == *environment) {
            return path.to_owned();
        }
        let (path, anchor) =
            path.split_once('#').map_or((path, String::new()), |(p, a)| (p, format!("#{a}")));
        let mark = if path.contains('?') { '&' } else { '?' };
        format!("{path}{mark}env={environment}{anchor}")
    }

    /// This page with its query, in another environment.
    pub fn same_page_in(&self, environment: &EnvironmentKey) -> String {
        self.href_in(&self.same_page_with(&[("env", "")]), environment)
    }

    /// This page with some names of its query set to other values; an empty value removes the name.
    pub fn same_page_with(&self, changes: &[(&str, &str)]) -> String {
        let kept = form_urlencoded::parse(self.query.as_bytes())
            .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        query.extend_pairs(changes.iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}
