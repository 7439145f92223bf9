//! `/api/v1/members` and `/api/v1/roles`: who is here, and who may do what. Passwords are theirs alone.

use app::site::Site;
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{Member, MemberState, Operation, Role, RoleCell, RoleTable, UserId};
use utoipa::ToSchema;

use super::{
    document::{Comment, RoleWord, Version},
    error::{Problem, RestError},
    fields,
    frame::{Asked, Names, Parameters, Writing, at, made_secret},
    paging::{self, Part},
};

/// Places of the role table that one change names.
const CELLS_MAX: usize = 1000;

/// Members, by number.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberList {
    members: Vec<MemberView>,
    /// Ask again with it as `cursor` until it is null.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct MemberView {
    id: i64,
    name: String,
    email: String,
    #[schema(value_type = RoleWord)]
    role: Role,
    state: MemberWord,
    created_at: String,
    /// To the minute.
    last_seen_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MemberWord {
    /// Has a link, and no password yet.
    Invited,
    Active,
    Disabled,
}

/// Who is invited.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewMember)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invitee {
    email: String,
    #[schema(min_length = 1)]
    name: String,
    #[schema(value_type = RoleWord)]
    role: Role,
}

/// A link by which a member sets a password. It is told here and nowhere else.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberLink {
    link: String,
}

/// What is changed of a member; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberChange {
    #[schema(value_type = Option<RoleWord>)]
    role: Option<Role>,
    /// True: nobody signs in as them any more, and their management tokens are refused.
    disabled: Option<bool>,
}

/// Who may do what.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolesView {
    /// Sent back with a change; 0 while nobody has changed the defaults.
    version: u64,
    cells: Vec<CellView>,
    /// What differs from the defaults, as sentences.
    differences: Vec<String>,
}

/// One place of the table.
#[derive(Serialize, ToSchema)]
struct CellView {
    #[schema(value_type = String)]
    operation: Operation,
    /// The operation in words.
    phrase: &'static str,
    #[schema(value_type = RoleWord)]
    role: Role,
    /// Of what each environment answers for itself.
    environment: Option<String>,
    may: bool,
    /// Why it stays as it is, if it does.
    fixed: Option<&'static str>,
}

/// Places of the table that are changed; the others stay.
#[derive(Deserialize, ToSchema)]
#[schema(as = RolesChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableChange {
    /// The version that was read.
    #[schema(value_type = Version)]
    version: u64,
    /// Begin with the defaults, not with what is in force.
    #[serde(default)]
    reset: bool,
    #[serde(default)]
    #[schema(max_items = 1000)]
    cells: Vec<CellChange>,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CellChange {
    /// As in `cells` of the answer.
    operation: String,
    #[schema(value_type = RoleWord)]
    role: Role,
    environment: Option<String>,
    may: bool,
}

/// Which change of the table is taken back.
#[derive(Deserialize, ToSchema)]
#[schema(as = RolesUndo)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    /// The version that was read: the last change.
    #[schema(value_type = Version)]
    version: u64,
    /// Why; for the audit log.
    #[serde(default)]
    #[schema(value_type = Comment)]
    comment: String,
}

/// Members, disabled ones too. For admins.
#[utoipa::path(
    get,
    path = "/api/v1/members",
    tag = "members",
    params(Part),
    responses((status = 200, body = MemberList), (status = 422, body = Problem)),
)]
pub(crate) async fn list(
    asked: Asked,
    Parameters(part): Parameters<Part>,
) -> Result<Json<MemberList>, RestError> {
    let administrator = asked.manager.principal.administrator()?;
    let (limit, after) = (paging::limit(part.limit)?, paging::number::<i64>(part.cursor.as_deref())?);
    let mut all = asked.store.list_members(&administrator).await?;
    all.sort_by_key(|it| it.id.get());
    let is_after = |id: &i64| after.is_none_or(|after| *id > after);
    let (all, next) = paging::part(all, |it| it.id.get(), is_after, limit);
    Ok(Json(MemberList { members: all.into_iter().map(view).collect(), next }))
}

/// Invites a member. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/members",
    tag = "members",
    request_body = Invitee,
    responses((status = 201, body = MemberLink), (status = 409, body = Problem)),
)]
pub(crate) async fn invite(State(site): State<Site>, asked: Writing) -> Result<Response, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<Invitee>().await?;
    let Invitee { email, name, role } = &sent.value;
    let token = asked.store.invite_member(&administrator, email, name, *role).await?;
    Ok(made_secret(MemberLink { link: site.absolute(&format!("/invite/{}", token.as_str())) }))
}

/// Changes a member's role, or disables or enables them. The last admin stays one. For admins.
#[utoipa::path(
    patch,
    path = "/api/v1/members/{id}",
    tag = "members",
    params(("id" = String, Path, description = "Their number")),
    request_body = MemberChange,
    responses((status = 200, body = MemberView)),
)]
pub(crate) async fn change(Names(id): Names<String>, asked: Writing) -> Result<Json<MemberView>, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<MemberChange>().await?;
    let MemberChange { role, disabled } = sent.value;
    if role.is_some() && disabled.is_some() {
        return Err(fields::wrong("/disabled", "change the role or who may sign in, each on its own"));
    }
    let id = require_member(&asked, &id).await?.id;
    match (role, disabled) {
        (Some(role), _) => asked.store.set_role(&administrator, id, role).await?,
        (None, Some(true)) => asked.store.disable_member(&administrator, id).await?,
        (None, Some(false)) => asked.store.enable_member(&administrator, id).await?,
        (None, None) => {}
    }
    Ok(Json(view(require_member(&asked, &id.to_string()).await?)))
}

