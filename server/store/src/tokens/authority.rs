//! What a token may do, told to the check of permissions.

use super::{Token, TokenKind};
use crate::{
    Denied, PeopleWriter, Principal, RequestOrigin, UserId,
    permission::{Reach, TokenAnswerer, TokenAuthority, TokenRights},
};

impl Token {
    fn authority(&self) -> TokenAuthority {
        let rights = match self.kind {
            TokenKind::Server => TokenRights::Server { stores_people: self.writes_traits },
            TokenKind::Client => TokenRights::Client,
            TokenKind::Admin(role) => TokenRights::Manages(role),
        };
        let owner = self.owner.as_ref();
        TokenAuthority {
            // Tokens act under negative numbers.
            id: UserId::new(-self.id.get()),
            name: self.actor_name(),
            rights,
            reach: self.environment().cloned().map_or(Reach::Everywhere, Reach::Only),
            owner: owner.map(|it| TokenAnswerer { id: it.id, role: it.role, disabled: it.disabled }),
        }
    }
}

impl Principal {
    /// Whoever holds a management token acts for its owner, with its role and never with more than the owner may now,
    /// where it counts; other tokens manage nothing.
    pub fn of_token(token: &Token, origin: RequestOrigin) -> Option<Self> {
        Self::of_authority(token.authority(), origin)
    }
}

impl PeopleWriter {
    /// Of a server token that was granted it, or of a management token by its role and where it counts. People are the
    /// same in every environment.
    pub fn of_token(token: &Token, origin: RequestOrigin) -> Result<Self, Denied> {
        Self::of_authority(token.authority(), origin)
    }
}
