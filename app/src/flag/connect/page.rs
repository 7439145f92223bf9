//! The Connect tab: language, token, program, and the lights.

use axum::extract::Path;
use engine::Flag;
use leptos::prelude::*;
use store::{Operation, TokenKind};

use super::{
    language::Language,
    lights::{self, Lights},
    snippet::{Asked, NO_TOKEN},
};
use crate::{
    flag::{FlagPage, Tab, frame},
    form::state::FormState,
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{
        badge::{Callout, Tone},
        copy::copy_button,
        field::{Field, FormError},
        secret::Secret,
    },
};

const HOUR_MS: i64 = 3_600_000;

/// The origin of a page, as it was typed.
pub type OriginForm = FormState<String>;

/// What a post of this page leaves to show.
#[derive(Default)]
pub struct Pressed {
    pub form: OriginForm,
    /// A token that was made just now: its name and the secret, shown once.
    pub made: Option<(String, String)>,
}

pub fn language_of(page: &Page) -> Language {
    page.query("language").and_then(|word| Language::parse(&word).ok()).unwrap_or_default()
}

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    show(&page, shown, Pressed::default()).await
}

pub async fn show(page: &Page, shown: FlagPage, pressed: Pressed) -> PageResult {
    let (store, viewer, environment) = (page.store(), page.viewer(), &page.environment.key);
    let signals = store.signals_of_flag(&viewer, environment, shown.key()).await?;
    let since_ms = page.now_ms() - HOUR_MS;
    let unverified = store.unverified_events(&viewer, environment, shown.key(), since_ms).await?;
    let lights = Lights { signals, unverified };
    let makes_tokens = page.principal.may(Operation::Administer);
    let whom = if makes_tokens { Vec::new() } else { store.whom_to_ask(&viewer).await? };
    let reader = Reader { language: language_of(page), address: page.reached(), makes_tokens, whom };
    let meta = PageMeta::new(format!("Connect {}", shown.flag.name), Section::Desk)
        .status(pressed.form.status())
        .measures();
    page.render(meta, move || {
        let body = if shown.archived() {
            let text = "Archived: clients do not find this flag. Restore it under Settings before you connect an application.";
            view! { <Callout tone=Tone::Warning><p>{text}</p></Callout> }.into_any()
        } else {
            body(&shown, &lights, &reader, pressed).into_any()
        };
        frame(&shown, Tab::Connect, false, body)
    })
}

/// Who reads it, and for what.
struct Reader {
    language: Language,
    /// Where programs reach this server.
    address: String,
    makes_tokens: bool,
    /// Who does, where the reader does not.
    whom: Vec<String>,
}

fn body(shown: &FlagPage, lights: &Lights, reader: &Reader, pressed: Pressed) -> impl IntoView + use<> {
    let secret = pressed.made.as_ref().map(|(_, secret)| secret.clone());
    let asked = Asked { address: &reader.address, flag: &shown.flag, token: secret.as_deref() };
    let program = program(&asked, reader.language);
    let heading = format!("Ask for {} in {}", shown.flag.name, shown.environment.name);
    view! {
        <div class="connect">
            <div class="connect-steps stack">
                <h2>{heading}</h2>
                {languages(reader.language)}
                <section class="card stack" aria-labelledby="connect-token">
                    <h3 id="connect-token">"1. A token"</h3>
                    {token(shown, reader, pressed)}
                </section>
                <section class="card stack" aria-labelledby="connect-program">
                    <h3 id="connect-program">"2. The program"</h3>
                    {program}
                </section>
            </div>
            <div class="connect-beside stack">
                <section class="card stack" aria-labelledby="connect-lights">
                    <h3 id="connect-lights">"3. It is connected when these turn green"</h3>
                    {lights::view(shown, lights)}
                </section>
                {when_dark(reader)}
            </div>
        </div>
    }
}

fn languages(chosen: Language) -> impl IntoView {
    let here = here();
    let links = Language::ALL
        .into_iter()
        .map(|language| {
            let href = here.same_page_with(&[("language", language.as_str())]);
            let current = (language == chosen).then_some("true");
            view! { <a href=href aria-current=current>{language.label()}</a> }
        })
        .collect_view();
    view! { <nav class="segments connect-languages" aria-label="Language">{links}</nav> }
}

fn token(shown: &FlagPage, reader: &Reader, pressed: Pressed) -> impl IntoView + use<> {
    let place = &shown.environment.name;
    let (kind, what) = match reader.language.token_kind() {
        TokenKind::Client => (
            "client token",
            "it may be read by visitors, works on pages of its origins only, and sets no trusted attributes",
        ),
        TokenKind::Server | TokenKind::Admin(_) => {
            ("server token", "keep it among your secrets: it may send any attribute")
        }
    };
    let about = format!("A {kind} for {place}: {what}.");
    if !reader.makes_tokens {
        return view! { <p>{about}</p><p class="note">{ask(&reader.whom)}</p> }.into_any();
    }
    if let Some((name, secret)) = pressed.made {
        let text = format!(
            "Copy it now: only its fingerprint is kept. It is called \"{name}\" and works for a year; revoke or rotate it under Settings → Tokens."
        );
        return view! { <Secret title="Your new token" text=text value=secret label="Token" /> }.into_any();
    }
    view! { <p>{about}</p>{form(reader, pressed.form)} }.into_any()
}

