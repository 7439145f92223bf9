//! How many event streams are open, and who holds them: one token, one address and one subject have their shares, so that
//! nobody sits on all of them.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use store::TokenId;

use super::ticket::SubjectMark;
use crate::{Config, figures::Figures, limits::STREAMS_PER_SUBJECT_MAX};

/// Locked when a stream opens or ends.
pub struct Seats(Arc<Shared>);

struct Shared {
    max: usize,
    per_token_max: usize,
    per_address_max: usize,
    taken: Mutex<Occupied>,
    figures: Arc<Figures>,
}

#[derive(Default)]
struct Occupied {
    all: usize,
    by: HashMap<Holder, usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Token(TokenId),
    Address(IpAddr),
    Subject(TokenId, SubjectMark),
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSeat {
    /// All are taken.
    Full,
    /// The share of this token, address or subject is.
    Share,
}

/// One open stream; given back when it is dropped.
pub struct Seat {
    shared: Arc<Shared>,
    holders: [Option<Holder>; 3],
}

impl Seats {
    pub fn new(config: &Config, figures: Arc<Figures>) -> Self {
        Self(Arc::new(Shared {
            max: config.streams_max,
            per_token_max: config.streams_per_token_max(),
            per_address_max: config.streams_per_address_max(),
            taken: Mutex::default(),
            figures,
        }))
    }

    pub fn take(
        &self,
        token: TokenId,
        address: Option<IpAddr>,
        subject: Option<SubjectMark>,
    ) -> Result<Seat, NoSeat> {
        let shared = &self.0;
        let mut taken = shared.taken();
        if taken.all >= shared.max {
            return Err(NoSeat::Full);
        }
        let holders = [
            Some(Holder::Token(token)),
            address.map(Holder::Address),
            subject.map(|subject| Holder::Subject(token, subject)),
        ];
        let has_its_share =
            |holder: &Holder| taken.by.get(holder).is_some_and(|count| *count >= shared.share(*holder));
        if holders.iter().flatten().any(has_its_share) {
            return Err(NoSeat::Share);
        }
        taken.all += 1;
        for holder in holders.into_iter().flatten() {
            *taken.by.entry(holder).or_default() += 1;
        }
        drop(taken);
        shared.figures.stream_opened();
        Ok(Seat { shared: Arc::clone(shared), holders })
    }
}

impl Shared {
    fn share(&self, of: Holder) -> usize {
        match of {
            Holder::Token(_) => self.per_token_max,
            Holder::Address(_) => self.per_address_max,
            Holder::Subject(..) => STREAMS_PER_SUBJECT_MAX,
        }
    }

    fn taken(&self) -> MutexGuard<'_, Occupied> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.shared.taken();
        taken.all -= 1;
        self.shared.figures.stream_ended();
        for holder in self.holders.into_iter().flatten() {
            if let Some(count) = taken.by.get_mut(&holder) {
                *count -= 1;
                if *count == 0 {
                    taken.by.remove(&holder);
                }
            }
        }
    }
}
