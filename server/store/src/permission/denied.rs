//! Why somebody may not, in a sentence that says who may and how one becomes that.

use std::fmt;

use engine::EnvironmentKey;

use super::{Operation, Role};

/// Why an operation is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeniedBecause {
    /// The role table says no, in this environment where each answers for itself, and lets these.
    Role { role: Role, who: Vec<Role>, environment: Option<EnvironmentKey> },
    /// A token of one environment, for what concerns them all.
    OneEnvironment,
    /// A token of another environment.
    AnotherEnvironment,
    /// A token that is nobody's, for what a person has to answer for.
    Nobodys,
    /// A server token that was not granted to store people.
    NoTraits,
    /// A client token is in every visitor's hands.
    ClientToken,
    /// The member, or the owner of the token, was disabled after the request came.
    Disabled,
    /// The session was ended, or the token revoked, after the request came.
    Ended,
}

/// Somebody may not do the operation. `Display` says who may, and how one becomes that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    pub operation: Operation,
    pub because: DeniedBecause,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Looking is never denied so: then it is about what was to be changed.
        let what = match self.operation {
            Operation::View => "this".to_owned(),
            operation => format!("to {}", operation.phrase()),
        };
        match &self.because {
            DeniedBecause::Role { role, who, environment } => {
                let place = environment.as_ref().map(|key| format!(" in {key}")).unwrap_or_default();
                let phrase = self.operation.phrase();
                write!(f, "your role ({role}) does not allow you to {phrase}{place}: {} may", all_of(who))
            }
            DeniedBecause::OneEnvironment => write!(
                f,
                "this token is bound to one environment, and {what} concerns the whole workspace: an admin makes a \
                 management token for the whole workspace under Settings → Tokens, or with `fader token create --kind \
                 admin` and no --env"
            ),
            DeniedBecause::AnotherEnvironment => write!(
                f,
                "this token is bound to another environment: use one of this environment, or a management token for \
                 the whole workspace (Settings → Tokens, or `fader token create --kind admin` and no --env)"
            ),
            DeniedBecause::Nobodys => write!(
                f,
                "this token is nobody's, and {what} takes a person: make it under Settings → Tokens, or name its \
                 owner with `fader token create --owner`"
            ),
            DeniedBecause::NoTraits => write!(
                f,
                "this server token may not store people: an admin lets it under Settings → Tokens, or makes one with \
                 `fader token create --kind server --writes-traits`"
            ),
            DeniedBecause::ClientToken => write!(
                f,
                "a client token stores nobody, as every visitor has it: send this from a backend, with a server token \
                 that may store people"
            ),
            DeniedBecause::Disabled => {
                write!(f, "this account is disabled: an admin enables it again under Settings → Members")
            }
            DeniedBecause::Ended => write!(
                f,
                "this session or token was ended a moment ago, and nothing was changed: sign in again, or use another \
                 token"
            ),
        }
    }
}

/// `Admin, Product manager and QA`: never nobody, since an admin may everything.
pub(super) fn all_of(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => format!("only {only}"),
        None => "nobody".to_owned(),
    }
}

impl std::error::Error for Denied {}
