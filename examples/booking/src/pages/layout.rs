//! What all pages share: head, top bar, and the strip at the bottom that says where Fader comes in.

use maud::{DOCTYPE, Markup, html};

use crate::{
    Site,
    customers::{Customer, Role},
    fader::FAST_PAYMENT,
    preview::{self, Preview},
};

/// A whole page. `customer` is who is signed in; the script finds in `<body>` what it has to ask Fader.
pub fn page(site: &Site, customer: Option<&Customer>, title: &str, content: &Markup) -> Markup {
    let preview = customer.and_then(|_| preview::current());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Passerelle" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/booking.css";
                @if let Some(customer) = customer {
                    script type="module" src="/assets/booking.js" {}
                    script src={ (site.config.public_url()) "/widget.js" }
                        data-token=(site.config.client_token.as_str())
                        data-subject=(customer.id)
                        data-flag=(FAST_PAYMENT)
                        defer {}
                }
            }
            body data-fader-url=(site.config.public_url())
                data-client-token=(site.config.client_token.as_str())
                data-customer=[customer.map(|customer| customer.id)]
                data-preview=[preview.as_ref().map(|preview| preview.token.as_str())]
                data-preview-until=[preview.as_ref().map(|preview| preview.until_ms)] {
                a.skip href="#content" { "Skip to content" }
                @if let Some(preview) = &preview { (banner(preview)) }
                (top_bar(customer))
                main #content { (content) }
                (strip(site, customer))
            }
        }
    }
}

/// So that nobody takes a preview for what everybody sees.
fn banner(preview: &Preview) -> Markup {
    let until = jiff::Timestamp::from_millisecond(preview.until_ms)
        .map(|until| until.strftime("%H:%M UTC").to_string())
        .unwrap_or_default();
    html! {
        p.preview #preview role="status" { strong { "Preview" } " of something that is not out yet, until " (until) "." }
    }
}

fn top_bar(customer: Option<&Customer>) -> Markup {
    html! {
        header.top {
            a.brand href="/" { (mark()) "Passerelle" }
            @if let Some(customer) = customer {
                nav aria-label="Main" {
                    a href="/" { "Search" }
                    a href="/bookings" { "My bookings" }
                    @if customer.role == Role::Staff { a href="/admin" { "Admin corner" } }
                }
                div.who {
                    span.badge aria-hidden="true" { (customer.initials()) }
                    span.who-text {
                        strong { (customer.name) }
                        small { (customer.agency) }
                    }
                    form method="post" action="/sign-out" {
                        button.quiet { "Change" span.hidden { " customer" } }
                    }
                }
            }
        }
    }
}

/// Three arches of a bridge.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 20" aria-hidden="true" {
            path d="M0 6h32v3H0z" {}
            path d="M2 19v-4a4.5 4.5 0 0 1 9 0v4M11.500 19v-4a4.500 4.500 0 0 1 9 0v4M21 19v-4a4.500 4.500 0 0 1 9 0v4"
                fill="none" stroke="currentColor" stroke-width="2" {}
        }
    }
}

fn strip(site: &Site, customer: Option<&Customer>) -> Markup {
    let flag_page = format!("{}/flags/{FAST_PAYMENT}", site.config.public_url());
    html! {
        footer.strip {
            p {
                "This demo asks Fader whether " em { "Fast payment" } " is on for "
                @match customer {
                    Some(customer) => { code { (customer.id) } }
                    None => { "whoever signs in" }
                }
                "."
                @if customer.is_some() {
                    " " span.state data-fader-state="waiting" { "Asking…" }
                }
            }
            a href=(flag_page) { "See the flag in Fader" }
        }
    }
}