/// Takes a member's password away and makes a link by which they set another. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/members/{id}/reset",
    tag = "members",
    params(("id" = String, Path, description = "Their number")),
    responses((status = 201, body = MemberLink), (status = 422, body = Problem)),
)]
pub(crate) async fn reset(
    asked: Asked,
    Names(id): Names<String>,
    State(site): State<Site>,
) -> Result<Response, RestError> {
    let administrator = asked.recent_administrator()?;
    let id = require_member(&asked, &id).await?.id;
    let token = asked.store.reset_member(&administrator, id).await?;
    Ok(made_secret(MemberLink { link: site.absolute(&format!("/invite/{}", token.as_str())) }))
}

/// Ends all sessions of a member. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/members/{id}/sign-out",
    tag = "members",
    params(("id" = String, Path, description = "Their number")),
    responses((status = 204)),
)]
pub(crate) async fn sign_out(asked: Asked, Names(id): Names<String>) -> Result<StatusCode, RestError> {
    let administrator = asked.recent_administrator()?;
    let id = require_member(&asked, &id).await?.id;
    asked.store.revoke_sessions(&administrator, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who may do what, in each environment.
#[utoipa::path(get, path = "/api/v1/roles", tag = "members", responses((status = 200, body = RolesView)))]
pub(crate) async fn roles(asked: Asked) -> Result<Json<RolesView>, RestError> {
    Ok(Json(table(&asked).await?))
}

/// Changes who may do what; some places stay as they are. For admins.
#[utoipa::path(
    patch,
    path = "/api/v1/roles",
    tag = "members",
    request_body = TableChange,
    responses((status = 200, body = RolesView), (status = 409, body = Problem)),
)]
pub(crate) async fn change_roles(asked: Writing) -> Result<Json<RolesView>, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<TableChange>().await?;
    let TableChange { version, reset, cells, comment } = sent.value;
    if cells.len() > CELLS_MAX {
        return Err(fields::wrong("/cells", "send at most 1,000 places at once"));
    }
    let in_force = asked.store.find_roles(&asked.manager.principal.viewer()).await?;
    let mut table = if reset { RoleTable::default() } else { in_force.table };
    let mut wrong = Vec::new();
    for (n, change) in cells.into_iter().enumerate() {
        let may = change.may;
        match change.read() {
            Ok(cell) => {
                if let Some(floor) = table.set(cell, may) {
                    wrong.push(fields::InField::new(format!("/cells/{n}/may"), floor.reason()));
                }
            }
            Err(why) => wrong.push(fields::InField::new(format!("/cells/{n}"), why)),
        }
    }
    if !wrong.is_empty() {
        return Err(RestError::Fields(wrong));
    }
    asked.store.save_roles(&administrator, version, table, &comment).await?;
    Ok(Json(self::table(&asked).await?))
}

/// Makes the table before its last change the next one. For admins.
#[utoipa::path(
    post,
    path = "/api/v1/roles/undo",
    tag = "members",
    request_body = Undo,
    responses((status = 200, body = RolesView), (status = 409, body = Problem)),
)]
pub(crate) async fn undo_roles(asked: Writing) -> Result<Json<RolesView>, RestError> {
    let administrator = asked.asked.recent_administrator()?;
    let (asked, sent) = asked.read::<Undo>().await?;
    let Undo { version, comment } = &sent.value;
    asked.store.undo_roles(&administrator, *version, comment).await?;
    Ok(Json(table(&asked).await?))
}

impl CellChange {
    fn read(self) -> Result<RoleCell, &'static str> {
        let operation = Operation::parse(&self.operation).map_err(|_| "there is no such operation")?;
        let environment = self.environment.map(engine::EnvironmentKey::try_from).transpose();
        let environment = environment.map_err(|_| "there is no such environment")?;
        match (operation.is_per_environment(), &environment) {
            (true, None) => Err("name the environment: each answers this for itself"),
            (false, Some(_)) => Err("leave the environment out: this is the same in all of them"),
            (true, Some(_)) | (false, None) => Ok(RoleCell::new(operation, self.role, environment.as_ref())),
        }
    }
}

async fn table(asked: &Asked) -> Result<RolesView, RestError> {
    let in_force = asked.store.find_roles(&asked.manager.principal.viewer()).await?;
    let keys: Vec<_> = asked.store.live().environments().iter().map(|it| it.key.clone()).collect();
    let keys: Vec<_> = keys.into_iter().filter(|it| asked.manager.reaches(it)).collect();
    let cell = |cell: RoleCell| CellView {
        operation: cell.operation,
        phrase: cell.operation.phrase(),
        role: cell.role,
        may: in_force.table.says(&cell),
        fixed: cell.floor().map(store::Floor::reason),
        environment: cell.environment.map(|key| key.to_string()),
    };
    Ok(RolesView {
        version: in_force.version(),
        cells: RoleTable::cells(&keys).map(cell).collect(),
        differences: in_force.table.differences(),
    })
}

async fn require_member(asked: &Asked, id: &str) -> Result<Member, RestError> {
    let missing = || RestError::NotFound("member");
    let id: UserId = id.parse().map_err(|_| missing())?;
    let administrator = asked.manager.principal.administrator()?;
    let all = asked.store.list_members(&administrator).await?;
    all.into_iter().find(|it| it.id == id).ok_or_else(missing)
}

fn view(it: Member) -> MemberView {
    MemberView {
        id: it.id.get(),
        name: it.name,
        email: it.email,
        role: it.role,
        state: match it.state {
            MemberState::Invited => MemberWord::Invited,
            MemberState::Active => MemberWord::Active,
            MemberState::Disabled => MemberWord::Disabled,
        },
        created_at: at(it.created_ms),
        last_seen_at: it.last_seen_ms.map(at),
    }
}
