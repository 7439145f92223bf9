//! The dashboard's cookies: session, theme, toast. Parsing and writing them stands here only.

use http::{HeaderMap, HeaderValue, header};

pub const THEME: &str = "fader_theme";
pub const TOAST: &str = "fader_toast";

const YEAR_S: u32 = 365 * 24 * 60 * 60;

/// Name of the session cookie; under TLS the prefix makes browsers refuse one that was not set by this host.
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
    let rest = if secure { "; Secure" } else { "" };
    value(&format!("{}={token}; Path=/; HttpOnly; SameSite=Lax{rest}", session_name(secure)))
}

pub fn end_session(secure: bool) -> HeaderValue {
    let rest = if secure { "; Secure" } else { "" };
    value(&format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{rest}", session_name(secure)))
}

/// Name of the cookie that tells a familiar device from a stranger's.
pub const fn device_name(secure: bool) -> &'static str {
    if secure { "__Host-fader_device" } else { "fader_device" }
}

/// Remembers the device beyond the session: it signs nobody in.
pub fn remember_device(token: &str, secure: bool) -> HeaderValue {
    let rest = if secure { "; Secure" } else { "" };
    let max_age_s = store::DEVICE_KEPT_MS / 1000;
    value(&format!(
        "{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{rest}",
        device_name(secure)
    ))
}

pub fn remember_theme(theme: &str) -> HeaderValue {
    value(&format!("{THEME}={theme}; Path=/; HttpOnly; SameSite=Lax; Max-Age={YEAR_S}"))
}

/// Carries a toast over one redirect.
pub fn carry_toast(toast: &str) -> HeaderValue {
    value(&format!("{TOAST}={toast}; Path=/; HttpOnly; SameSite=Lax; Max-Age=30"))
}

pub fn drop_toast() -> HeaderValue {
    value(&format!("{TOAST}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"))
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
        assert_eq!(find(&headers, THEME), Some("dark"));
        assert_eq!(find(&headers, TOAST), Some("saved"));
        assert_eq!(find(&headers, "fader"), None);
    }

    #[test]
    fn the_session_cookie_is_secure_under_tls() {
        let cookie = start_session("abc", true);
        assert_eq!(
            cookie.to_str().expect("ascii"),
            "__Host-fader_session=abc; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        let device = remember_device("abc", true);
        assert_eq!(
            device.to_str().expect("ascii"),
            "__Host-fader_device=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=7776000; Secure"
        );
    }
}
