//! The HTML document around every page, and the content security policy that it is sent with.
//! A page is rendered in one go: everything it shows was loaded before, so there is nothing to stream or wait for.

use std::sync::Arc;

use http::HeaderValue;
use hydration_context::SsrSharedContext;
use leptos::{
    nonce::{Nonce, provide_nonce, use_nonce},
    prelude::*,
};

use super::{here::Here, layout, meta::PageMeta, tidy::tidy};
use crate::{
    cookies,
    zone::{Reader, Source, reader},
};

/// A finished answer.
pub struct Document {
    pub html: String,
    pub content_security_policy: HeaderValue,
}

/// A page in the frame of somebody signed in.
pub fn frame<V: IntoView + 'static>(
    options: &LeptosOptions,
    meta: &PageMeta,
    here: Here,
    view: impl FnOnce() -> V,
) -> Document {
    let worker = here.plain(&format!("/{}/live.js", options.site_pkg_dir));
    document(options, meta, here, |meta, here| {
        layout::frame(meta, here, worker, view().into_any()).into_any()
    })
}

/// A page for somebody who is not signed in.
pub fn door<V: IntoView + 'static>(
    options: &LeptosOptions,
    meta: &PageMeta,
    here: Here,
    view: impl FnOnce() -> V,
) -> Document {
    document(options, meta, here, |_, here| layout::door(here, view().into_any()).into_any())
}

/// A piece of a page, for an island that asked for it.
pub fn fragment<V: IntoView>(view: impl FnOnce() -> V) -> String {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let html = owner.with(|| tidy(&view().to_html()));
    owner.cleanup();
    html
}

fn document(
    options: &LeptosOptions,
    meta: &PageMeta,
    here: Here,
    body: impl FnOnce(&PageMeta, &Here) -> AnyView,
) -> Document {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let document = owner.with(|| {
        provide_nonce();
        provide_context(here.clone());
        let body = body(meta, &here);
        let nonce = use_nonce();
        let mut html = format!("<!DOCTYPE html>{}", tidy(&page(options, meta, &here, body).to_html()));
        if let Some(nonce) = &nonce {
            // Leptos puts the nonce where HTML wants a keyword.
            html = html.replace(&format!("crossorigin=\"{nonce}\""), "crossorigin=\"\"");
        }
        Document { html, content_security_policy: content_security_policy(nonce.as_ref()) }
    });
    owner.cleanup();
    document
}

fn page(options: &LeptosOptions, meta: &PageMeta, here: &Here, body: AnyView) -> impl IntoView + use<> {
    let stylesheet = here.plain(&format!("/{}/{}.css", options.site_pkg_dir, options.output_name));
    let root = here.site.base().to_owned();
    let base = Some(root.clone()).filter(|base| !base.is_empty());
    let first = here.environments.first().is_none_or(|it| it.key == here.environment.key);
    let place = if first { String::new() } else { format!(" · {}", here.environment.name) };
    let title = format!("{}{place} · Fader", meta.title);
    // Forms on this page hold what somebody typed, although nobody has touched them yet.
    let draft = here.posted.then_some("");
    let referrer = meta.secret_address.then(|| view! { <meta name="referrer" content="no-referrer" /> });
    let zone = zone_script(options, here);
    view! {
        <html lang="en" data-theme=here.theme.as_str() data-draft=draft data-base=base>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content=here.theme.color_scheme() />
                <title>{title}</title>
                <link rel="preload" href=here.plain("/inter.woff2") r#as="font" r#type="font/woff2" crossorigin="" />
                <link rel="stylesheet" href=stylesheet />
                <link rel="icon" href=here.plain("/favicon.svg") r#type="image/svg+xml" />
                <link rel="icon" href=here.plain("/favicon.png") r#type="image/png" sizes="64x64" />
                {referrer}
                {zone}
                <HydrationScripts options=options.clone() islands=true root=root />
            </head>
            <body>{body}</body>
        </html>
    }
}

/// Has the browser say its zone. A page that was made in another one is made again, unless somebody's text stands in it or
/// they chose a zone for themselves.
fn zone_script(options: &LeptosOptions, here: &Here) -> impl IntoView + use<> {
    let Reader { zone, source } = reader();
    let again = here.principal.is_some() && !here.posted && source != Source::Account;
    let address = here.plain(&format!("/{}/zone.js", options.site_pkg_dir));
    view! {
        <script
            async=true
            src=address
            data-cookie=cookies::zone_name(&here.site)
            data-attributes=cookies::zone_attributes(&here.site)
            data-shown=zone.name().to_owned()
            data-again=again.then_some("")
        ></script>
    }
}

/// Scripts come from this origin or carry the nonce of this answer; nothing inline runs without it. Styles come from the
/// sheet: no page has a `style` attribute, and islands set properties through the CSSOM, which no policy forbids.
fn content_security_policy(nonce: Option<&Nonce>) -> HeaderValue {
    let nonce = nonce.map(|nonce| format!("'nonce-{nonce}' ")).unwrap_or_default();
    let policy = format!(
        "default-src 'self'; script-src 'self' {nonce}'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
         img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_scripts_need_the_nonce() {
        let policy = content_security_policy(Some(&Nonce::from_value("abc")));
        let policy = policy.to_str().expect("ascii");
        let scripts = policy.split(';').find(|part| part.trim_start().starts_with("script-src"));
        assert_eq!(scripts.map(str::trim), Some("script-src 'self' 'nonce-abc' 'wasm-unsafe-eval'"));
    }
}
