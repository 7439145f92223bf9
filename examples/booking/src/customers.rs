//! The people one can be in the demo. Their ids are the subjects of Fader's demo data, so what Fader knows
//! about them (agency, tier, role) is what this site knows.

use crate::fader::Subject;

/// Somebody who books trips.
#[derive(Debug)]
pub struct Customer {
    /// The subject that Fader is asked about
    pub id: &'static str,
    pub name: &'static str,
    pub agency: &'static str,
    /// The agency's id
    pub tenant: &'static str,
    pub tier: Tier,
    pub role: Role,
    /// Last digits of the card on file, which fast payment charges
    pub card_on_file: &'static str,
}

/// What kind of contract the agency has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Vip,
    Standard,
}

/// What the customer is to the company that runs this site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Agent,
    Staff,
}

impl Tier {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vip => "vip",
            Self::Standard => "standard",
        }
    }
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Staff => "staff",
        }
    }
}

impl Customer {
    /// What Fader is told about them.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            id: self.id,
            tenant: Some(self.tenant),
            tier: Some(self.tier.as_str()),
            role: Some(self.role.as_str()),
        }
    }

    /// The two letters on the customer's badge.
    pub fn initials(&self) -> String {
        self.name.split(' ').filter_map(|word| word.chars().next()).take(2).collect()
    }

    /// What the agency is, in words.
    pub fn standing(&self) -> &'static str {
        match (self.role, self.tier) {
            (Role::Staff, _) => "Staff",
            (Role::Agent, Tier::Vip) => "VIP agency",
            (Role::Agent, Tier::Standard) => "Agency",
        }
    }
}

pub fn find_customer(id: &str) -> Option<&'static Customer> {
    CUSTOMERS.iter().find(|customer| customer.id == id)
}

pub static CUSTOMERS: [Customer; 6] = [
    Customer {
        id: "ada.moreau",
        name: "Ada Moreau",
        agency: "Belvedere Voyages",
        tenant: "belvedere",
        tier: Tier::Vip,
        role: Role::Agent,
        card_on_file: "4242",
    },
    Customer {
        id: "jonas.lindqvist",
        name: "Jonas Lindqvist",
        agency: "Nordlys Travel",
        tenant: "nordlys",
        tier: Tier::Vip,
        role: Role::Agent,
        card_on_file: "1881",
    },
    Customer {
        id: "marta.kowalska",
        name: "Marta Kowalska",
        agency: "Bursztyn Podróże",
        tenant: "bursztyn",
        tier: Tier::Standard,
        role: Role::Agent,
        card_on_file: "0005",
    },
    Customer {
        id: "tom.okafor",
        name: "Tom Okafor",
        agency: "Harbour & Hill",
        tenant: "harbour-hill",
        tier: Tier::Standard,
        role: Role::Agent,
        card_on_file: "4444",
    },
    Customer {
        id: "lena.fischer",
        name: "Lena Fischer",
        agency: "Fischer Reisen",
        tenant: "fischer",
        tier: Tier::Standard,
        role: Role::Agent,
        card_on_file: "8431",
    },
    Customer {
        id: "sam.staff",
        name: "Sam Rivers",
        agency: "Passerelle, our own people",
        tenant: "passerelle",
        tier: Tier::Standard,
        role: Role::Staff,
        card_on_file: "1111",
    },
];
