//! What a token may do, told to the check of permissions.

use super::{Token, TokenKind};
use crate::{
    Denied, Live, PeopleWriter, Principal, RequestOrigin, UserId,
    permission::{TokenAnswerer, TokenAuthority, TokenRights},
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
            bound_to: self.environment().cloned(),
            owner: owner.map(|it| TokenAnswerer { id: it.id, role: it.role, disabled: it.disabled }),
        }
    }
}

impl Principal {
    /// Whoever holds a management token acts for its owner: it may what both its role and its owner's may now, where it
    /// counts; other tokens manage nothing.
    pub fn of_token(token: &Token, live: &Live, origin: RequestOrigin) -> Option<Self> {
        Self::of_authority(token.authority(), &live.roles(), origin)
    }
}

impl PeopleWriter {
    /// Of a server token that was granted it, or of a management token by its role and where it counts. People are the
    /// same in every environment.
    pub fn of_token(token: &Token, live: &Live, origin: RequestOrigin) -> Result<Self, Denied> {
        Self::of_authority(token.authority(), &live.roles(), origin)
    }
}
