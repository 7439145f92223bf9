//! The store on SQLite and on PostgreSQL: every test runs on both, each on a database of its own.

mod accounts;
mod anchor;
mod as_of;
mod audit;
mod crash;
mod demo;
mod feedback;
mod flags;
mod groups;
mod guard;
mod harness;
mod ledger;
mod live;
mod outcomes;
mod people;
mod plans;
mod restore;
mod roles;
mod rollouts;
mod schema;
mod stand_in;
mod stuck;
mod testers;
mod time;
mod tokens;
mod upgrade;
