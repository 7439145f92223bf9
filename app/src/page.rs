//! The page around everything: the request that asks for it, its frame, its errors.

pub mod address;
mod error;
pub mod here;
pub mod layout;
mod meta;
mod navigation;
mod request;
mod shell;
pub mod theme;
mod tidy;
pub mod toast;
mod updates;

pub use meta::PageMeta;
pub use request::{Page, PageResult, SECRET_BELOW, Visit, same_site_path};
pub use shell::fragment;
