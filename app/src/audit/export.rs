//! The filtered log as a file, sent while it is read: one page of entries is in memory at a time.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use http::{HeaderValue, header};
use store::{AuditEntry, AuditFilter, AuditReader, Store, StoreError, limits::AUDIT_PAGE_MAX};

use super::page::AuditQuery;
use crate::{
    error::AppError,
    page::{Page, PageResult},
};

const COLUMNS: &str = "seq,time,actor,actor_email,actor_kind,action,object_kind,object_key,object_name,environment,\
sentence,changes,reason,version,address,request_id,hash,previous_hash\r\n";

pub async fn csv(page: Page) -> PageResult {
    let head = [store::table::BYTE_ORDER_MARK, COLUMNS].concat();
    export(&page, "csv", "text/csv; charset=utf-8; header=present", head, csv_line).await
}

pub async fn json_lines(page: Page) -> PageResult {
    export(&page, "jsonl", "application/jsonl", String::new(), json_line).await
}

struct Cursor {
    store: Store,
    reader: AuditReader,
    filter: AuditFilter,
    /// The last entry when it began.
    last: u64,
    line: fn(&AuditEntry) -> String,
    done: bool,
}

async fn export(
    page: &Page,
    extension: &'static str,
    content_type: &'static str,
    head: String,
    line: fn(&AuditEntry) -> String,
) -> PageResult {
    let reader = page.principal.audit_reader()?;
    let filter =
        AuditFilter { documents: extension == "jsonl", ..AuditQuery::read(page).filter(AUDIT_PAGE_MAX) };
    let last = page.store().live().seq();
    let mut cursor = Cursor { store: page.store().clone(), reader, filter, last, line, done: false };
    // The first page comes before the headers, so that an error is still an error page.
    let first = next_chunk(&mut cursor).await.map_err(AppError::from)?;
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
    let start = stream::iter([Ok(head + &first.unwrap_or_default())]);
    // Compression asks once more after the end.
    let body = Body::from_stream(start.chain(rest).fuse());
    Ok(file(body, extension, content_type))
}

async fn next_chunk(cursor: &mut Cursor) -> Result<Option<String>, StoreError> {
    if cursor.done {
        return Ok(None);
    }
    let (filter, further) = cursor.filter.clone().in_reach(cursor.last);
    let entries = cursor.store.list_audit(&cursor.reader, &filter).await?;
    let all = entries.len() < filter.limit;
    cursor.filter.before_seq = if all { further } else { entries.last().map(|entry| entry.seq) };
    cursor.done = cursor.filter.before_seq.is_none();
    Ok(Some(entries.iter().map(cursor.line).collect()))
}

fn file(body: Body, extension: &str, content_type: &'static str) -> Response {
    let name = format!("attachment; filename=\"fader-audit.{extension}\"");
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn json_line(entry: &AuditEntry) -> String {
    let mut line = serde_json::to_string(entry).unwrap_or_default();
    line.push('\n');
    line
}

fn csv_line(entry: &AuditEntry) -> String {
    let changes: Vec<_> = entry.changes.iter().map(|change| change.phrase.as_str()).collect();
    let cells = [
        entry.seq.to_string(),
        crate::ui::time::iso(entry.at_ms),
        entry.actor.clone(),
        entry.actor_email.clone(),
        entry.actor_kind.as_str().to_owned(),
        entry.action.as_str().to_owned(),
        entry.object.kind.to_string(),
        entry.object.key.clone(),
        entry.object_name.clone(),
        entry.environment.as_ref().map(ToString::to_string).unwrap_or_default(),
        entry.sentence.clone(),
        changes.join("; "),
        entry.reason.clone(),
        entry.version.map(|it| it.to_string()).unwrap_or_default(),
        entry.address.clone(),
        entry.request_id.clone(),
        entry.hash.clone(),
        entry.previous_hash.clone(),
    ];
    store::table::line(cells.iter().map(String::as_str))
}
