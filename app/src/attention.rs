//! What needs somebody: found in one pass over what is in memory, told by the desk and counted by the navigation.

mod chores;
mod counts;
mod urgent;

use std::sync::Arc;

use engine::Flag;
use store::PlanUnderWay;

pub use chores::{Chores, chores};
pub use counts::Counts;
pub use urgent::urgent;

engine::words! {
    /// What a need is about, the most pressing first; the word stands in addresses.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Topic {
        /// The guard took something away, and nobody has decided since.
        Guard = "guard",
        /// A release plan stands still until somebody decides.
        Plan = "plan",
        Approval = "approval",
        /// Begins by itself soon.
        Scheduled = "scheduled",
        CleanUp = "clean-up",
        Unowned = "unowned",
        Unserved = "unserved",
    }
}

impl Topic {
    /// Somebody is waited for; the others can wait.
    pub fn is_urgent(self) -> bool {
        match self {
            Self::Guard | Self::Plan | Self::Approval => true,
            Self::Scheduled | Self::CleanUp | Self::Unowned | Self::Unserved => false,
        }
    }

    /// `2 need a decision about their plan`: so many flags, in a list.
    pub fn counted(self, flags: usize) -> String {
        let number = engine::grouped(flags);
        let (one, many) = match self {
            Self::Guard => ("was taken back by the guard", "were taken back by the guard"),
            Self::Plan => ("has a plan that waits", "have a plan that waits"),
            Self::Approval => ("waits for an approval", "wait for an approval"),
            Self::Scheduled => ("starts by itself soon", "start by themselves soon"),
            Self::CleanUp => ("can be cleaned up", "can be cleaned up"),
            Self::Unowned => ("has no owner", "have no owner"),
            Self::Unserved => ("has no traffic", "have no traffic"),
        };
        format!("{number} {}", if flags == 1 { one } else { many })
    }

    /// As a choice among filters.
    pub fn label(self) -> &'static str {
        match self {
            Self::Guard => "Taken back by the guard",
            Self::Plan => "Its plan waits",
            Self::Approval => "Waits for an approval",
            Self::Scheduled => "Starts by itself soon",
            Self::CleanUp => "Ready to clean up",
            Self::Unowned => "Without an owner",
            Self::Unserved => "Without traffic",
        }
    }
}

/// Why a flag needs somebody.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// The guard stopped it, perhaps together with its plan.
    Stopped(Option<Arc<PlanUnderWay>>),
    /// The guard lowered it.
    Lowered,
    RolledBack(Arc<PlanUnderWay>),
    /// By a guardrail.
    Paused(Arc<PlanUnderWay>),
    /// The plan holds, and time alone changes nothing about it.
    Holds(Arc<PlanUnderWay>),
    /// The step, counted from 0.
    Approval(Arc<PlanUnderWay>, usize),
    Scheduled(Arc<PlanUnderWay>),
    /// It is marked as completed; when it was last served, where that was lately.
    Completed {
        served_ms: Option<i64>,
    },
    Unowned,
    /// It is rolled out, and nobody was served it lately; when it last was, as far as that is kept.
    Unserved {
        served_ms: Option<i64>,
    },
}

/// One flag that needs somebody, for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    pub flag: Arc<Flag>,
    pub why: Why,
    /// Since when; of what begins by itself, when that is.
    pub since_ms: i64,
}

impl Need {
    pub fn topic(&self) -> Topic {
        match self.why {
            Why::Stopped(_) | Why::Lowered => Topic::Guard,
            Why::RolledBack(_) | Why::Paused(_) | Why::Holds(_) => Topic::Plan,
            Why::Approval(..) => Topic::Approval,
            Why::Scheduled(_) => Topic::Scheduled,
            Why::Completed { .. } => Topic::CleanUp,
            Why::Unowned => Topic::Unowned,
            Why::Unserved { .. } => Topic::Unserved,
        }
    }
}

/// The most pressing first, and of one topic what waits the longest; always in the same order.
pub fn in_order(needs: &mut [Need]) {
    needs.sort_by(|a, b| {
        let place = |need: &Need| (need.topic(), need.since_ms);
        place(a).cmp(&place(b)).then_with(|| a.flag.key.cmp(&b.flag.key))
    });
}
