//! Who may do what, and where: the role table, which admins change within its floors.

mod form;
pub mod page;
pub mod save;

pub use page::ADDRESS;
