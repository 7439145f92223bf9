//! The pages of one flag: what they all load, and the header that says the flag's state and stops it.

pub mod connect;
pub mod exposures;
pub mod feedback;
mod head;
pub mod health;
pub mod history;
pub mod incident;
pub mod new;
pub mod plan;
pub mod rollout;
pub mod settings;
mod shown;
mod tab;
mod watch;

pub use head::frame;
pub use shown::{FlagPage, forecast_of};
pub use tab::Tab;
