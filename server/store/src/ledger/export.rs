//! Everybody who saw a flag, for a file. What leaves the house is told of each time, however lately somebody looked.

use engine::{EnvironmentKey, FlagKey};

use super::{ExposureFilter, Seen, of_flag::Look};
use crate::{LedgerReader, Store, StoreError, limits::EXPOSURE_PAGE_MAX};

/// The lines that a filter finds, from the newest on. It holds a page of them at a time.
pub struct ExposureExport {
    store: Store,
    environment: EnvironmentKey,
    flag: FlagKey,
    /// `None` after the last page.
    rest: Option<ExposureFilter>,
}

impl Store {
    /// Begins an export, which is an entry of the audit log of its own.
    pub async fn export_exposures(
        &self,
        by: impl Into<LedgerReader>,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        filter: ExposureFilter,
    ) -> Result<ExposureExport, StoreError> {
        let by = by.into();
        by.require_in(environment)?;
        self.write_look(&by, environment, flag, Look::Export).await?;
        Ok(ExposureExport {
            store: self.clone(),
            environment: environment.clone(),
            flag: flag.clone(),
            rest: Some(ExposureFilter { limit: EXPOSURE_PAGE_MAX, ..filter }),
        })
    }
}

impl ExposureExport {
    /// The next page; `None` after the last one. After an error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<Seen>>, StoreError> {
        let Some(filter) = self.rest.take() else { return Ok(None) };
        let page = self.store.exposure_page(&self.environment, &self.flag, &filter).await?;
        self.rest = page.next.map(|cursor| ExposureFilter { cursor: Some(cursor), ..filter });
        Ok(Some(page.lines))
    }
}
