//! How often a token may be used, how often an address may try a wrong one, and how often a member may ask for what costs
//! much. In memory, per copy of the server.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock, QuantaInstant},
};
use store::{Token, TokenId, TokenKind, TokenRefused, UserId};

use super::{super::client_address::ClientAddress, error::AccessError};
use crate::{
    Config,
    limits::{EXPORTS_PER_MINUTE, JOINS_PER_MINUTE, WRONG_TOKEN_ADDRESSES_MAX},
};

/// What is told to whoever sends more at once than it may at all.
const NEVER_FITS_RETRY_S: u64 = 60;

pub struct Allowances {
    clock: DefaultClock,
    tokens: DefaultKeyedRateLimiter<TokenId>,
    addresses: DefaultKeyedRateLimiter<Option<IpAddr>>,
    feedback_tokens: DefaultKeyedRateLimiter<TokenId>,
    feedback_addresses: DefaultKeyedRateLimiter<Option<IpAddr>>,
    joins: DefaultKeyedRateLimiter<Option<IpAddr>>,
    exports: DefaultKeyedRateLimiter<UserId>,
    event_tokens: DefaultKeyedRateLimiter<TokenId>,
    event_addresses: DefaultKeyedRateLimiter<Option<IpAddr>>,
}

impl Allowances {
    pub fn new(config: &Config) -> Self {
        Self {
            clock: DefaultClock::default(),
            tokens: RateLimiter::keyed(Quota::per_second(config.evaluations_per_second)),
            addresses: RateLimiter::keyed(Quota::per_minute(config.wrong_tokens_per_minute)),
            feedback_tokens: RateLimiter::keyed(Quota::per_minute(config.feedback_per_minute)),
            feedback_addresses: RateLimiter::keyed(Quota::per_minute(config.feedback_per_address_per_minute)),
            joins: RateLimiter::keyed(Quota::per_minute(JOINS_PER_MINUTE)),
            exports: RateLimiter::keyed(Quota::per_minute(EXPORTS_PER_MINUTE)),
            event_tokens: RateLimiter::keyed(Quota::per_second(config.client_events_per_second)),
            event_addresses: RateLimiter::keyed(Quota::per_minute(
                config.client_events_per_address_per_minute,
            )),
        }
    }

    /// One evaluation with a valid token.
    pub fn take(&self, token: TokenId) -> Result<(), AccessError> {
        self.tokens
            .check_key(&token)
            .map_err(|until| AccessError::TooMany { retry_after_s: self.retry_after_s(&until) })
    }

    /// One token that does not work; the error says whether it was one too many.
    pub fn wrong_token(&self, refused: TokenRefused, address: Option<ClientAddress>) -> AccessError {
        match self.addresses.check_key(&counted(address, &self.addresses)) {
            Ok(()) => refused.into(),
            Err(until) => AccessError::TooManyWrongTokens { retry_after_s: self.retry_after_s(&until) },
        }
    }

    /// One item of feedback. Browsers are counted by address as well: their token is in every visitor's hands. All of a
    /// backend's feedback comes from one address.
    pub fn feedback(&self, token: &Token, address: Option<ClientAddress>) -> Result<(), AccessError> {
        let too_much = |until| AccessError::TooMuchFeedback { retry_after_s: self.retry_after_s(&until) };
        if token.kind == TokenKind::Client {
            let key = counted(address, &self.feedback_addresses);
            self.feedback_addresses.check_key(&key).map_err(too_much)?;
        }
        self.feedback_tokens.check_key(&token.id).map_err(too_much)
    }

    /// So many events of a browser, whose token is in every visitor's hands. More than a whole burst never fits.
    pub fn events(
        &self,
        token: TokenId,
        address: Option<ClientAddress>,
        count: usize,
    ) -> Result<(), AccessError> {
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        let never = AccessError::TooManyEvents { retry_after_s: NEVER_FITS_RETRY_S };
        let too_many = |until| AccessError::TooManyEvents { retry_after_s: self.retry_after_s(&until) };
        let key = counted(address, &self.event_addresses);
        let by_address = self.event_addresses.check_key_n(&key, count).map_err(|_| never.clone())?;
        by_address.map_err(too_many)?;
        self.event_tokens.check_key_n(&token, count).map_err(|_| never)?.map_err(too_many)
    }

    /// One attempt to accept an invitation; the error is how many seconds to wait when it was one too many.
    pub fn join(&self, address: Option<ClientAddress>) -> Result<(), u64> {
        self.joins.check_key(&counted(address, &self.joins)).map_err(|until| self.retry_after_s(&until))
    }

    /// One export by a member; the error is how many seconds to wait when it was one too many.
    pub fn export(&self, by: UserId) -> Result<(), u64> {
        self.exports.check_key(&by).map_err(|until| self.retry_after_s(&until))
    }

    /// Forgets who has their whole allowance again. Called now and then.
    pub fn tidy(&self) {
        self.tokens.retain_recent();
        self.addresses.retain_recent();
        self.feedback_tokens.retain_recent();
        self.feedback_addresses.retain_recent();
        self.joins.retain_recent();
        self.exports.retain_recent();
        self.event_tokens.retain_recent();
        self.event_addresses.retain_recent();
    }

    fn retry_after_s(&self, until: &NotUntil<QuantaInstant>) -> u64 {
        whole_seconds(until.wait_time_from(self.clock.now()))
    }
}

/// What an address is counted by. An attacker with many addresses must not fill our memory: the surplus shares one
/// allowance.
fn counted(
    address: Option<ClientAddress>,
    known: &DefaultKeyedRateLimiter<Option<IpAddr>>,
) -> Option<IpAddr> {
    address.map(ClientAddress::counted).filter(|_| known.len() < WRONG_TOKEN_ADDRESSES_MAX)
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}
