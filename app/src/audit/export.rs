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

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Csv,
    /// One entry a line, with the documents on both sides.
    JsonLines,
}

pub async fn csv(page: Page) -> PageResult {
    export(&page, Form::Csv).await
}

pub async fn json_lines(page: Page) -> PageResult {
    export(&page, Form::JsonLines).await
}

async fn export(page: &Page, form: Form) -> PageResult {
    let reader = page.principal.audit_reader()?;
    let filter = AuditQuery::read(page).filter(AUDIT_PAGE_MAX);
    file(page.store(), reader, filter, form).await.map_err(AppError::from)
}

impl Form {
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
        }
    }

    fn head(self) -> String {
        match self {
            Self::Csv => [store::table::BYTE_ORDER_MARK, COLUMNS].concat(),
            Self::JsonLines => String::new(),
        }
    }

    fn line(self, entry: &AuditEntry) -> String {
        match self {
            Self::Csv => csv_line(entry),
            Self::JsonLines => json_line(entry),
        }
    }
}

struct Cursor {
    store: Store,
    reader: AuditReader,
    filter: AuditFilter,
    /// The last entry when it began.
    last: u64,
    form: Form,
    done: bool,
}

/// The entries that the filter finds, up to the last one of now.
pub async fn file(
    store: &Store,
    reader: AuditReader,
    filter: AuditFilter,
    form: Form,
) -> Result<Response, StoreError> {
    let filter = AuditFilter { documents: form == Form::JsonLines, limit: AUDIT_PAGE_MAX, ..filter };
    let last = store.live().seq();
    let mut cursor = Cursor { store: store.clone(), reader, filter, last, form, done: false };
    // The first page comes before the headers, so that an error is still an error page.
    let first = next_chunk(&mut cursor).await?;
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
    let start = stream::iter([Ok(form.head() + &first.unwrap_or_default())]);
    // Compression asks once more after the end.
    let body = Body::from_stream(start.chain(rest).fuse());
    Ok(answer(body, form))
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
    Ok(Some(entries.iter().map(|entry| cursor.form.line(entry)).collect()))
}

fn answer(body: Body, form: Form) -> Response {
    let name = format!("attachment; filename=\"fader-audit.{}\"", form.extension());
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
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
