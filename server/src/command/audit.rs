//! `fader audit`: holds the log against what was noted of it, and keys it.

use std::{fs, path::Path};

use store::{AuditHead, AuditSecret, AuditVerdict, Store};

use super::{error::CommandError, told::print};

pub async fn verify(store: &Store, anchors: &[AuditHead]) -> Result<(), CommandError> {
    let report = store.audit_report(anchors).await?;
    match report.verdict {
        AuditVerdict::Intact { entries } => {
            print(format_args!("The audit log is intact: {}.", engine::counted(entries, "entry")))?;
            print(format_args!("Head: {}", report.head))?;
            if !anchors.is_empty() {
                print(format_args!("Noted heads that are there: {}.", anchors.len()))?;
            }
            match report.keyed_from {
                Some(1) => Ok(()),
                Some(from) => {
                    print(format_args!("Entries before {from} are not keyed: an older release wrote them."))
                }
                None if entries > 0 => print(format_args!(
                    "No entry is keyed: an older release wrote them, and the next change begins to key them."
                )),
                None => Ok(()),
            }
        }
        AuditVerdict::Broken { seq, why } => Err(CommandError::Audit { seq, why }),
        AuditVerdict::Differs { row } => Err(CommandError::Differs { row }),
    }
}

pub fn read_secret(file: &Path) -> Result<AuditSecret, CommandError> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| CommandError::AuditSecret { file: file.to_owned(), error })?;
    AuditSecret::parse(&text).map_err(|invalid| CommandError::Store(invalid.into()))
}
