//! Counting known people: how many, and which, a definition reaches. Pure; whoever walks the people decides in which
//! order and how far. What was not walked to the end is a random sample, and its numbers say so.

mod channel;
mod estimate;
mod impact;
mod moves;
mod shuffled;
mod survey;
mod tally;

pub use channel::{ChannelCount, Overlap};
pub use estimate::{Count, Sample, grouped, interval_95};
pub use impact::Impact;
pub use moves::{Moved, Mover, Side};
pub use shuffled::Shuffled;
pub use survey::{Survey, Surveyor};
pub use tally::{Counted, Question, Tally};
