//! Which token each operation takes. The store's proofs decide; this table says it in the document, and the tests hold
//! the two together. What one environment decides, serves or measures is that environment's; what all of them share
//! (people, groups, defaults) is the workspace's.

use utoipa::{
    PartialSchema as _,
    openapi::{
        OpenApi, PathItem, RefOr, Required,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    },
};

use super::document::{IdempotencyKey, Key};

/// Which token an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    AnyToken,
    /// What applications send.
    ServerOrClient,
    /// What backends ask before they act.
    Server,
    /// Storing people: a server token that was granted it, or a management token for the whole workspace.
    Traits,
    /// Reading what is in force everywhere.
    Management,
    /// A management token of the environment, or for the whole workspace.
    Environment,
    /// A management token for the whole workspace; the answer is about one environment.
    WorkspaceIn,
    /// A management token for the whole workspace.
    Workspace,
}

/// Every operation below `/api/v1`.
pub const OPERATIONS: &[(&str, &str, Needs)] = &[
    ("GET", "/api/v1/token", Needs::AnyToken),
    ("POST", "/api/v1/events", Needs::ServerOrClient),
    ("POST", "/api/v1/feedback", Needs::ServerOrClient),
    ("POST", "/api/v1/check", Needs::Server),
    ("GET", "/api/v1/permissions", Needs::ServerOrClient),
    ("PUT", "/api/v1/people/{id}", Needs::Traits),
    ("POST", "/api/v1/people", Needs::Traits),
    ("GET", "/api/v1/people/{id}", Needs::WorkspaceIn),
    ("GET", "/api/v1/people/{id}/exposures", Needs::WorkspaceIn),
    ("DELETE", "/api/v1/people/{id}", Needs::Workspace),
    ("POST", "/api/v1/groups/{key}/enrolments", Needs::Workspace),
    ("GET", "/api/v1/groups/{key}/enrolments", Needs::Workspace),
    ("DELETE", "/api/v1/groups/{key}/enrolments/{subject}", Needs::Workspace),
    ("GET", "/api/v1/groups", Needs::Management),
    ("POST", "/api/v1/groups", Needs::Workspace),
    ("GET", "/api/v1/groups/{key}", Needs::Management),
    ("PUT", "/api/v1/groups/{key}", Needs::Workspace),
    ("DELETE", "/api/v1/groups/{key}", Needs::Workspace),
    ("GET", "/api/v1/groups/{key}/uses", Needs::Management),
    ("POST", "/api/v1/group-previews", Needs::Environment),
    ("GET", "/api/v1/groups/{key}/invitations", Needs::Management),
    ("POST", "/api/v1/groups/{key}/invitations", Needs::Workspace),
    ("DELETE", "/api/v1/groups/{key}/invitations/{id}", Needs::Workspace),
    ("POST", "/api/v1/groups/{key}/tester-lists", Needs::Workspace),
    ("POST", "/api/v1/groups/{key}/extensions", Needs::Workspace),
    ("PUT", "/api/v1/flags/{key}/exclusions/{subject}", Needs::Environment),
    ("DELETE", "/api/v1/flags/{key}/exclusions/{subject}", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/previews", Needs::Environment),
    ("GET", "/api/v1/groups/{key}/history", Needs::Management),
    ("GET", "/api/v1/people", Needs::Workspace),
    ("GET", "/api/v1/people/{id}/changes", Needs::WorkspaceIn),
    ("GET", "/api/v1/people/{id}/groups", Needs::Workspace),
    ("GET", "/api/v1/people/{id}/feedback", Needs::WorkspaceIn),
    ("GET", "/api/v1/feedback", Needs::WorkspaceIn),
    ("GET", "/api/v1/feedback/{id}", Needs::Workspace),
    ("PUT", "/api/v1/feedback/{id}/triage", Needs::Workspace),
    ("GET", "/api/v1/feedback-handlers", Needs::Workspace),
    ("POST", "/api/v1/complaints", Needs::WorkspaceIn),
    ("GET", "/api/v1/audit", Needs::Workspace),
    ("GET", "/api/v1/audit.csv", Needs::Workspace),
    ("GET", "/api/v1/audit.ndjson", Needs::Workspace),
    ("GET", "/api/v1/audit/{seq}", Needs::Workspace),
    ("POST", "/api/v1/audit/{seq}/revert", Needs::Workspace),
    ("GET", "/api/v1/attributes", Needs::Management),
    ("GET", "/api/v1/attributes/{name}", Needs::Workspace),
    ("PUT", "/api/v1/attributes/{name}", Needs::Workspace),
    ("DELETE", "/api/v1/attributes/{name}", Needs::Workspace),
    ("GET", "/api/v1/metrics", Needs::Management),
    ("PUT", "/api/v1/metrics/{key}", Needs::Workspace),
    ("DELETE", "/api/v1/metrics/{key}", Needs::Workspace),
    ("GET", "/api/v1/personas", Needs::Management),
    ("POST", "/api/v1/personas", Needs::Workspace),
    ("DELETE", "/api/v1/personas/{id}", Needs::Workspace),
    ("GET", "/api/v1/environments", Needs::Management),
    ("GET", "/api/v1/environments/{key}/retention", Needs::Workspace),
    ("PUT", "/api/v1/environments/{key}/retention", Needs::Workspace),
    ("GET", "/api/v1/webhooks", Needs::Workspace),
    ("POST", "/api/v1/webhooks", Needs::Workspace),
    ("DELETE", "/api/v1/webhooks/{id}", Needs::Workspace),
    ("POST", "/api/v1/webhooks/{id}/test", Needs::Workspace),
    ("GET", "/api/v1/tokens", Needs::Workspace),
    ("POST", "/api/v1/tokens", Needs::Workspace),
    ("DELETE", "/api/v1/tokens/{id}", Needs::Workspace),
    ("POST", "/api/v1/tokens/{id}/rotate", Needs::Workspace),
    ("PUT", "/api/v1/tokens/{id}/grant", Needs::Workspace),
    ("GET", "/api/v1/members", Needs::Workspace),
    ("POST", "/api/v1/members", Needs::Workspace),
    ("PATCH", "/api/v1/members/{id}", Needs::Workspace),
    ("POST", "/api/v1/members/{id}/reset", Needs::Workspace),
    ("POST", "/api/v1/members/{id}/sign-out", Needs::Workspace),
    ("GET", "/api/v1/roles", Needs::Management),
    ("PATCH", "/api/v1/roles", Needs::Workspace),
    ("POST", "/api/v1/roles/undo", Needs::Workspace),
    ("GET", "/api/v1/guardrails", Needs::Management),
    ("PUT", "/api/v1/guardrails", Needs::Workspace),
    ("DELETE", "/api/v1/guardrails", Needs::Workspace),
    ("GET", "/api/v1/audit/head", Needs::Workspace),
    ("GET", "/api/v1/flags", Needs::Environment),
    ("POST", "/api/v1/flags", Needs::Workspace),
    ("GET", "/api/v1/flags/{key}", Needs::Management),
    ("PUT", "/api/v1/flags/{key}", Needs::Workspace),
    ("POST", "/api/v1/flags/{key}/archive", Needs::Workspace),
    ("POST", "/api/v1/flags/{key}/restore", Needs::Workspace),
    ("POST", "/api/v1/flags/{key}/explain", Needs::Environment),
    ("GET", "/api/v1/flags/{key}/history", Needs::Environment),
    ("GET", "/api/v1/flags/{key}/exposures", Needs::Environment),
    ("GET", "/api/v1/flags/{key}/health", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/incidents/{seq}/share", Needs::WorkspaceIn),
    ("GET", "/api/v1/flags/{key}/guardrails", Needs::Environment),
    ("PUT", "/api/v1/flags/{key}/guardrails", Needs::Environment),
    ("DELETE", "/api/v1/flags/{key}/guardrails", Needs::Environment),
    ("GET", "/api/v1/flags/{key}/plan", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/plan", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/plan/{transition}", Needs::Environment),
    ("GET", "/api/v1/flags/{key}/rollout", Needs::Environment),
    ("PUT", "/api/v1/flags/{key}/rollout", Needs::Environment),
    ("PATCH", "/api/v1/flags/{key}/rules/{rule}", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/stop", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/resume", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/rollout/preview", Needs::Environment),
    ("GET", "/api/v1/flags/{key}/rollout/versions/{version}", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/rollout/revert", Needs::Environment),
    ("POST", "/api/v1/flags/{key}/rollout/re-randomise", Needs::Environment),
];

/// What is no change although it is sent, or has ids of its own by which it is known when it comes again.
const WITHOUT_KEY: &[&str] = &[
    "/api/v1/check",
    "/api/v1/events",
    "/api/v1/feedback",
    "/api/v1/flags/{key}/explain",
    "/api/v1/flags/{key}/rollout/preview",
    "/api/v1/group-previews",
];

/// Whether an operation takes an `Idempotency-Key`.
pub(super) fn takes_key(method: &str, path: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS") && !WITHOUT_KEY.contains(&path)
}

impl Needs {
    fn sentence(self) -> &'static str {
        match self {
            Self::AnyToken => "Takes any token.",
            Self::ServerOrClient => "Takes a server or client token.",
            Self::Server => "Takes a server token.",
            Self::Traits => {
                "Takes a server token that may store people, or a management token for the whole workspace."
            }
            Self::Management => "Takes any management token.",
            Self::Environment => "Takes a management token of the environment, or for the whole workspace.",
            Self::WorkspaceIn | Self::Workspace => "Takes a management token for the whole workspace.",
        }
    }

    /// Whether a token for the whole workspace has to say where.
    fn names_environment(self) -> bool {
        match self {
            Self::Environment | Self::WorkspaceIn => true,
            Self::AnyToken
            | Self::ServerOrClient
            | Self::Server
            | Self::Traits
            | Self::Management
            | Self::Workspace => false,
        }
    }
}

/// Adds to each operation which token it takes, and how one for the whole workspace names the environment.
pub fn describe(document: &mut OpenApi) {
    for (method, path, needs) in OPERATIONS {
        let item = document.paths.paths.get_mut(*path);
        let Some(operation) = item.and_then(|item| operation(item, method)) else { continue };
        let before = operation.description.take().map_or_else(String::new, |text| format!("{text}\n\n"));
        operation.description = Some(format!("{before}{}", needs.sentence()));
        if needs.names_environment() && !has_environment(operation) {
            let environment = ParameterBuilder::new()
                .name("environment")
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .schema(Some(Key::schema()))
                .description(Some(
                    "The environment that this is about. A token for the whole workspace has to name it; one that is \
                     bound to an environment need not, and is refused for another.",
                ));
            operation.parameters.get_or_insert_default().push(environment.build().into());
        }
        if takes_key(method, path) {
            let key = ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .schema(Some(IdempotencyKey::schema()))
                .description(Some(
                    "Sent again with the same key by the same token within 24 hours, the same request is done once and \
                     answered with the same status and body. With another request, the key is refused.",
                ));
            operation.parameters.get_or_insert_default().push(key.build().into());
        }
    }
}

fn has_environment(operation: &Operation) -> bool {
    let named = |it: &RefOr<Parameter>| matches!(it, RefOr::T(parameter) if parameter.name == "environment");
    operation.parameters.iter().flatten().any(named)
}

fn operation<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "PUT" => item.put.as_mut(),
        "POST" => item.post.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_document_stands_in_the_table_and_no_other() {
        let (_, mut document) = super::super::operations().split_for_parts();
        describe(&mut document);
        let mut documented = Vec::new();
        for (path, item) in &mut document.paths.paths {
            for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
                if let Some(operation) = operation(item, method) {
                    let says = operation.description.as_deref().is_some_and(|text| text.contains("Takes a"));
                    assert!(says, "{method} {path} does not say which token it takes");
                    documented.push((method.to_owned(), path.clone()));
                }
            }
        }
        let mut table: Vec<_> =
            OPERATIONS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        table.sort();
        documented.sort();
        assert_eq!(table, documented);
    }
}
