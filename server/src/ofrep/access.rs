//! Who asks: a token, bound to one environment; from a browser also the page's origin.

use std::sync::Arc;

use engine::Sender;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use store::{Token, TokenHash, TokenKind};

use crate::{Server, client_address::ClientAddress, ofrep::error::OfrepError};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ANY_ORIGIN: &str = "*";

/// Why a request is not answered, and its token where it has one: that decides who may read the refusal.
pub type Refused = (Option<Arc<Token>>, OfrepError);

/// A request that may be answered.
pub struct Caller {
    pub token: Arc<Token>,
    pub hash: TokenHash,
}

impl Caller {
    /// The token of a request, its origin checked, one evaluation taken from its allowance. A refusal comes with the
    /// token when there is one.
    pub fn admit(server: &Server, parts: &Parts) -> Result<Self, Refused> {
        let hash = TokenHash::of(token_text(&parts.headers).map_err(|error| (None, error))?);
        let Some(token) = server.store.live().token(&hash) else {
            let address = parts.extensions.get::<ClientAddress>().copied();
            return Err((None, server.ofrep.allowances.wrong_token(address)));
        };
        let allowed =
            check_origin(&token, &parts.headers).and_then(|()| server.ofrep.allowances.take(token.id));
        match allowed {
            Ok(()) => Ok(Self { token, hash }),
            Err(error) => Err((Some(token), error)),
        }
    }

    /// What the engine may believe of what it sends.
    pub fn sender(&self) -> Sender {
        match self.token.kind {
            TokenKind::Server => Sender::Server,
            TokenKind::Client => Sender::Client,
        }
    }
}

/// The origin has to be one of the client token's. A server token has no business in a browser: it is answered,
/// but without the headers that would let a page read the answer.
pub fn check_origin(token: &Token, headers: &HeaderMap) -> Result<(), OfrepError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    match token.kind {
        TokenKind::Server => Ok(()),
        TokenKind::Client if allows(token, origin) => Ok(()),
        TokenKind::Client => {
            Err(OfrepError::Origin { origin: String::from_utf8_lossy(origin.as_bytes()).into_owned() })
        }
    }
}

/// Whether pages of this origin may read answers to this token.
pub fn allows(token: &Token, origin: &HeaderValue) -> bool {
    token.kind == TokenKind::Client
        && token
            .origins
            .iter()
            .any(|allowed| allowed == ANY_ORIGIN || allowed.as_bytes() == origin.as_bytes())
}

fn token_text(headers: &HeaderMap) -> Result<&str, OfrepError> {
    let bearer = headers.get(header::AUTHORIZATION).map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    });
    let api_key = headers.get(X_API_KEY).map(|value| value.to_str().ok().filter(|key| !key.is_empty()));
    match (bearer, api_key) {
        (Some(Some(token)), None) | (None, Some(Some(token))) => Ok(token),
        (Some(Some(bearer)), Some(Some(key))) if bearer == key => Ok(key),
        (Some(Some(_)), Some(_)) | (Some(None), Some(Some(_))) => Err(OfrepError::TwoTokens),
        (None | Some(None), None | Some(None)) => Err(OfrepError::NoToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pairs: &[(&'static str, &'static str)]) -> Result<String, OfrepError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        token_text(&pairs.collect()).map(str::to_owned)
    }

    #[test]
    fn one_token_is_read_from_either_header() {
        assert_eq!(text(&[("authorization", "Bearer a")]), Ok("a".into()));
        assert_eq!(text(&[("authorization", "bearer a")]), Ok("a".into()));
        assert_eq!(text(&[("x-api-key", "a")]), Ok("a".into()));
        assert_eq!(text(&[("x-api-key", "a"), ("authorization", "Bearer a")]), Ok("a".into()));
        assert_eq!(text(&[("x-api-key", "a"), ("authorization", "Bearer b")]), Err(OfrepError::TwoTokens));
        assert_eq!(text(&[("x-api-key", "a"), ("authorization", "Basic b")]), Err(OfrepError::TwoTokens));
        for bad in
            [&[][..], &[("authorization", "Basic a")], &[("authorization", "Bearer ")], &[("x-api-key", "")]]
        {
            assert_eq!(text(bad), Err(OfrepError::NoToken), "{bad:?}");
        }
    }
}
