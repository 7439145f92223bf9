//! The testers of a group: enrolling, inviting, extending, removing.

pub mod enrol;
pub mod form;
pub mod invitations;
pub mod join;
pub mod page;
pub mod report;
pub mod save;
pub mod table;
pub mod words;
