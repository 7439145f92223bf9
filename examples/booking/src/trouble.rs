//! How fast payment behaves: well, or in one of the ways in which a new feature goes wrong. The admin corner sets it,
//! for real visitors and simulated ones alike.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

/// A way to go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    /// Many payments fail.
    Errors,
    /// Payments take much longer.
    Slow,
    /// Payments work, but many customers give up before they pay.
    Confusing,
}

impl Trouble {
    pub const ALL: [Self; 4] = [Self::None, Self::Errors, Self::Slow, Self::Confusing];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Errors => "errors",
            Self::Slow => "slow",
            Self::Confusing => "confusing",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::None => "Works well",
            Self::Errors => "Fails often",
            Self::Slow => "Is slow",
            Self::Confusing => "Confuses people",
        }
    }

    pub fn says(self) -> &'static str {
        match self {
            Self::None => "As it was meant to be: quick, and hardly ever an error.",
            Self::Errors => "One payment in four fails. Nothing is charged then.",
            Self::Slow => "Every payment takes two seconds longer.",
            Self::Confusing => "Payments work, but a third of those who start give up.",
        }
    }

    /// Of 1,000 fast payments, how many fail.
    pub fn failures_per_mille(self) -> u32 {
        match self {
            Self::None | Self::Slow | Self::Confusing => 4,
            Self::Errors => 250,
        }
    }

    /// Of 1,000 customers who are offered fast payment, how many give up before they pay.
    pub fn abandons_per_mille(self) -> u32 {
        match self {
            Self::None | Self::Errors | Self::Slow => 60,
            Self::Confusing => 380,
        }
    }

    pub fn extra_delay(self) -> Duration {
        match self {
            Self::None | Self::Errors | Self::Confusing => Duration::ZERO,
            Self::Slow => Duration::from_secs(2),
        }
    }
}

/// The switch.
#[derive(Debug, Default)]
pub struct Switch(AtomicU8);

impl Switch {
    pub fn get(&self) -> Trouble {
        let at = usize::from(self.0.load(Ordering::Relaxed));
        Trouble::ALL.get(at).copied().unwrap_or_default()
    }

    pub fn set(&self, trouble: Trouble) {
        let at = Trouble::ALL.iter().zip(0_u8..).find(|(other, _)| **other == trouble);
        self.0.store(at.map_or(0, |(_, at)| at), Ordering::Relaxed);
    }
}

/// A number from 0 to 999, each as likely as the others.
pub fn per_mille() -> Result<u32, getrandom::Error> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)?;
    // The remainder favours small numbers by one in four million.
    Ok(u32::from_le_bytes(bytes) % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_keeps_every_setting() {
        let switch = Switch::default();
        assert_eq!(switch.get(), Trouble::None);
        for trouble in Trouble::ALL {
            switch.set(trouble);
            assert_eq!(switch.get(), trouble);
            assert_eq!(Trouble::parse(trouble.as_str()), Some(trouble));
        }
        assert_eq!(Trouble::parse("fire"), None);
    }
}
