//! `fader backup` and `fader restore`: a whole SQLite database into one file, and back.

use std::path::Path;

use store::{AuditSecret, Backups, Contents};

use super::{error::CommandError, told::print};

/// Without opening the database: a newer release would bring it up to date before it is backed up.
pub async fn back_up(
    database_url: &str,
    secret: Option<AuditSecret>,
    file: &Path,
    force: bool,
) -> Result<(), CommandError> {
    let contents = Backups::of(database_url, secret)?.back_up(file, force).await?;
    print(format_args!("Backed up into {}: {}.", file.display(), what(&contents)))?;
    if contents.is_current {
        print(format_args!("Its audit log is intact. Head: {}", contents.head))
    } else {
        print(format_args!(
            "An older release wrote this database: `fader restore` brings it up to date and then verifies its audit log."
        ))
    }
}

pub async fn restore(
    database_url: &str,
    secret: Option<AuditSecret>,
    file: &Path,
) -> Result<(), CommandError> {
    let restored = Backups::of(database_url, secret)?.restore(file).await?;
    print(format_args!("Restored {}: {}.", file.display(), what(&restored.contents)))?;
    if restored.was_older {
        print(format_args!("An older release made it; it was brought up to date."))?;
    }
    print(format_args!("Its audit log is intact. Head: {}", restored.contents.head))?;
    match restored.kept {
        Some(kept) => print(format_args!("The database that was there before is {} now.", kept.display())),
        None => Ok(()),
    }
}

fn what(contents: &Contents) -> String {
    format!(
        "{}, {}, {}, {}, {}",
        size(contents.bytes),
        engine::counted(contents.flags, "flag"),
        engine::counted(contents.groups, "pilot group"),
        engine::counted(contents.people, "known person"),
        engine::counted(contents.head.seq, "audit entry"),
    )
}

/// In the unit that leaves one to three digits before the point.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit / (unit / 10)),
        None => engine::counted(bytes, "byte"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_their_unit() {
        let told = [(1, "1 byte"), (999, "999 bytes"), (1_000, "1.0 kB"), (12_345_678, "12.3 MB")];
        for (bytes, text) in told {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(2_999_999_999), "2.9 GB");
    }
}
