//! What islands ask the server: a form is posted below `/call/`, and the answer is HTML which the server has rendered, in
//! a text of JSON, or the sentence that says why there is none. The browser reads JSON by itself; nothing here does.

use js_sys::Reflect;
use leptos::prelude::window;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response, UrlSearchParams};

use crate::{refused::lead_to_password, site};

/// The member of a refusal that says why.
pub const SENTENCE: &str = "sentence";
/// The member of a refusal that is there when somebody has to give their password first.
pub const PASSWORD: &str = "password";

const UNREACHABLE: &str = "The server does not answer. Check the connection and try again.";

/// Why there is no answer.
pub(crate) enum NoAnswer {
    /// The page is being left.
    Leaving,
    Because(String),
}

pub(crate) async fn call(name: &str, fields: &[(&str, &str)]) -> Result<String, NoAnswer> {
    let Ok(answer) = post(name, fields).await else {
        return Err(NoAnswer::Because(UNREACHABLE.to_owned()));
    };
    if let Some(html) = answer.as_string() {
        return Ok(html);
    }
    let member = |name: &str| Reflect::get(&answer, &JsValue::from_str(name)).unwrap_or_default();
    if member(PASSWORD).is_truthy() && lead_to_password() {
        return Err(NoAnswer::Leaving);
    }
    Err(NoAnswer::Because(member(SENTENCE).as_string().unwrap_or_else(|| UNREACHABLE.to_owned())))
}

/// What the server says; an error is that of a proxy, or of the way there.
async fn post(name: &str, fields: &[(&str, &str)]) -> Result<JsValue, JsValue> {
    let body = UrlSearchParams::new()?;
    for (name, value) in fields {
        body.append(name, value);
    }
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&body);
    let address = format!("{}/call/{name}", site::base());
    let response = JsFuture::from(window().fetch_with_str_and_init(&address, &init)).await?;
    JsFuture::from(response.dyn_into::<Response>()?.json()?).await
}
