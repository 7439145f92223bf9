//! The dashboard's cookies: session, theme, toast. Parsing and writing them stands here only.

use http::{HeaderMap, HeaderValue, header};

const YEAR_S: u32 = 365 * 24 * 60 * 60;
const TOAST_S: u32 = 30;

/// Name of the session cookie. Under TLS the prefix of every name makes browsers refuse one that this host did not set,
/// or that would be sent without TLS.
pub const fn session_name(secure: bool) -> &'static str {
    if secure { "__Host-fader_session" } else { "fader_session" }
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
pub fn start_session(token: &str, secure: bool) -> HeaderValue {
    cookie(session_name(secure), token, None, secure)
}

pub fn end_session(secure: bool) -> HeaderValue {
    cookie(session_name(secure), "", Some(0), secure)
}

/// Name of the cookie that tells a familiar device from a stranger's.
pub const fn device_name(secure: bool) -> &'static str {
    if secure { "__Host-fader_device" } else { "fader_device" }
}

/// Remembers the device beyond the session: it signs nobody in.
pub fn remember_device(token: &str, secure: bool) -> HeaderValue {
    let max_age_s = u32::try_from(store::DEVICE_KEPT_MS / 1000).unwrap_or(YEAR_S);
    cookie_to("Strict", device_name(secure), token, Some(max_age_s), secure)
}

/// Name of the cookie that remembers light or dark.
pub const fn theme_name(secure: bool) -> &'static str {
    if secure { "__Host-fader_theme" } else { "fader_theme" }
}

/// Name of the cookie that carries a toast.
pub const fn toast_name(secure: bool) -> &'static str {
    if secure { "__Host-fader_toast" } else { "fader_toast" }
}

pub fn remember_theme(theme: &str, secure: bool) -> HeaderValue {
    cookie(theme_name(secure), theme, Some(YEAR_S), secure)
}

/// Carries a toast over one redirect.
pub fn carry_toast(toast: &str, secure: bool) -> HeaderValue {
    cookie(toast_name(secure), toast, Some(TOAST_S), secure)
}

pub fn drop_toast(secure: bool) -> HeaderValue {
    cookie(toast_name(secure), "", Some(0), secure)
}

/// Every cookie of the dashboard: for this host alone, out of reach of scripts, and under TLS never sent without it.
fn cookie(name: &str, text: &str, max_age_s: Option<u32>, secure: bool) -> HeaderValue {
    cookie_to("Lax", name, text, max_age_s, secure)
}

fn cookie_to(same_site: &str, name: &str, text: &str, max_age_s: Option<u32>, secure: bool) -> HeaderValue {
    let age = max_age_s.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let tls = if secure { "; Secure" } else { "" };
    value(&format!("{name}={text}; Path=/; HttpOnly; SameSite={same_site}{age}{tls}"))
}

/// Only texts made here reach this: names, closed words and tokens of ASCII letters.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("fader_broken=; Max-Age=0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; fader_theme=dark"));
        headers.append(header::COOKIE, HeaderValue::from_static("fader_toast=saved"));
        assert_eq!(find(&headers, theme_name(false)), Some("dark"));
        assert_eq!(find(&headers, toast_name(false)), Some("saved"));
        assert_eq!(find(&headers, "fader"), None);
    }

    #[test]
    fn every_cookie_is_secure_under_tls() {
        assert_eq!(
            start_session("abc", true).to_str().expect("ascii"),
            "__Host-fader_session=abc; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        let device = remember_device("abc", true);
        assert_eq!(
            device.to_str().expect("ascii"),
            "__Host-fader_device=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=7776000; Secure"
        );
        let all = |secure| {
            [
                start_session("abc", secure),
                remember_device("abc", secure),
                end_session(secure),
                remember_theme("dark", secure),
                carry_toast("saved", secure),
                drop_toast(secure),
            ]
        };
        let is_secure = |it: &HeaderValue| {
            let text = it.to_str().expect("ascii");
            text.ends_with("; Secure") && text.starts_with("__Host-") && text.contains("; Path=/;")
        };
        assert!(all(true).iter().all(is_secure));
        assert!(!all(false).iter().any(is_secure), "plain http has no use for them");
    }
}
