//! Where a page is and who looks at it, for every view of it.

use std::sync::Arc;

use engine::EnvironmentKey;
use store::{Environment, Operation, Principal};

use crate::{
    attention::Counts,
    page::{theme::Theme, toast::Toast},
    site::Site,
};

/// Where the page is and who looks at it; a context value of every render, see [`here`].
#[derive(Clone)]
pub struct Here {
    pub site: Site,
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
    /// What waits, beside the entries of the navigation.
    pub counts: Counts,
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
    /// Whether whoever looks at the page may do it, in its environment where each answers for itself.
    pub fn may(&self, operation: Operation) -> bool {
        self.principal.as_ref().is_some_and(|who| who.may_in(operation, &self.environment.key))
    }

    /// Who may do it, in the environment of the page: `Admin and Product manager`, `Only Admin`.
    pub fn who_may(&self, operation: Operation) -> String {
        let who = self.principal.as_ref();
        who.map(|who| who.who_may(operation, Some(&self.environment.key))).unwrap_or_default()
    }

    /// Why a control of the page is not there, for whoever may not: `Only Admin may stop a flag in Production.`
    pub fn why_not(&self, operation: Operation) -> Option<String> {
        let place = if operation.is_per_environment() {
            format!(" in {}", self.environment.name)
        } else {
            String::new()
        };
        let sentence = || format!("{} may {}{place}.", self.who_may(operation), operation.phrase());
        (!self.may(operation)).then(sentence)
    }

    /// The link to `path` with the environment that is looked at, when it is not the default one.
    pub fn href(&self, path: &str) -> String {
        self.href_in(path, &self.environment.key)
    }

    /// The link to `path` in another environment.
    pub fn href_in(&self, path: &str, environment: &EnvironmentKey) -> String {
        self.plain(&self.path_in(path, environment))
    }

    /// The link to `path` as it is: what is the same in every environment, and forms that carry it in a field.
    pub fn plain(&self, path: &str) -> String {
        self.site.address(path)
    }

    /// Whether this is where one is who has chosen no environment.
    pub fn is_default(&self) -> bool {
        self.environments.first().is_some_and(|first| first.key == self.environment.key)
    }

    /// `path` in an environment, as a path of the router.
    pub fn path_in(&self, path: &str, environment: &EnvironmentKey) -> String {
        if self.environments.first().is_some_and(|first| first.key == *environment) {
            return path.to_owned();
        }
        let (path, anchor) =
            path.split_once('#').map_or((path, String::new()), |(p, a)| (p, format!("#{a}")));
        let mark = if path.contains('?') { '&' } else { '?' };
        format!("{path}{mark}env={environment}{anchor}")
    }

    /// The link to this page with its query, in another environment.
    pub fn same_page_in(&self, environment: &EnvironmentKey) -> String {
        self.href_in(&self.same_path_with(&[("env", "")]), environment)
    }

    /// The link to this page with some names of its query set to other values; an empty value removes the name.
    pub fn same_page_with(&self, changes: &[(&str, &str)]) -> String {
        self.plain(&self.same_path_with(changes))
    }

    /// The same as a path of the router, for a form that says where to go on.
    pub fn same_path_with(&self, changes: &[(&str, &str)]) -> String {
        let kept = form_urlencoded::parse(self.query.as_bytes())
            .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        query.extend_pairs(changes.iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}
