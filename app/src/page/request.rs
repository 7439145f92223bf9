//! One request for a page. [`Page`] is somebody signed in; [`Visit`] is anybody. A handler takes one of them,
//! loads what it shows with `?`, and returns [`Page::render`] or, after a write, [`Visit::done`].
//!
//! ```text
//! pub async fn get(page: Page) -> PageResult {
//!     let rows = page.store().list_groups(&page.viewer()).await?;
//!     page.render(PageMeta::new("Groups", Section::Groups), move || view! { … })
//! }
//! ```

use std::{ops::Deref, time::Duration};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts, uri::Authority};
use leptos::prelude::IntoView;
use store::{
    Browser, DatabaseStanding, Environment, Operation, Principal, RecentAdministrator, RequestOrigin, Store,
    TaskReport, Viewer,
};

use super::{error as error_page, here::Here, meta::PageMeta, shell, theme::Theme, toast::Toast};
use crate::{
    attention::Counts,
    cookies,
    error::{AppError, Thing},
    form::error::as_sentence,
    search::recent::Recent,
    state::AppState,
    zone::{self, Zone},
};

/// So long admins are told of a task that failed.
const TROUBLE_TOLD: Duration = Duration::from_hours(1);

/// What follows these in an address is a secret: it is no referrer, and is never logged.
pub const SECRET_BELOW: [&str; 3] = ["/invite/", "/join/", "/shared/"];

/// The stream of changes, which shows no navigation.
const STREAM: &str = "/live";

/// What a handler of the dashboard returns; the router turns an error into a page.
pub type PageResult = Result<Response, AppError>;

/// A request, whoever sent it.
#[derive(Clone)]
pub struct Visit {
    pub state: AppState,
    pub origin: RequestOrigin,
    pub environment: Environment,
    pub theme: Theme,
    uri: Uri,
    posted: bool,
    /// A page that only refreshes itself.
    refetch: bool,
    headers: HeaderMap,
    toast: Option<Toast>,
    principal: Option<Principal>,
    counts: Counts,
}

/// A request of somebody signed in; extracting it sends everybody else to the sign-in page.
#[derive(Clone)]
pub struct Page {
    visit: Visit,
    pub principal: Principal,
}

impl Visit {
    pub fn store(&self) -> &Store {
        &self.state.store
    }

    pub fn now_ms(&self) -> i64 {
        self.state.store.clock().now_ms()
    }

    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The first value of a name in the query; `None` when it is absent or empty.
    pub fn query(&self, name: &str) -> Option<String> {
        self.queries().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// All pairs of the query, in order.
    pub fn queries(&self) -> impl Iterator<Item = (String, String)> {
        form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes()).into_owned()
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    pub fn session_token(&self) -> Option<&str> {
        cookies::find(&self.headers, cookies::session_name(&self.state.site))
    }

    /// What the request says of the browser that sent it.
    pub fn browser(&self) -> Browser<'_> {
        Browser {
            user_agent: self.header(header::USER_AGENT),
            device: cookies::find(&self.headers, cookies::device_name(&self.state.site)),
        }
    }

    /// What the browser says of its zone.
    pub fn browser_zone(&self) -> Option<Zone> {
        zone::of_browser(&self.headers, &self.state.site)
    }

    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// The path with the environment that is looked at, when it is not the default one: for [`Visit::done`].
    pub fn href(&self, path: &str) -> String {
        self.here().path_in(path, &self.environment.key)
    }

    pub(crate) fn here(&self) -> Here {
        Here {
            site: self.state.site.clone(),
            environments: self.store().live().environments(),
            environment: self.environment.clone(),
            path: self.uri.path().to_owned(),
            query: self.uri.query().unwrap_or_default().to_owned(),
            posted: self.posted,
            theme: self.theme,
            toast: self.toast,
            principal: self.principal.clone(),
            now_ms: self.now_ms(),
            seq: self.store().live().seq(),
            counts: self.counts,
            troubles: self.troubles(),
        }
    }

    /// What is wrong with this server, for those who can do something about it: its clock, and tasks that failed lately.
    fn troubles(&self) -> Vec<String> {
        if !self.principal.as_ref().is_some_and(|who| who.may(Operation::Administer)) {
            return Vec::new();
        }
        let tasks = self.store().tasks().report();
        let clock = wrong_clock(self.store().standing());
        clock.into_iter().chain(tasks.iter().filter_map(trouble)).collect()
    }

