//! What speaks a protocol, a folder for each: pages for people, and what programs ask and tell. A door reads, asks for a proof
//! of permission or a token, and answers in its own shape; it decides nothing and keeps nothing of another door.

pub mod dashboard;
pub mod ofrep;
pub mod otlp;
pub mod probes;
pub mod rest;
pub mod widget;
