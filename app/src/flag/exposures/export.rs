//! The filtered lines as a file, sent while they are read: one page of them is in memory at a time.

use axum::{body::Body, extract::Path, response::IntoResponse as _};
use engine::Arm;
use futures::{StreamExt as _, stream};
use http::{HeaderValue, header};
use store::{ExposureExport, ExposureFilter, Seen, StoreError, limits::EXPOSURE_PAGE_MAX};

use super::query::ExposureQuery;
use crate::{
    flag::FlagPage,
    page::{Page, PageResult},
    ui::time,
};

const COLUMNS: &str = "subject,flag,variant,revision,rule,arm,first,last,times\r\n";

pub async fn csv(page: Page, Path(key): Path<String>) -> PageResult {
    let reader = page.principal.people_reader()?;
    let shown = FlagPage::load(&page, &key).await?;
    let filter = ExposureQuery::read(&page).filter(EXPOSURE_PAGE_MAX);
    let filter = ExposureFilter { cursor: None, ..filter };
    let environment = &page.environment.key;
    let mut export = page.store().export_exposures(&reader, environment, shown.key(), filter).await?;
    // The first page comes before the headers, so that an error is still an error page.
    let first = next_chunk(&mut export).await?.unwrap_or_default();
    let rest = stream::unfold(export, |mut export| async move {
        let chunk = next_chunk(&mut export).await.transpose()?;
        Some((chunk, export))
    });
    let start = stream::iter([Ok([store::table::BYTE_ORDER_MARK, COLUMNS, &first].concat())]);
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

async fn next_chunk(export: &mut ExposureExport) -> Result<Option<String>, StoreError> {
    let lines = export.next().await?;
    Ok(lines.map(|lines| lines.iter().map(csv_line).collect()))
}

fn csv_line(seen: &Seen) -> String {
    let arm = seen.arm.map_or("", Arm::as_str);
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
