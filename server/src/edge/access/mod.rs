//! Who asks at the public doors: a token that counts somewhere and works until some time; from a browser also the page's origin.
//! How often it may ask is in [`allowance`], which pages may read the answer in [`cors`].

pub mod allowance;
pub mod cors;
mod error;
pub mod uses;

use std::sync::Arc;

use engine::Sender;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use store::{OnceClaim, RequestOrigin, Store, Token, TokenHash, TokenKind};

use self::allowance::Allowances;
pub use self::error::AccessError;
use super::{body::Authenticated, client_address::ClientAddress, request_id::RequestId};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ANY_ORIGIN: &str = "*";

/// What tokens are known by, and what each may still ask. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    pub store: Store,
    pub allowances: Arc<Allowances>,
}

/// Why a request is not answered, and its token where it has one: that decides who may read the refusal.
pub type Refused<E> = (Option<Arc<Token>>, E);

impl Authenticated for Caller {}

/// A request that may be answered.
pub struct Caller {
    pub token: Arc<Token>,
    pub hash: TokenHash,
}

impl Caller {
    /// A server or client token, its origin checked, one request taken from its allowance. A refusal comes with the
    /// token when there is one.
    pub fn admit(access: &Access, parts: &Parts) -> Result<Self, Refused<AccessError>> {
        let caller = Self::identify(access, parts)?;
        match caller.token.kind {
            TokenKind::Server | TokenKind::Client => Ok(caller),
            TokenKind::Admin(_) => Err((Some(caller.token), AccessError::ManagementToken)),
        }
    }

    /// Any token; see [`Caller::admit`].
    pub fn identify(access: &Access, parts: &Parts) -> Result<Self, Refused<AccessError>> {
        let hash = TokenHash::of(token_text(&parts.headers).map_err(|error| (None, error))?);
        let now_ms = access.store.clock().now_ms();
        let token = access.store.live().token(&hash, now_ms).map_err(|refused| {
            let address = parts.extensions.get::<ClientAddress>().copied();
            (None, access.allowances.wrong_token(refused, address))
        })?;
        token.note_use(now_ms);
        let allowed = check_origin(&token, &parts.headers).and_then(|()| access.allowances.take(token.id));
        match allowed {
            Ok(()) => Ok(Self { token, hash }),
            Err(error) => Err((Some(token), error)),
        }
    }

    /// Whose request this is, as far as that can be told by its token: for what comes before [`Caller::identify`].
    pub fn known(access: &Access, parts: &Parts) -> Option<Self> {
        let hash = TokenHash::of(token_text(&parts.headers).ok()?);
        let token = access.store.live().token(&hash, access.store.clock().now_ms()).ok()?;
        Some(Self { token, hash })
    }

    /// What the engine may believe of what it sends.
    pub fn sender(&self) -> Sender {
        match self.token.kind {
            TokenKind::Server | TokenKind::Admin(_) => Sender::Server,
            TokenKind::Client => Sender::Client,
        }
    }
}

/// What the audit log keeps of where a request came from.
pub fn request_origin(parts: &Parts) -> RequestOrigin {
    let extensions = &parts.extensions;
    RequestOrigin {
        request_id: extensions.get::<RequestId>().map(RequestId::to_string).unwrap_or_default(),
        address: extensions.get::<ClientAddress>().map(|it| it.0.to_string()).unwrap_or_default(),
        once: extensions.get::<OnceClaim>().cloned().map(Box::new),
    }
}

/// The origin has to be one of the client token's. A server token has no business in a browser: it is answered,
/// but without the headers that would let a page read the answer.
pub fn check_origin(token: &Token, headers: &HeaderMap) -> Result<(), AccessError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    match token.kind {
        TokenKind::Server | TokenKind::Admin(_) => Ok(()),
        TokenKind::Client if allows(token, origin) => Ok(()),
        TokenKind::Client => {
            Err(AccessError::Origin { origin: String::from_utf8_lossy(origin.as_bytes()).into_owned() })
        }
    }
}

/// A browser's events name their page. Apps without pages have none: their token is one for any origin.
pub fn require_origin(token: &Token, headers: &HeaderMap) -> Result<(), AccessError> {
    let anywhere = token.origins.iter().any(|allowed| allowed == ANY_ORIGIN);
    if token.kind == TokenKind::Client && !anywhere && !headers.contains_key(header::ORIGIN) {
        return Err(AccessError::NoOrigin);
    }
    Ok(())
}

/// Whether pages of this origin may read answers to this token.
pub fn allows(token: &Token, origin: &HeaderValue) -> bool {
    let same = |allowed: &String| allowed == ANY_ORIGIN || allowed.as_bytes() == origin.as_bytes();
    token.kind == TokenKind::Client && token.origins.iter().any(same)
}

fn token_text(headers: &HeaderMap) -> Result<&str, AccessError> {
    let bearer = headers.get(header::AUTHORIZATION).map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    });
    let api_key = headers.get(X_API_KEY).map(|value| value.to_str().ok().filter(|key| !key.is_empty()));
    match (bearer, api_key) {
        (Some(Some(token)), None) | (None, Some(Some(token))) => Ok(token),
        (Some(Some(bearer)), Some(Some(key))) if bearer == key => Ok(key),
        (Some(Some(_)), Some(_)) | (Some(None), Some(Some(_))) => Err(AccessError::TwoTokens),
        (None | Some(None), None | Some(None)) => Err(AccessError::NoToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pairs: &[(&'static str, &'static str)]) -> Result<String, AccessError> {
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
        assert_eq!(text(&[("x-api-key", "a"), ("authorization", "Bearer b")]), Err(AccessError::TwoTokens));
        assert_eq!(text(&[("x-api-key", "a"), ("authorization", "Basic b")]), Err(AccessError::TwoTokens));
        for bad in
            [&[][..], &[("authorization", "Basic a")], &[("authorization", "Bearer ")], &[("x-api-key", "")]]
        {
            assert_eq!(text(bad), Err(AccessError::NoToken), "{bad:?}");
        }
    }
}