    /// The full URL of a path, for whoever gets it outside this browser. Never by what the request says of its host:
    /// that is written by whoever sends it.
    pub fn absolute(&self, path: &str) -> String {
        self.state.site.absolute(path)
    }

    /// Where programs beside the reader reach this server: as it was configured, else as this request came here. For the
    /// reader's own eyes; never for what is sent to somebody else, see [`Self::absolute`].
    pub fn reached(&self) -> String {
        let host = self.uri.authority().map_or_else(|| self.header(header::HOST), Authority::as_str);
        match host_of(host).filter(|_| !self.state.site_is_told) {
            Some(host) => format!("http://{host}"),
            None => self.absolute(""),
        }
    }

    /// 303 to a page, by its path of the router, which says `toast` once.
    pub fn done(&self, path: &str, toast: Toast) -> Response {
        let mut response = self.go(path);
        response
            .headers_mut()
            .append(header::SET_COOKIE, cookies::carry_toast(toast.as_str(), &self.state.site));
        response
    }

    /// 303 to a page of this site, by its path of the router.
    pub fn go(&self, path: &str) -> Response {
        let target = same_site_path(path).unwrap_or("/");
        let address = self.state.site.address(target);
        let location = HeaderValue::from_str(&address).unwrap_or_else(|_| HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
    }

    /// A page without the signed-in frame: sign-in, setup, invitations.
    pub fn render_door<V: IntoView + 'static>(&self, meta: PageMeta, view: impl FnOnce() -> V) -> PageResult {
        Ok(self.respond(&meta, shell::door(&self.state.options, &meta, self.here(), view)))
    }

    /// An error page, in the frame that fits whoever asked.
    pub(crate) fn render_error(&self, error: &AppError) -> Response {
        let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut meta = PageMeta::outside(error_page::title(error)).status(status);
        meta.secret_address = SECRET_BELOW.iter().any(|below| self.path().starts_with(below));
        let body = error_page::view(error.clone(), self.origin.request_id.clone());
        let html = if self.principal.is_some() {
            shell::frame(&self.state.options, &meta, self.here(), body)
        } else {
            shell::door(&self.state.options, &meta, self.here(), body)
        };
        self.respond(&meta, html)
    }

    fn respond(&self, meta: &PageMeta, document: shell::Document) -> Response {
        let mut response = (meta.status, document.html).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::CONTENT_SECURITY_POLICY, document.content_security_policy);
        if meta.secret_address {
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        if self.toast.is_some() {
            headers.append(header::SET_COOKIE, cookies::drop_toast(&self.state.site));
        }
        response
    }
}

impl Page {
    pub fn viewer(&self) -> Viewer {
        self.principal.viewer()
    }

    /// Whoever looks at the page as far as its environment goes: proofs for what it does with flags come from here.
    pub fn there(&self) -> Result<Principal, AppError> {
        Ok(self.principal.within(&self.environment.key)?)
    }

    /// Whether they may do it, in the environment of the page where each answers for itself: for showing controls.
    pub fn may(&self, operation: Operation) -> bool {
        self.principal.may_in(operation, &self.environment.key)
    }

    /// For what changes who may do what. An action that returns its `PasswordNeeded` has the password asked for, and is
    /// called once more with the same form.
    pub fn recent_administrator(&self) -> Result<RecentAdministrator, AppError> {
        Ok(self.principal.recent_administrator(self.now_ms()).map_err(store::StoreError::from)?)
    }

    pub fn render<V: IntoView + 'static>(&self, meta: PageMeta, view: impl FnOnce() -> V) -> PageResult {
        let mut response = self.respond(&meta, shell::frame(&self.state.options, &meta, self.here(), view));
        let opened = meta.status == StatusCode::OK && !self.posted && !self.refetch;
        if let Some(recent) = self.recent().with(self.path()).filter(|_| opened) {
            let cookie = cookies::remember_recent(&recent.text(self.principal.id()), &self.state.site);
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// What they opened lately in this browser.
    pub fn recent(&self) -> Recent {
        let cookie = cookies::find(&self.headers, cookies::recent_name(&self.state.site));
        cookie.map(|text| Recent::parse(text, self.principal.id())).unwrap_or_default()
    }
}

impl Deref for Page {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.visit
    }
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let query = parts.uri.query().unwrap_or_default();
        let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "env");
        Self::of(parts, state, asked.as_ref().map(|(_, key)| &**key))
    }
}

