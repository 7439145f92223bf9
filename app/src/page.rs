//! The page around everything: the request that asks for it, its frame, its errors.

pub mod error;
pub mod here;
pub mod layout;
pub mod meta;
pub mod request;
pub mod shell;
pub mod theme;
pub mod tidy;
pub mod toast;

pub use meta::PageMeta;
pub use request::{Page, PageResult, Visit, same_site_path};
