//! Whom a decision is for, and where each attribute's value came from.

use serde::{Deserialize, Serialize};

use crate::{Attributes, Traits, ValueRef};

/// Who sent the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A server token: may set every attribute.
    Server,
    /// A client token (a browser): trusted attributes that it sends are ignored.
    Client,
}

/// Where an attribute's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Sent with the call.
    Sent,
    /// Stored with the known subject.
    Trait,
    /// From a context that the customer's backend signed.
    Signed,
    /// Sent by a client although the attribute is trusted: not used.
    Refused,
}

/// A subject and its attributes: sent with the call, signed by a backend, stored as traits.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub targeting_key: Option<&'a str>,
    pub sender: Sender,
    pub sent: &'a Attributes,
    pub signed: &'a Attributes,
    pub traits: Traits<'a>,
}

impl<'a> Context<'a> {
    /// A context as a server sends it, without stored traits.
    pub fn from_server(targeting_key: Option<&'a str>, sent: &'a Attributes) -> Self {
        Self { targeting_key, sender: Sender::Server, sent, signed: Attributes::EMPTY, traits: Traits::EMPTY }
    }

    /// A known subject seen through its stored traits only.
    pub fn from_traits(targeting_key: &'a str, traits: impl Into<Traits<'a>>) -> Self {
        Self {
            targeting_key: Some(targeting_key),
            sender: Sender::Server,
            sent: Attributes::EMPTY,
            signed: Attributes::EMPTY,
            traits: traits.into(),
        }
    }

    /// The targeting key; an empty one names nobody and counts as missing.
    #[inline]
    pub fn subject(&self) -> Option<&'a str> {
        self.targeting_key.filter(|key| !key.is_empty())
    }

    /// The value that counts: signed, then sent (unless refused), then the stored trait.
    #[inline]
    pub(crate) fn attribute(&self, name: &str, trusted: bool) -> Option<(ValueRef<'a>, Origin)> {
        if let Some(value) = self.signed.get(name) {
            return Some((value.into(), Origin::Signed));
        }
        if !self.refuses(trusted)
            && let Some(value) = self.sent.get(name)
        {
            return Some((value.into(), Origin::Sent));
        }
        self.traits.get(name).map(|value| (value, Origin::Trait))
    }

    /// A value that was sent and must not be used.
    pub(crate) fn refused(&self, name: &str, trusted: bool) -> Option<ValueRef<'a>> {
        if self.refuses(trusted) { self.sent.get(name).map(ValueRef::from) } else { None }
    }

    /// An object that was sent or signed, in which the attribute may stand: it is not looked into.
    pub(crate) fn object_around(&self, name: &str) -> Option<&'a str> {
        self.signed.object_around(name).or_else(|| self.sent.object_around(name))
    }

    fn refuses(&self, trusted: bool) -> bool {
        trusted && self.sender == Sender::Client
    }
}
