//! The public behaviour of the server, over a real socket.

mod app;
mod bad_input;
mod command_line;
mod cors;
mod etag;
mod evaluation;
mod events;
mod feedback;
mod fixtures;
mod guard;
mod guardrails;
mod missing;
mod otlp;
mod outcomes;
mod pages;
mod people;
mod plan_pages;
mod postgres;
mod rate;
mod receipts;
mod rest;
mod roles;
mod stream;
mod testers;
