//! Where commands answer, and by whose authority they act.

use std::{
    fmt,
    io::{self, Write as _},
};

use store::{Principal, RecentAdministrator, Store, StoreError};

use super::error::CommandError;

/// Whoever runs the binary on the database may do everything.
pub fn administrator(store: &Store) -> Result<RecentAdministrator, StoreError> {
    Ok(Principal::command_line().recent_administrator(store.clock().now_ms())?)
}

/// To standard output.
pub fn print(line: fmt::Arguments<'_>) -> Result<(), CommandError> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// To standard error, where nobody may be listening.
pub fn say(line: fmt::Arguments<'_>) {
    drop(writeln!(io::stderr(), "{line}"));
}
