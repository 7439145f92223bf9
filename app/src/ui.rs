//! Views without data access: what every page is made of. Class names are those of `style/components/`.

pub mod badge;
pub mod copy;
pub mod days;
pub mod dialog;
pub mod empty;
pub mod field;
pub mod icon;
pub mod mini_fader;
pub mod person;
pub mod place;
pub mod secret;
pub mod sparkline;
pub mod table;
pub mod text_area;
pub mod time;
pub mod trace;
