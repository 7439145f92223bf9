//! The filtered lines as a file, sent while they are read: one page of them is in memory at a time.

use axum::{body::Body, extract::Path, response::IntoResponse as _};
use engine::{Arm, EnvironmentKey, FlagKey};
use futures::{StreamExt as _, stream};
use http::{HeaderValue, header};
use store::{ExposureFilter, PeopleReader, Seen, Store, StoreError, limits::EXPOSURE_PAGE_MAX};

use super::{super::FlagPage, query::ExposureQuery};
use crate::{
    page::{Page, PageResult},
    ui::time,
};

const COLUMNS: &str = "subject,flag,variant,revision,rule,arm,first,last,times\r\n";

struct Cursor {
    store: Store,
    reader: PeopleReader,
    environment: EnvironmentKey,
    flag: FlagKey,
    filter: ExposureFilter,
    done: bool,
}

pub async fn csv(page: Page, Path(key): Path<String>) -> PageResult {
    let reader = page.principal.people_reader()?;
    let shown = FlagPage::load(&page, &key).await?;
    let mut cursor = Cursor {
        store: page.store().clone(),
        reader,
        environment: page.environment.key.clone(),
        flag: shown.key().clone(),
        filter: ExposureFilter { cursor: None, ..ExposureQuery::read(&page).filter(EXPOSURE_PAGE_MAX) },
        done: false,
    };
    // The first page comes before the headers, so that an error is still an error page.
    let first = next_chunk(&mut cursor).await?.unwrap_or_default();
    let rest = stream::unfold(cursor, |mut cursor| async move {
        match next_chunk(&mut cursor).await {
            Ok(Some(chunk)) => Some((Ok(chunk), cursor)),
            Ok(None) => None,
            Err(error) => {
                cursor.done = true;
                Some((Err(error), cursor))
            }
        }
    });
    let start = stream::iter([Ok(COLUMNS.to_owned() + &first)]);
    // Compression asks once more after the end.
    let mut response = Body::from_stream(start.chain(rest).fuse()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = format!("attachment; filename=\"exposures-{}.csv\"", shown.key());
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

async fn next_chunk(cursor: &mut Cursor) -> Result<Option<String>, StoreError> {
    if cursor.done {
        return Ok(None);
    }
    let Cursor { store, reader, environment, flag, filter, .. } = &*cursor;
    let page = store.exposures_of_flag(reader, environment, flag, filter).await?;
    cursor.done = page.next.is_none();
    cursor.filter.cursor = page.next;
    Ok(Some(page.lines.iter().map(csv_line).collect()))
}

fn csv_line(seen: &Seen) -> String {
    let arm = match seen.arm {
        None => "",
        Some(Arm::Treatment) => "treatment",
        Some(Arm::Control) => "control",
    };
    let cells = [
        seen.subject.to_string(),
        seen.flag.to_string(),
        seen.variant.to_string(),
        seen.revision.to_string(),
        seen.rule.as_ref().map(ToString::to_string).unwrap_or_default(),
        arm.to_owned(),
        time::iso(seen.first_ms),
        time::iso(seen.last_ms),
        seen.count.to_string(),
    ];
    store::table::line(cells.iter().map(String::as_str))
}
