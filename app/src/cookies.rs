//! The dashboard's cookies: session, theme, toast, what was opened lately. Parsing and writing them stands here only.
//!
//! Under TLS the prefix of every name makes browsers refuse a cookie that this host did not set, or that would be sent
//! without TLS. Below a path of the host a cookie holds for that path alone: what else the host shows gets none of ours. Its
//! prefix cannot say as much then.

use http::{HeaderMap, HeaderValue, header};

use crate::site::Site;

const YEAR_S: u32 = 365 * 24 * 60 * 60;
const TOAST_S: u32 = 30;

/// A name under the prefix that its site allows.
macro_rules! named {
    ($site:expr, $name:literal) => {
        match ($site.is_secure(), $site.base().is_empty()) {
            (true, true) => concat!("__Host-", $name),
            (true, false) => concat!("__Secure-", $name),
            (false, _) => $name,
        }
    };
}

/// Name of the session cookie.
pub fn session_name(site: &Site) -> &'static str {
    named!(site, "fader_session")
}

/// The value of a cookie of this request.
pub fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Sets the session cookie. It ends with the browser; the store ends the session itself earlier or later.
pub fn start_session(token: &str, site: &Site) -> HeaderValue {
    cookie(session_name(site), token, None, site)
}

pub fn end_session(site: &Site) -> HeaderValue {
    cookie(session_name(site), "", Some(0), site)
}

/// Name of the cookie that tells a familiar device from a stranger's.
pub fn device_name(site: &Site) -> &'static str {
    named!(site, "fader_device")
}

/// Remembers the device beyond the session: it signs nobody in.
pub fn remember_device(token: &str, site: &Site) -> HeaderValue {
    let max_age_s = u32::try_from(store::DEVICE_KEPT_MS / 1000).unwrap_or(YEAR_S);
    cookie_to("Strict", device_name(site), token, Some(max_age_s), site)
}

/// Name of the cookie that remembers light or dark.
pub fn theme_name(site: &Site) -> &'static str {
    named!(site, "fader_theme")
}

/// Name of the cookie in which a script of the page says the browser's time zone: the one that is not made here, and that
/// scripts can read. [`zone_attributes`] are the others.
pub fn zone_name(site: &Site) -> &'static str {
    named!(site, "fader_zone")
}

/// What a script writes behind that cookie's text.
pub fn zone_attributes(site: &Site) -> String {
    attributes("Lax", Some(YEAR_S), site)
}

/// Name of the cookie that carries a toast.
pub fn toast_name(site: &Site) -> &'static str {
    named!(site, "fader_toast")
}

pub fn remember_theme(theme: &str, site: &Site) -> HeaderValue {
    cookie(theme_name(site), theme, Some(YEAR_S), site)
}

/// Name of the cookie that remembers what was opened lately.
pub fn recent_name(site: &Site) -> &'static str {
    named!(site, "fader_recent")
}

pub fn remember_recent(recent: &str, site: &Site) -> HeaderValue {
    cookie(recent_name(site), recent, Some(YEAR_S), site)
}

/// Carries a toast over one redirect.
pub fn carry_toast(toast: &str, site: &Site) -> HeaderValue {
    cookie(toast_name(site), toast, Some(TOAST_S), site)
}

pub fn drop_toast(site: &Site) -> HeaderValue {
    cookie(toast_name(site), "", Some(0), site)
}

/// Every cookie of the dashboard: for this host alone, out of reach of scripts, and under TLS never sent without it.
fn cookie(name: &str, text: &str, max_age_s: Option<u32>, site: &Site) -> HeaderValue {
    cookie_to("Lax", name, text, max_age_s, site)
}

fn cookie_to(same_site: &str, name: &str, text: &str, max_age_s: Option<u32>, site: &Site) -> HeaderValue {
    value(&format!("{name}={text}; HttpOnly; {}", attributes(same_site, max_age_s, site)))
}

fn attributes(same_site: &str, max_age_s: Option<u32>, site: &Site) -> String {
    let age = max_age_s.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let tls = if site.is_secure() { "; Secure" } else { "" };
    let path = if site.base().is_empty() { "/" } else { site.base() };
    format!("Path={path}; SameSite={same_site}{age}{tls}")
}

/// Only texts made here reach this: names, closed words, and tokens and pairs of plain ASCII.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("fader_broken=; Max-Age=0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(base: &str, secure: bool) -> Site {
        Site::new("https://fader.example", base, secure)
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; fader_theme=dark"));
        headers.append(header::COOKIE, HeaderValue::from_static("fader_toast=saved"));
        assert_eq!(find(&headers, theme_name(&site("", false))), Some("dark"));
        assert_eq!(find(&headers, toast_name(&site("", false))), Some("saved"));
        assert_eq!(find(&headers, "fader"), None);
    }

    #[test]
    fn every_cookie_is_secure_under_tls() {
        assert_eq!(
            start_session("abc", &site("", true)).to_str().expect("ascii"),
            "__Host-fader_session=abc; HttpOnly; Path=/; SameSite=Lax; Secure"
        );
        let device = remember_device("abc", &site("", true));
        assert_eq!(
            device.to_str().expect("ascii"),
            "__Host-fader_device=abc; HttpOnly; Path=/; SameSite=Strict; Max-Age=7776000; Secure"
        );
        let all = |site: &Site| {
            [
                start_session("abc", site),
                remember_device("abc", site),
                end_session(site),
                remember_theme("dark", site),
                remember_recent("of=1", site),
                carry_toast("saved", site),
                drop_toast(site),
            ]
        };
        let is_secure = |it: &HeaderValue| {
            let text = it.to_str().expect("ascii");
            text.ends_with("; Secure") && text.starts_with("__Host-") && text.contains("; Path=/;")
        };
        assert!(all(&site("", true)).iter().all(is_secure));
        assert!(!all(&site("", false)).iter().any(is_secure), "plain http has no use for them");
        let below = |it: &HeaderValue| {
            let text = it.to_str().expect("ascii");
            text.starts_with("__Secure-") && text.contains("; Path=/tools/fader;")
        };
        assert!(all(&site("/tools/fader", true)).iter().all(below));
    }
}
