//! REST below `/api/v1`: what programs send (people, events, feedback) and what they manage with a management token.
//! Handlers read, ask for a proof of permission and call the store; the `OpenAPI` document is made from them.

mod at_flag;
mod audit;
mod check;
mod document;
pub mod door;
mod enrolments;
mod error;
mod events;
mod explain;
mod exposures;
mod feedback;
mod fields;
mod flag;
mod flags;
mod frame;
mod groups;
mod guardrails;
mod health;
mod inbox;
mod incidents;
mod invitations;
mod list;
mod log;
mod manager;
mod members;
pub mod needs;
mod once;
mod paging;
mod people;
mod permissions;
mod person;
mod personas;
mod plan;
mod pointer;
mod preview;
mod proof;
mod rollout;
mod schema;
mod tester_lists;
mod testers;
mod token;
mod tokens;
mod unchanged;
mod versions;
mod webhooks;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, header};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Server,
    edge::{access::cors, fault::Fault},
    lanes::Lanes,
};
use door::may_not_wait;
use error::RestError;

/// What the document says beside its paths.
#[derive(OpenApi)]
#[openapi(
    info(title = "Fader", description = "Progressive delivery: who saw what, when and why."),
    modifiers(&Tokens),
    security(("bearer" = []), ("api_key" = [])),
)]
struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let api_key = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(api_key));
    }
}

/// Every operation, with its documentation.
fn operations() -> OpenApiRouter<Server> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(token::get))
        .routes(routes!(audit::head))
        .routes(routes!(check::check))
        .routes(routes!(permissions::permissions))
        .routes(routes!(flags::list, flag::create))
        .routes(routes!(flag::get, flag::put))
        .routes(routes!(flag::archive))
        .routes(routes!(flag::restore))
        .routes(routes!(explain::explain))
        .routes(routes!(versions::history))
        .routes(routes!(people::put, people::get, people::delete))
        .routes(routes!(people::post))
        .routes(routes!(people::exposures))
        .routes(routes!(events::send))
        .routes(routes!(exposures::of_flag))
        .routes(routes!(enrolments::enrol, enrolments::list_all))
        .routes(routes!(enrolments::remove))
        .merge(groups())
        .merge(told())
        .merge(workspace())
        .routes(routes!(feedback::post))
        .routes(routes!(health::of_flag))
        .routes(routes!(guardrails::get, guardrails::put, guardrails::delete))
        .routes(routes!(guardrails::get_defaults, guardrails::put_defaults, guardrails::delete_defaults))
        .routes(routes!(plan::get, plan::save))
        .routes(routes!(plan::transit))
        .routes(routes!(rollout::get, rollout::put))
        .routes(routes!(rollout::patch_rule))
        .routes(routes!(rollout::stop))
        .routes(routes!(rollout::resume))
        .routes(routes!(preview::preview))
        .routes(routes!(versions::version))
        .routes(routes!(versions::revert))
        .routes(routes!(versions::re_randomise))
        .routes(routes!(incidents::share))
}

/// Groups, and who is in them.
fn groups() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::get, groups::put, groups::delete))
        .routes(routes!(groups::uses))
        .routes(routes!(groups::preview::preview))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::revoke))
        .routes(routes!(tester_lists::send))
        .routes(routes!(tester_lists::extend))
        .routes(routes!(testers::exclude, testers::readmit))
        .routes(routes!(testers::preview))
        .routes(routes!(log::of_group))
}

/// What is told of people and of changes.
fn told() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(person::search))
        .routes(routes!(person::changes))
        .routes(routes!(person::groups))
        .routes(routes!(inbox::of_person))
        .routes(routes!(inbox::list))
        .routes(routes!(inbox::get))
        .routes(routes!(inbox::triage))
        .routes(routes!(inbox::handlers))
        .routes(routes!(inbox::complain))
        .routes(routes!(log::list))
        .routes(routes!(log::get))
        .routes(routes!(log::csv))
        .routes(routes!(log::json_lines))
        .routes(routes!(log::revert))
}

/// What admins settle.
fn workspace() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(schema::attributes))
        .routes(routes!(schema::get_attribute, schema::put_attribute, schema::delete_attribute))
        .routes(routes!(schema::metrics))
        .routes(routes!(schema::put_metric, schema::delete_metric))
        .routes(routes!(personas::list, personas::save))
        .routes(routes!(personas::delete))
        .routes(routes!(personas::environments))
        .routes(routes!(personas::retention, personas::set_retention))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::delete))
        .routes(routes!(webhooks::test))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(tokens::grant))
        .routes(routes!(members::list, members::invite))
        .routes(routes!(members::change))
        .routes(routes!(members::reset))
        .routes(routes!(members::sign_out))
        .routes(routes!(members::roles, members::change_roles))
        .routes(routes!(members::undo_roles))
}

pub fn router(server: &Server) -> Router {
    let (routes, mut document) = operations().split_for_parts();
    needs::describe(&mut document);
    if !server.site.base().is_empty() {
        document.servers = Some(vec![utoipa::openapi::Server::new(server.site.base())]);
    }
    let not_found = || async { RestError::Fault(Fault::NotFound) };
    let document = document::Served::new(&document);
    let describe = move || std::future::ready(document.answer());
    routes
        .route("/api/v1/openapi.json", get(describe))
        .route("/api/{*path}", axum::routing::any(not_found))
        .method_not_allowed_fallback(|| async { RestError::Fault(Fault::MethodNotAllowed) })
        .layer(from_fn_with_state(server.clone(), once::once))
        .layer(from_fn(unchanged::unchanged))
        .layer(from_fn_with_state(Arc::clone(&server.lanes), in_turn))
        .layer(from_fn_with_state(Arc::clone(&server.lanes), on_pages))
        .layer(from_fn(keep_nowhere))
        .layer(from_fn(cors::answer_preflight))
        .with_state(server.clone())
}

/// What programs manage is made behind what may not wait: events, feedback and checks, which come without end.
async fn on_pages(State(lanes): State<Arc<Lanes>>, request: Request, next: Next) -> Response {
    if may_not_wait(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let only_reads = request.method().is_safe();
    let answer = lanes.answer(only_reads, next.run(request)).await;
    answer.unwrap_or_else(|fault| RestError::Fault(fault).into_response())
}

/// Below [`on_pages`]: answers once there is a place.
async fn in_turn(State(lanes): State<Arc<Lanes>>, request: Request, next: Next) -> Response {
    if may_not_wait(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let changes = !request.method().is_safe();
    let answer = lanes.in_turn(changes, request, next).await;
    answer.unwrap_or_else(|_| RestError::Fault(Fault::Crowded).into_response())
}

/// What is answered to a token is for its holder at this moment: caches on the way keep none of it, unless it says so
/// itself.
async fn keep_nowhere(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
