//! A preview that somebody opened: `?preview=…` becomes a cookie for as long as it holds, and everything that asks
//! Fader during a request passes it on. Whether it is genuine, only Fader knows.

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method,
        header::{COOKIE, SET_COOKIE},
    },
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use crate::calendar::now_ms;

const COOKIE_NAME: &str = "passerelle_preview";
const TOKEN_BYTES_MAX: usize = 2048;

/// A preview token and until when it says that it holds (epoch ms).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub token: String,
    pub until_ms: i64,
}

tokio::task_local! {
    /// The preview of the request that is being answered.
    static CURRENT: Option<Preview>;
}

/// The preview of the request that is being answered, while it holds.
pub fn current() -> Option<Preview> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// Turns `?preview=…` into the cookie and shows the page without it: the token is no part of an address that is kept.
pub async fn keep(request: Request, next: Next) -> Response {
    if *request.method() == Method::GET
        && let Some((token, rest)) = of_query(request.uri().query().unwrap_or_default())
    {
        let path = request.uri().path();
        let target = if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") };
        let mut response = Redirect::to(&target).into_response();
        if let Some(cookie) = cookie(token, now_ms()) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        return response;
    }
    let preview = of_cookie(request.headers(), now_ms());
    CURRENT.scope(preview, next.run(request)).await
}

/// The token, and the query without it.
fn of_query(query: &str) -> Option<(&str, String)> {
    let token = query.split('&').find_map(|pair| pair.strip_prefix("preview="))?;
    let rest: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("preview=")).collect();
    Some((token, rest.join("&")))
}

fn of_cookie(headers: &HeaderMap, now_ms: i64) -> Option<Preview> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    read(token, now_ms)
}

/// What has the shape of a token that still holds: its first part says until when.
fn read(token: &str, now_ms: i64) -> Option<Preview> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if token.len() > TOKEN_BYTES_MAX || !token.chars().all(plain) {
        return None;
    }
    let until_ms = token.split_once('.')?.0.parse().ok().filter(|until| now_ms < *until)?;
    Some(Preview { token: token.to_owned(), until_ms })
}

fn cookie(token: &str, now_ms: i64) -> Option<HeaderValue> {
    let Preview { token, until_ms } = read(token, now_ms)?;
    let seconds = (until_ms - now_ms) / 1000;
    HeaderValue::from_str(&format!(
        "{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_for_as_long_as_it_holds() {
        let kept = cookie("61000.abc.d-f_", 1000).expect("a cookie");
        let kept = kept.to_str().expect("text");
        assert!(
            kept.starts_with("passerelle_preview=61000.abc.d-f_; ") && kept.ends_with("Max-Age=60"),
            "{kept}"
        );
        for bad in ["1000.abc.def", "x.y.z", "", "61000.a;b", "61000", &format!("61000.{}", "x".repeat(3000))]
        {
            assert_eq!(cookie(bad, 1000), None, "{bad}");
        }
    }

    #[test]
    fn the_rest_of_the_query_stays() {
        assert_eq!(of_query("from=Geneva&preview=t&to=Lyon"), Some(("t", "from=Geneva&to=Lyon".to_owned())));
        assert_eq!(of_query("preview=t"), Some(("t", String::new())));
        assert_eq!(of_query("from=Geneva"), None);
    }
}
