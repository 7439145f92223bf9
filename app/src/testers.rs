//! The testers of a group: enrolling, inviting, extending, removing.

mod enrol;
pub mod form;
mod invitations;
pub mod join;
pub mod page;
mod report;
pub mod save;
mod table;
pub mod words;