fn form(reader: &Reader, state: OriginForm) -> impl IntoView + use<> {
    let here = here();
    let (error, general) = (state.at("origin"), state.general());
    let origin = (reader.language.token_kind() == TokenKind::Client).then(|| {
        view! {
            <Field
                label="Where the page runs"
                name="origin"
                value=state.input.unwrap_or_default()
                error=error
                placeholder="https://www.example.org"
                hint="Its origin as the browser names it: scheme, host and port, no path."
                required=true
                mono=true
                autocomplete="off"
            />
        }
    });
    view! {
        <form method="post" action=here.same_page_with(&[]) class="stack">
            <FormError error=general />
            {origin}
            <div class="cluster">
                <button class="button" data-kind="primary" name="do" value="token">"Make a token"</button>
                <span class="note">"Each press makes another one, and the audit log says so."</span>
            </div>
        </form>
    }
}

/// Whom to ask for a token.
fn ask(whom: &[String]) -> String {
    match whom.split_last() {
        None => "Tokens are made by an admin.".to_owned(),
        Some((one, [])) => format!("Tokens are made by an admin: ask {one}."),
        Some((last, others)) => format!("Tokens are made by an admin: ask {} or {last}.", others.join(", ")),
    }
}

fn program(asked: &Asked<'_>, language: Language) -> impl IntoView + use<> {
    let install = language.install().map(|text| block("install", language.install_title(), text.to_owned()));
    let saved = format!("Save this as {}", language.file());
    let run = asked.command(language).map(|text| block("run", "Run it", text));
    let opened = run.is_none().then(|| {
        let missing = if asked.token.is_none() {
            format!(" Put your token where {NO_TOKEN} stands.")
        } else {
            String::new()
        };
        view! { <p>{format!("Put it into a page of the origin above, and open that page.{missing}")}</p> }
    });
    let outcome = asked.outcome(language).map(|text| {
        block("outcome", "Once you know how it went: an outcome, in any language one request", text)
    });
    let falls_back = falls_back(asked.flag);
    view! {
        {language.note().map(|note| view! { <p class="note">{note}</p> })}
        {install}
        {block("program", &saved, asked.program(language))}
        <p class="note">{falls_back}</p>
        {run}
        {opened}
        {outcome}
    }
}

/// What a program does without Fader.
fn falls_back(flag: &Flag) -> String {
    format!(
        "When Fader cannot be reached the program gets what stands in the call: the value of the off variant, {}.",
        flag.off_variant
    )
}

/// Text to copy.
fn block(name: &'static str, title: &str, text: String) -> impl IntoView + use<> {
    let id = format!("connect-{name}-text");
    view! {
        <figure class="code">
            <figcaption>
                <span>{title.to_owned()}</span>
                {copy_button(id.clone())}
            </figcaption>
            <pre tabindex="0" id=id>{text}</pre>
        </figure>
    }
}

/// What to look at when a light stays dark.
fn when_dark(reader: &Reader) -> impl IntoView + use<> {
    let here = here();
    let seen = if reader.makes_tokens {
        let (clients, tokens) = (here.href("/settings/clients"), here.href("/settings/tokens"));
        view! {
            <p class="note">
                "What arrived and could not be used stands under "<a href=clients>"Clients"</a>", when a token was last used under "
                <a href=tokens>"Tokens"</a>"."
            </p>
        }
        .into_any()
    } else {
        view! { <p class="note">"An admin sees under Clients what arrived and could not be used."</p> }
            .into_any()
    };
    let origin = (reader.language.token_kind() == TokenKind::Client).then(|| {
        view! {
            <dt>"403, or a CORS error in the browser’s console"</dt>
            <dd>"The page’s origin is not among the token’s: exactly scheme, host and port. Make a token for that origin."</dd>
        }
    });
    let health = format!("curl {}/healthz", reader.address);
    view! {
        <section class="card stack" aria-labelledby="connect-dark">
            <h3 id="connect-dark">"When one stays dark"</h3>
            <dl class="connect-dark">
                <dt>"No answer at all"</dt>
                <dd>
                    "From where the program runs, "<code>{health}</code>
                    " has to say ok. If this server has another address there, use that one; "<code>"--public-url"</code>
                    " tells Fader how it is reached."
                </dd>
                <dt>"401"</dt>
                <dd>"The token is missing, mistyped, revoked or expired. The answer says which."</dd>
                {origin}
                <dt>"FLAG_NOT_FOUND"</dt>
                <dd>"The key is another one, or the flag is archived."</dd>
                <dt>"The program works, the light is dark"</dt>
                <dd>"The token counts in another environment: its beginning names it, as in fdr_server_production_…"</dd>
                <dt>"No exposure"</dt>
                <dd>
                    "An answer about all flags at once is none, nor is a question without a targeting key or with "
                    <code>"X-Fader-Exposure: none"</code>"."
                </dd>
                <dt>"No outcome"</dt>
                <dd>"Its subject has to be who asked, it is at most ten minutes old, and its metric exists."</dd>
            </dl>
            {seen}
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::ask;

    #[test]
    fn whom_to_ask_is_said_by_name() {
        assert_eq!(ask(&[]), "Tokens are made by an admin.");
        assert_eq!(ask(&["Ada".into()]), "Tokens are made by an admin: ask Ada.");
        assert_eq!(
            ask(&["Ada".into(), "Bo".into(), "Cy".into()]),
            "Tokens are made by an admin: ask Ada, Bo or Cy."
        );
    }
}
