//! Turns the session cookie into a `store::Principal` in the request's extensions. It refuses nobody: pages and
//! actions ask for what they need.

use std::sync::Arc;

use app::{cookies, error::AppError, site::Site};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use store::{FamiliarDevice, RequestOrigin, Store};

use super::resend::{KeptForm, NotTaken};
use crate::{
    edge::{body::Bodies, client_address::ClientAddress, fault::Fault, request_id::RequestId},
    limits::FORM_BODY_BYTES_MAX,
};

/// Whose a cookie is, and what those sent who cannot be told yet.
#[derive(Clone)]
pub struct Sessions {
    pub store: Store,
    pub bodies: Arc<Bodies>,
    pub site: Site,
}

/// Adds `RequestOrigin` to every request, and `Principal` to those of somebody signed in.
pub async fn attach(State(sessions): State<Sessions>, mut request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let origin = RequestOrigin {
        request_id: extensions.get::<RequestId>().map(RequestId::to_string).unwrap_or_default(),
        address: extensions.get::<ClientAddress>().map(|it| it.0.to_string()).unwrap_or_default(),
        once: None,
    };
    request.extensions_mut().insert(origin.clone());
    let name = cookies::session_name(&sessions.site);
    if let Some(token) = cookies::find(request.headers(), name) {
        match sessions.store.find_session(token, origin).await {
            Ok(Some(principal)) => drop(request.extensions_mut().insert(principal)),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "sessions cannot be read");
                let mut refused = sessions.keep_refused(request, Fault::Unavailable).await;
                refused.extensions_mut().insert(AppError::Unavailable);
                return refused;
            }
        }
    }
    next.run(request).await
}

impl Sessions {
    /// Whether the request comes from a browser that somebody signed in with before. Without an answer of the database it is
    /// a stranger's.
    pub async fn find_device(&self, headers: &HeaderMap) -> Option<FamiliarDevice> {
        let token = cookies::find(headers, cookies::device_name(&self.site))?;
        self.store.find_device(token).await.ok().flatten()
    }

    /// Refuses before anybody knows whether they are still signed in: what they sent is kept for them, from members of a moment
    /// ago as much as they may send, from others as much as strangers may.
    pub async fn keep_refused(&self, request: Request, fault: Fault) -> Response {
        let (parts, body) = request.into_parts();
        let token = cookies::find(&parts.headers, cookies::session_name(&self.site));
        let seen = token.and_then(|token| self.store.find_seen_session(token));
        if let Some(sent) = parts.extensions.get::<KeptForm>() {
            match seen {
                Some(seen) => match self.bodies.read(&seen, body, &parts, FORM_BODY_BYTES_MAX).await {
                    Ok(whole) => sent.keep(whole.into_parts()),
                    Err(fault) => return fault.page(),
                },
                None => {
                    if let Ok(whole) = self.bodies.read_of_stranger(body, &parts).await {
                        sent.keep(whole.into_parts());
                    }
                }
            }
        }
        let mut refused = fault.page();
        refused.extensions_mut().insert(NotTaken(fault));
        refused
    }
}
