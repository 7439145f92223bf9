//! `/api/v1/groups/{key}/invitations`: links by which testers enrol themselves.

use app::site::Site;
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{InvitationState, NewTesterInvitation, TesterInvitation};
use utoipa::ToSchema;

use super::{
    error::{Problem, RestError},
    frame::{Asked, Names, Parameters, Writing, at, made_secret, read_time},
    groups::{group_key, require_group},
    paging::{self, Part},
};

/// A new invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitation {
    /// Becomes the purpose of the enrolments, and tells invitations apart.
    #[schema(min_length = 1, max_length = 200)]
    purpose: String,
    /// How many testers it takes.
    #[schema(minimum = 1, maximum = 10_000)]
    capacity: u64,
    /// Nobody can accept it from then on: RFC 3339, or a day.
    closes_at: String,
    /// When the enrolments that it makes end; left out: they do not.
    until_at: Option<String>,
}

/// A link that is told here and nowhere else.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeInvitation {
    link: String,
}

/// Invitations to a group, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationList {
    invitations: Vec<Invitation>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

/// An invitation, without its link.
#[derive(Serialize, ToSchema)]
struct Invitation {
    id: i64,
    /// The end of its link.
    hint: String,
    purpose: String,
    capacity: u64,
    accepted: u64,
    state: InvitationWord,
    closes_at: String,
    until_at: Option<String>,
    created_at: String,
    created_by: String,
}

/// Whether an invitation can be accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum InvitationWord {
    Open,
    Full,
    Expired,
    Revoked,
}

/// Makes an invitation to a group.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{key}/invitations",
    tag = "testers",
    params(("key" = String, Path, description = "The group")),
    request_body = NewInvitation,
    responses((status = 201, body = MadeInvitation)),
)]
pub(crate) async fn create(
    Names(key): Names<String>,
    State(site): State<Site>,
    asked: Writing,
) -> Result<Response, RestError> {
    let enroller = asked.asked.manager.principal.enroller()?;
    let (asked, sent) = asked.read::<NewInvitation>().await?;
    let NewInvitation { purpose, capacity, closes_at, until_at } = sent.value;
    let new = NewTesterInvitation {
        purpose,
        capacity,
        closes_ms: read_time("/closes_at", &closes_at)?,
        until_ms: until_at.map(|text| read_time("/until_at", &text)).transpose()?,
    };
    let token = asked.store.invite_testers(&enroller, &group_key(&key)?, new).await?;
    Ok(made_secret(MadeInvitation { link: site.absolute(&format!("/join/{}", token.as_str())) }))
}

/// The newest invitations to a group, without their links.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{key}/invitations",
    tag = "testers",
    params(("key" = String, Path, description = "The group"), Part),
    responses((status = 200, body = InvitationList), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Names(key): Names<String>,
    Parameters(part): Parameters<Part>,
) -> Result<Json<InvitationList>, RestError> {
    let (limit, before) = (paging::limit(part.limit)?, paging::number::<i64>(part.cursor.as_deref())?);
    let group = require_group(&asked, &key).await?.value;
    let viewer = asked.manager.principal.viewer();
    let found = asked.store.list_tester_invitations(&viewer, &group.key).await?;
    let is_after = |id: &i64| before.is_none_or(|before| *id < before);
    let (found, next) = paging::part(found, |it| it.id.get(), is_after, limit);
    Ok(Json(InvitationList { invitations: found.into_iter().map(told).collect(), next }))
}

/// Shuts an invitation: nobody can accept it from now on. Who did stays in the group.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{key}/invitations/{id}",
    tag = "testers",
    params(
        ("key" = String, Path, description = "The group"),
        ("id" = String, Path, description = "The invitation's number"),
    ),
    responses((status = 204)),
)]
pub(crate) async fn revoke(
    asked: Asked,
    Names((key, id)): Names<(String, String)>,
) -> Result<StatusCode, RestError> {
    let enroller = asked.manager.principal.enroller()?;
    let missing = || RestError::NotFound("invitation");
    let id = id.parse().map_err(|_| missing())?;
    let is_there = asked.store.revoke_tester_invitation(&enroller, &group_key(&key)?, id).await?;
    if is_there { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

fn told(it: TesterInvitation) -> Invitation {
    Invitation {
        id: it.id.get(),
        hint: it.hint,
        purpose: it.purpose,
        capacity: it.capacity,
        accepted: it.accepted,
        state: match it.state {
            InvitationState::Open => InvitationWord::Open,
            InvitationState::Full => InvitationWord::Full,
            InvitationState::Expired => InvitationWord::Expired,
            InvitationState::Revoked => InvitationWord::Revoked,
        },
        closes_at: at(it.closes_ms),
        until_at: it.until_ms.map(at),
        created_at: at(it.created_ms),
        created_by: it.created_by,
    }
}
