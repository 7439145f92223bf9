//! The bookings made since the start. They live in memory: this is a demo, and a restart clears it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{customers::Customer, payment::Travellers, trips::Trip};

/// How many bookings are kept; the oldest make room.
const BOOKINGS_MAX: usize = 2_000;

/// Letters and digits that nobody confuses on the phone.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// One paid trip.
#[derive(Clone, Debug)]
pub struct Booking {
    pub reference: String,
    pub customer_id: &'static str,
    pub trip: Trip,
    pub travellers: Travellers,
    pub paid_with: PaidWith,
}

/// How it was paid; both name the last digits of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaidWith {
    FastPayment(String),
    Card(String),
}

impl Booking {
    pub fn total_cents(&self) -> u32 {
        total_cents(&self.trip, self.travellers)
    }
}

pub fn total_cents(trip: &Trip, travellers: Travellers) -> u32 {
    trip.connection.price_cents * u32::from(travellers.get())
}

#[derive(Default)]
pub struct Bookings {
    newest_first: Mutex<VecDeque<Booking>>,
}

impl Bookings {
    pub fn add(
        &self,
        customer: &Customer,
        trip: Trip,
        travellers: Travellers,
        paid_with: PaidWith,
    ) -> Result<Booking, getrandom::Error> {
        let booking =
            Booking { reference: random_reference()?, customer_id: customer.id, trip, travellers, paid_with };
        let mut bookings = self.lock();
        bookings.push_front(booking.clone());
        bookings.truncate(BOOKINGS_MAX);
        Ok(booking)
    }

    /// This customer's bookings, newest first.
    pub fn list(&self, customer: &Customer) -> Vec<Booking> {
        self.lock().iter().filter(|booking| booking.customer_id == customer.id).cloned().collect()
    }

    /// The booking with this reference, when it is this customer's.
    pub fn find(&self, customer: &Customer, reference: &str) -> Option<Booking> {
        self.lock()
            .iter()
            .find(|booking| booking.customer_id == customer.id && booking.reference == reference)
            .cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Booking>> {
        self.newest_first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random_reference() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 6];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}
