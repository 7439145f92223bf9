//! Server functions that islands call, all below `/call/`. Each is a public endpoint: its first line asks who calls.

pub mod palette;
pub mod rollout;
