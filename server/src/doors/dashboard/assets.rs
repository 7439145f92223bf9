//! The files of `target/site`, which `app/bundle` writes: embedded in a release, read from disk in debug. Files of
//! the bundle carry its version in their URL and are cached for ever; everything else is revalidated by ETag.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rust_embed::Embed;
use std::borrow::Cow;

use crate::edge::coding::{accepts, items};

#[derive(Embed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

struct File {
    bytes: Cow<'static, [u8]>,
    hash: [u8; 32],
}

type Files<'a> = &'a dyn Fn(&str) -> Option<File>;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Smallest first, as the bundle step writes them beside the plain file: content coding, and what the name ends in.
const COPIES: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Where the pages find the bundle, relative to the origin: `pkg/<version>`.
pub fn site_pkg_dir() -> String {
    format!("pkg/{}", version_in(&embedded))
}

/// The answer for `path`, or `None` when there is no such file: the caller decides what a 404 looks like.
pub fn find(path: &str, headers: &HeaderMap) -> Option<Response> {
    respond(&embedded, path, headers)
}

fn embedded(name: &str) -> Option<File> {
    Site::get(name).map(|it| File { hash: it.metadata.sha256_hash(), bytes: it.data })
}

fn version_in(files: Files) -> String {
    let stored = files("version").and_then(|it| String::from_utf8(it.bytes.into_owned()).ok());
    stored.unwrap_or_else(|| "missing".to_owned())
}

fn respond(files: Files, path: &str, headers: &HeaderMap) -> Option<Response> {
    let (name, caching) = locate(path.strip_prefix('/')?, &version_in(files))?;
    let plain = files(&name)?;
    // Weak, because the plain file and its compressed copies share it.
    let etag = format!("W/\"{}\"", store::hex(&plain.hash[..16]));
    let mut answer = if holds(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (file, coding) = smallest_copy(files, &name, headers).unwrap_or((plain, None));
        let mut answer = Body::from(file.bytes).into_response();
        insert(&mut answer, CONTENT_TYPE, HeaderValue::from_str(&content_type(&name)).ok()?);
        if let Some(coding) = coding {
            insert(&mut answer, CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        answer
    };
    insert(&mut answer, CACHE_CONTROL, caching);
    insert(&mut answer, ETAG, HeaderValue::from_str(&etag).ok()?);
    insert(&mut answer, VARY, HeaderValue::from_static("accept-encoding"));
    insert(&mut answer, X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(answer)
}

fn insert(answer: &mut Response, name: HeaderName, value: HeaderValue) {
    answer.headers_mut().insert(name, value);
}

/// The stored name for a URL path. Another version is another file: a page sent by an older copy of the server
/// must get nothing rather than half of one bundle and half of the next.
fn locate(path: &str, version: &str) -> Option<(String, HeaderValue)> {
    match path.strip_prefix("pkg/") {
        Some(versioned) => {
            let name = versioned.strip_prefix(version)?.strip_prefix('/')?;
            Some((format!("pkg/{name}"), FOR_EVER))
        }
        None if path.is_empty() || path == "version" => None,
        None => Some((path.to_owned(), REVALIDATE)),
    }
}

fn smallest_copy(files: Files, name: &str, headers: &HeaderMap) -> Option<(File, Option<&'static str>)> {
    COPIES
        .into_iter()
        .filter(|(coding, _)| accepts(headers, coding))
        .find_map(|(coding, ending)| Some((files(&format!("{name}{ending}"))?, Some(coding))))
}

fn holds(headers: &HeaderMap, etag: &str) -> bool {
    let strong = etag.trim_start_matches("W/");
    items(headers, &IF_NONE_MATCH).any(|it| it == "*" || it.trim_start_matches("W/") == strong)
}

fn content_type(name: &str) -> String {
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    if kind.type_() == mime_guess::mime::TEXT { format!("{kind}; charset=utf-8") } else { kind.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::ACCEPT_ENCODING;

    fn site(name: &str) -> Option<File> {
        let bytes: &[u8] = match name {
            "version" => b"v1",
            "pkg/fader.js" => b"plain",
            "pkg/fader.js.br" => b"br",
            "pkg/fader.js.gz" => b"gz",
            "pkg/fader_bg.wasm" => b"\0asm",
            "icon.svg" => b"<svg/>",
            _ => return None,
        };
        Some(File { bytes: bytes.into(), hash: [7; 32] })
    }

    fn get(path: &str, headers: &[(HeaderName, &'static str)]) -> Option<Response> {
        let headers = headers.iter().map(|(k, v)| (k.clone(), HeaderValue::from_static(v))).collect();
        respond(&site, path, &headers)
    }

    fn header(answer: &Response, name: HeaderName) -> Option<&str> {
        answer.headers().get(name).map(|it| it.to_str().unwrap())
    }

    #[test]
    fn the_bundle_is_cached_for_ever_under_its_version() {
        let answer = get("/pkg/v1/fader.js", &[]).unwrap();
        assert_eq!(header(&answer, CACHE_CONTROL), Some("public, max-age=31536000, immutable"));
        assert_eq!(header(&answer, CONTENT_TYPE), Some("text/javascript; charset=utf-8"));
        assert_eq!(header(&answer, CONTENT_ENCODING), None);
    }

    #[test]
    fn wasm_is_sent_as_wasm() {
        let answer = get("/pkg/v1/fader_bg.wasm", &[]).unwrap();
        assert_eq!(header(&answer, CONTENT_TYPE), Some("application/wasm"));
    }

    #[test]
    fn another_version_is_not_found() {
        assert!(get("/pkg/v0/fader.js", &[]).is_none());
        assert!(get("/pkg/fader.js", &[]).is_none());
        assert!(get("/pkg/v1fader.js", &[]).is_none());
    }

    #[test]
    fn the_smallest_accepted_copy_is_sent() {
        for (accept, sent) in [
            ("gzip, deflate, br", Some("br")),
            ("gzip, br;q=0", Some("gzip")),
            ("gzip;q=0.5", Some("gzip")),
            ("br; q=0.0, gzip;q=0", None),
            ("identity", None),
        ] {
            let answer = get("/pkg/v1/fader.js", &[(ACCEPT_ENCODING, accept)]).unwrap();
            assert_eq!(header(&answer, CONTENT_ENCODING), sent, "{accept}");
        }
    }

    #[test]
    fn a_file_without_copies_is_sent_plain() {
        let answer = get("/icon.svg", &[(ACCEPT_ENCODING, "br")]).unwrap();
        assert_eq!(header(&answer, CONTENT_ENCODING), None);
        assert_eq!(header(&answer, CONTENT_TYPE), Some("image/svg+xml"));
        assert_eq!(header(&answer, CACHE_CONTROL), Some("no-cache"));
    }

    #[test]
    fn what_the_browser_holds_is_not_sent_again() {
        let etag = "\"other\", W/\"07070707070707070707070707070707\"";
        assert_eq!(get("/icon.svg", &[(IF_NONE_MATCH, etag)]).unwrap().status(), StatusCode::NOT_MODIFIED);
        assert_eq!(get("/icon.svg", &[(IF_NONE_MATCH, "\"other\"")]).unwrap().status(), StatusCode::OK);
    }

    #[test]
    fn the_start_page_and_unknown_files_are_left_to_the_caller() {
        assert!(get("/", &[]).is_none());
        assert!(get("/version", &[]).is_none());
        assert!(get("/none.txt", &[]).is_none());
        assert!(find("/../Cargo.toml", &HeaderMap::new()).is_none());
    }
}
