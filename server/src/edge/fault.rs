//! What can go wrong around any handler, in a sentence and a status. Each door gives it its own shape.

use app::site::Site;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::coding;
use crate::limits::{BODY_RATIO_MAX, DATABASE_RETRY_AFTER_S, PAGE_MAX};

/// What can go wrong around any handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NotFound,
    MethodNotAllowed,
    TooLarge {
        bytes_max: usize,
    },
    TimedOut,
    BrokenBody,
    /// The body is in a coding that is not read here.
    UnknownCoding,
    /// The body is not what its header `Content-Encoding` says.
    NotAsCoded,
    /// Far more comes out of a compressed body than people and programs write.
    Swollen,
    /// The address or the body holds a NUL.
    Nul,
    /// A part of the query is longer.
    QueryTooLong {
        chars_max: usize,
    },
    CrossSite,
    Unavailable,
    /// Too much is being read at the moment.
    Busy,
    /// A member asked for more than their share of what costs much.
    TooOften {
        retry_after_s: u64,
    },
    /// A document with too many values for its size.
    TooDetailed,
    /// More pages are asked for than may wait.
    Crowded,
    /// A page took too long.
    GivenUp,
    /// The server started without its database, which has not come yet.
    WithoutDatabase,
    Internal,
}

impl Fault {
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge { .. } | Self::TooDetailed | Self::Swollen => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnknownCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenBody | Self::NotAsCoded | Self::Nul => StatusCode::BAD_REQUEST,
            Self::QueryTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Busy | Self::Crowded | Self::GivenUp | Self::WithoutDatabase => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// After how long it is worth another try.
    pub fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::Busy | Self::Crowded => Some(1),
            Self::GivenUp => Some(5),
            Self::TooOften { retry_after_s } => Some(retry_after_s),
            Self::Unavailable | Self::WithoutDatabase => Some(DATABASE_RETRY_AFTER_S),
            Self::NotFound
            | Self::MethodNotAllowed
            | Self::TooLarge { .. }
            | Self::TooDetailed
            | Self::QueryTooLong { .. }
            | Self::Nul
            | Self::TimedOut
            | Self::BrokenBody
            | Self::UnknownCoding
            | Self::NotAsCoded
            | Self::Swollen
            | Self::CrossSite
            | Self::Internal => None,
        }
    }

    /// What a person reads, and can do.
    pub fn sentence(self) -> String {
        match self {
            Self::NotFound => "There is nothing at this address.".to_owned(),
            Self::MethodNotAllowed => "This address does not answer to that method.".to_owned(),
            Self::TooLarge { bytes_max } => {
                format!("The request is too large: at most {} kB are accepted.", bytes_max / 1024)
            }
            Self::TimedOut => "The request took too long to arrive; please send it again.".to_owned(),
            Self::BrokenBody => "The request broke off; please send it again.".to_owned(),
            Self::UnknownCoding => {
                format!("Compress the body with one of {}, and say which in Content-Encoding, or send it as it is.", coding::READ)
            }
            Self::NotAsCoded => {
                "The body is not compressed as its header Content-Encoding says: send it again, or as it is.".to_owned()
            }
            Self::Swollen => format!(
                "The body grows to more than {BODY_RATIO_MAX} times its size when it is decompressed: send it in parts, or \
                 not compressed."
            ),
            Self::Nul => {
                "The request holds the character NUL, which is part of no text: remove it and send the request again."
                    .to_owned()
            }
            Self::QueryTooLong { chars_max } => {
                format!("A part of the address is too long: at most {chars_max} characters are looked at.")
            }
            Self::CrossSite => {
                "This form was sent from another site, or by a browser that hides where from. \
                Open Fader in this window and try again."
                    .to_owned()
            }
            Self::Busy => {
                "The server is reading as much as it can at the moment; please send it again.".to_owned()
            }
            Self::TooOften { retry_after_s } => format!(
                "You have exported as much as you may at once; please try again in {}.",
                engine::counted(retry_after_s, "second")
            ),
            Self::Crowded => "More pages are asked for at the moment than the server can answer; please try again in a \
                second. Decisions for your applications go on meanwhile."
                .to_owned(),
            Self::GivenUp => format!(
                "This took longer than {} seconds and was given up. No setting was changed. Look at less at once, with a filter \
                or a shorter time, or try again in a moment.",
                PAGE_MAX.as_secs()
            ),
            Self::TooDetailed => "That is too many values in one request: send them in parts.".to_owned(),
            Self::Unavailable => "The server cannot reach its database; please try again soon.".to_owned(),
            Self::WithoutDatabase => "The server has not reached its database since it started: until then it only \
                makes decisions, as they were when it last saw it. It goes on by itself; please try again soon."
                .to_owned(),
            Self::Internal => "Something went wrong on our side; nothing was changed. Please try again; \
                if it stays, give your admin the time and the request id of this answer."
                .to_owned(),
        }
    }

    /// A page that says it, for people and for whoever has no shape of its own. Its text comes with [`FaultPage`].
    pub fn page(self) -> Response {
        let mut response = (self.status(), Html(String::new())).into_response();
        response.extensions_mut().insert(FaultPage(self));
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// With the answer of [`Fault::page`]: whoever knows where browsers find this site writes it.
#[derive(Debug, Clone, Copy)]
pub struct FaultPage(Fault);

impl FaultPage {
    pub fn html(self, site: &Site) -> String {
        let status = self.0.status();
        let title = status.canonical_reason().unwrap_or("Error");
        format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Fader</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"></head>\
             <body><main><h1>{title}</h1><p>{}</p><p><a href=\"{}\">Back to the desk</a></p></main></body></html>",
            self.0.sentence(),
            site.address("/"),
        )
    }
}
