//! The preview that a request carries: in a header, or in the context where a client can set nothing else.

use http::{HeaderMap, HeaderName};
use store::{PreviewGrant, PreviewKey};

use super::context::CallerContext;
use crate::edge::access::Caller;

/// Where whoever asks passes a preview token on.
const X_FADER_PREVIEW: HeaderName = HeaderName::from_static("x-fader-preview");

/// The preview, when it is one of ours, still holds, and is for the environment of the token. One that is not is left
/// out of account: a page that a tester keeps open goes on with the ordinary decision.
pub fn of(
    key: &PreviewKey,
    caller: &Caller,
    headers: &HeaderMap,
    context: &CallerContext,
    now_ms: i64,
) -> Option<PreviewGrant> {
    let header = headers.get(X_FADER_PREVIEW).and_then(|value| value.to_str().ok());
    let token = header.or(context.preview.as_deref())?;
    let grant = key.verify(token, now_ms)?;
    (Some(&grant.environment) == caller.token.environment()).then_some(grant)
}
