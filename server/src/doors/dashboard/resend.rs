//! A form that could not be taken is not lost: the answer holds it. Where the database is away or too many wait it sends it
//! again at the press of a button; where a field is too long, once that is shortened there.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use app::{
    caps::chars_max,
    error::AppError,
    form::{error::as_sentence, secret::is_secret},
    site::Site,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{Html, IntoResponse as _, Response},
};
use bytes::Bytes;
use engine::grouped;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::{
    edge::{body::Held, fault::Fault},
    limits::DATABASE_RETRY_AFTER_S,
};

/// It holds nothing but the form.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);
/// The form of a request, kept until its answer is known.
#[derive(Clone, Default)]
pub struct KeptForm(Arc<Mutex<(Bytes, Held)>>);

impl KeptForm {
    /// Whoever reads the body keeps it here, with what it takes of the memory for all.
    pub fn keep(&self, form: (Bytes, Held)) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = form;
    }

    fn take(&self) -> (Bytes, Held) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Goes with an answer before whose request nobody has handled the form.
#[derive(Clone, Copy)]
pub struct NotTaken(pub Fault);

/// Around everything that may find the database away, the session first of all.
pub async fn keep_form(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !is_form(request.headers()) {
        return with_wait(next.run(request).await);
    }
    let address = request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let sent = KeptForm::default();
    request.extensions_mut().insert(sent.clone());
    let response = next.run(request).await;
    let (form, _held) = sent.take();
    // A page that shows the form once more says so by having no error.
    let crowded = matches!(response.extensions().get(), Some(NotTaken(Fault::Crowded)));
    let away = response.extensions().get() == Some(&AppError::Unavailable);
    let too_long = matches!(response.extensions().get(), Some(AppError::FieldTooLong { .. }));
    if form.is_empty() || !(crowded || away || too_long) {
        return with_wait(response);
    }
    if too_long {
        return shorten(&site, &address, &form);
    }
    let why = if crowded { Fault::Crowded.sentence() } else { AppError::Unavailable.to_string() };
    with_wait(page(&site, &address, &form, &why))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.starts_with(b"application/x-www-form-urlencoded")
}

fn with_wait(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let wait = HeaderValue::from(DATABASE_RETRY_AFTER_S);
        response.headers_mut().entry(header::RETRY_AFTER).or_insert(wait);
    }
    response
}

/// The form as it was sent, to be sent again.
#[derive(Default)]
struct Sent {
    /// Its fields as HTML: hidden, but for those that are too long.
    fields: String,
    /// Secrets are not shown again: without them the form would only be refused.
    left_out: bool,
}

impl Sent {
    fn read(form: &[u8]) -> Self {
        let mut sent = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            if is_secret(&name) {
                sent.left_out = true;
                continue;
            }
            let (field, max) = (escape(&name), chars_max(&name));
            let chars = value.chars().count();
            // Writing to a text cannot fail.
            let _ = if chars > max {
                let of = format!("{} characters, and {} fit", grouped(chars), grouped(max));
                let label = escape(&label(&name));
                // The first line break of a text area is none of its text.
                write!(
                    sent.fields,
                    "<p><label>{label}: {of}<br><textarea name=\"{field}\" rows=\"12\" cols=\"80\">\n{}</textarea></label></p>",
                    escape(&value)
                )
            } else {
                write!(sent.fields, "<input type=\"hidden\" name=\"{field}\" value=\"{}\">", escape(&value))
            };
        }
        sent
    }

    fn again(&self, site: &Site, address: &str, button: &str) -> String {
        if self.left_out {
            return "<p>Go back in your browser and send the form again.</p>".to_owned();
        }
        format!(
            "<form method=\"post\" action=\"{}\">{}<p><button autofocus>{button}</button></p></form>\
             <p>What you entered is kept on this page.</p>",
            escape(&site.address(address)),
            self.fields
        )
    }
}

/// `r.vip.comment` → `Comment`.
fn label(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    as_sentence(&last.replace(['_', '-'], " ")).trim_end_matches('.').to_owned()
}

fn page(site: &Site, address: &str, form: &Bytes, why: &str) -> Response {
    let again = Sent::read(form).again(site, address, "Try again");
    answer(site, StatusCode::SERVICE_UNAVAILABLE, "Not saved yet", &format!("<p>{why}</p>{again}"))
}

fn shorten(site: &Site, address: &str, form: &Bytes) -> Response {
    let again = Sent::read(form).again(site, address, "Send it again");
    let body =
        format!("<p>Something is longer than it can be kept. Shorten it and send it again.</p>{again}");
    answer(site, StatusCode::UNPROCESSABLE_ENTITY, "Too long to be saved", &body)
}

fn answer(site: &Site, status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Fader</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"></head>\
         <body><main><h1>{title}</h1>{body}<p><a href=\"{}\">Go to the desk</a></p></main></body></html>",
        site.address("/"),
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(html)).into_response()
}

/// For an attribute between double quotes, and for the text of a text area. Line breaks would be made one kind; so they are written as what they are.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\r' => escaped.push_str("&#13;"),
            '\n' => escaped.push_str("&#10;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, middleware::from_fn_with_state};
    use tower::ServiceExt as _;

    use super::*;
    use crate::limits::FORM_BODY_BYTES_MAX;

    fn site() -> Site {
        Site::new("https://tools.example", "/fader", true)
    }

    async fn html(form: &'static str) -> String {
        let form = Bytes::from_static(form.as_bytes());
        let body = page(&site(), "/flags/a?env=staging&x=\"><b>", &form, "Later.").into_body();
        let bytes = axum::body::to_bytes(body, FORM_BODY_BYTES_MAX).await.expect("a page");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn the_form_comes_back_and_nothing_of_it_is_markup() {
        let html = html("comment=a%22%3E%3Cb%3E%0D%0Ab&%3C%2Fform%3E=1").await;
        assert!(html.contains("name=\"comment\" value=\"a&quot;&gt;&lt;b&gt;&#13;&#10;b\""), "{html}");
        assert!(html.contains("name=\"&lt;/form&gt;\""), "{html}");
        assert!(html.contains("action=\"/fader/flags/a?env=staging&amp;x=&quot;&gt;&lt;b&gt;\""), "{html}");
        assert!(!html.contains("<b>"), "{html}");
    }

    #[tokio::test]
    async fn a_form_that_found_no_place_is_kept() {
        let crowded = |request: Request| async move {
            let sent = request.extensions().get::<KeptForm>().cloned().unwrap_or_default();
            sent.keep((Bytes::from_static(b"comment=mine"), Held::default()));
            let mut refused = Fault::Crowded.page();
            refused.extensions_mut().insert(NotTaken(Fault::Crowded));
            refused
        };
        let router = axum::Router::new().fallback(crowded).layer(from_fn_with_state(site(), keep_form));
        let form = Request::post("/flags").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = router.oneshot(form.body(Body::empty()).expect("a request")).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let bytes = axum::body::to_bytes(answer.into_body(), FORM_BODY_BYTES_MAX).await.expect("a page");
        let html = String::from_utf8(bytes.to_vec()).expect("text");
        assert!(html.contains("value=\"mine\"") && html.contains("More pages are asked for"), "{html}");
    }

    #[tokio::test]
    async fn no_secret_is_written_into_a_page() {
        for form in ["email=a%40b.test&password=hunter2", "old=hunter2&x=1", "code=hunter2"] {
            let html = html(form).await;
            assert!(!html.contains("hunter2") && !html.contains("<form"), "{html}");
        }
        assert!(html("step.0.hold=1&threshold=5").await.contains("<form"), "a hold is no old password");
    }
}