impl Visit {
    /// `asked`: the environment to look at; the default one when nothing is said.
    fn of(parts: &Parts, state: &AppState, asked: Option<&str>) -> Result<Self, AppError> {
        let environments = state.store.live().environments();
        let environment = match asked {
            Some(key) => environments.iter().find(|it| it.key.as_str() == key),
            None => environments.first(),
        };
        let environment = environment.cloned().ok_or(AppError::NotFound(Thing::Environment))?;
        // A page that only refreshes itself must not take the toast from the one that was redirected.
        let refetch = parts.headers.contains_key("x-fader-live");
        let toast = cookies::find(&parts.headers, cookies::toast_name(&state.site))
            .and_then(|word| Toast::parse(word).ok());
        Ok(Self {
            state: state.clone(),
            origin: parts.extensions.get::<RequestOrigin>().cloned().unwrap_or_default(),
            environment,
            theme: cookies::find(&parts.headers, cookies::theme_name(&state.site))
                .map(Theme::or_system)
                .unwrap_or_default(),
            toast: if refetch { None } else { toast },
            principal: parts.extensions.get::<Principal>().cloned(),
            counts: Counts::default(),
            uri: parts.uri.clone(),
            posted: parts.method == Method::POST,
            refetch,
            headers: parts.headers.clone(),
        })
    }
}

impl FromRequestParts<AppState> for Page {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let principal = parts.extensions.get::<Principal>().cloned().ok_or(AppError::SignedOut)?;
        let mut visit = Visit::from_request_parts(parts, state).await?;
        if !parts.uri.path().starts_with(STREAM) {
            visit.counts = Counts::load(&state.store, &principal, &visit.environment.key).await;
        }
        Ok(Self { visit, principal })
    }
}

impl Page {
    pub(crate) fn of(parts: &Parts, state: &AppState, environment: Option<&str>) -> Result<Self, AppError> {
        let principal = parts.extensions.get::<Principal>().cloned().ok_or(AppError::SignedOut)?;
        Ok(Self { visit: Visit::of(parts, state, environment)?, principal })
    }
}

/// "The guard failed 12 s ago and was started again."
fn wrong_clock(standing: DatabaseStanding) -> Option<String> {
    let s = standing.skew_ms.unsigned_abs() / 1000;
    let side = if standing.skew_ms > 0 { "ahead of" } else { "behind" };
    standing.leaves_guard.then(|| {
        format!(
            "The clock of this server is {s} s {side} the database's, so it leaves the guard to other copies. Set its clock."
        )
    })
}

fn trouble(task: &TaskReport) -> Option<String> {
    let (ago, _) = task.last_failure.as_ref().filter(|(ago, _)| *ago < TROUBLE_TOLD)?;
    let ago = match ago.as_secs() {
        s @ ..120 => format!("{s} s"),
        s => format!("{} min", s / 60),
    };
    let what = if task.is_down { "is being started again" } else { "was started again" };
    let times = match task.failures {
        ..=1 => String::new(),
        n => format!(" It has failed {n} times since the server started; the log says why."),
    };
    Some(format!("{}{times}", as_sentence(&format!("{} failed {ago} ago and {what}", task.name))))
}

/// A host with perhaps a port, and nothing that means something to a shell or a program.
fn host_of(text: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    (!text.is_empty() && text.chars().all(plain) && text.parse::<Authority>().is_ok()).then_some(text)
}

/// The path when it stays on this site, whatever a browser makes of it.
pub fn same_site_path(path: &str) -> Option<&str> {
    let mut chars = path.chars();
    let starts_well = chars.next() == Some('/') && !matches!(chars.next(), Some('/' | '\\'));
    let harmless = path.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    (starts_well && harmless).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::{host_of, same_site_path};

    #[test]
    fn a_host_is_shown_in_programs_only_when_it_is_one() {
        for good in ["fader.test", "127.0.0.1:8080", "[::1]:8080", "fader_1:80"] {
            assert_eq!(host_of(good), Some(good));
        }
        for bad in ["", "a'b", "a b", "$(reboot)", "ada@fader.test", "a/b", "a`b", "a:b:c"] {
            assert_eq!(host_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_return_path_stays_on_this_site() {
        for good in ["/", "/flags/x?env=staging", "/audit#a"] {
            assert_eq!(same_site_path(good), Some(good));
        }
        for bad in
            ["", "x", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\t/evil"]
        {
            assert_eq!(same_site_path(bad), None, "{bad:?}");
        }
    }
}
