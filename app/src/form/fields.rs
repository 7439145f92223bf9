//! What a form sent: texts by name, in the order of the page. Repeated names are kept, so lists need no script.

use axum::{
    body::Bytes,
    extract::{FromRequest, Multipart, Request},
};
use http::header::CONTENT_TYPE;

use super::file::SentFile;
use crate::{caps::check_field, error::AppError};

/// More fields than any form of ours has.
pub const FIELDS_MAX: usize = 10_000;

/// What no text holds.
const BROKEN: [char; 2] = ['\u{fffd}', '\0'];

/// The fields of a form post. Extract it last in an action's arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    pairs: Vec<(String, String)>,
    /// What the files were whose texts stand among them, by field.
    files: Vec<(String, SentFile)>,
}

impl Fields {
    pub fn parse(body: &[u8]) -> Result<Self, AppError> {
        let mut fields = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.len() == FIELDS_MAX {
                return Err(AppError::TooLarge);
            }
            check_field(&name, &value)?;
            // The decoder puts the first of them where the bytes were not UTF-8; no database keeps the other.
            if name.contains(BROKEN) || value.contains(BROKEN) {
                return Err(AppError::BadForm);
            }
            fields.push((name.into_owned(), value.replace("\r\n", "\n")));
        }
        Ok(fields.into())
    }

    /// A form with a file: the file's text is the value of its field; without a file, or without a text in it, the field is
    /// empty.
    async fn collect(mut parts: Multipart) -> Result<Self, AppError> {
        let mut fields = Self::default();
        while let Some(part) = parts.next_field().await.map_err(|_| AppError::BadForm)? {
            if fields.pairs.len() == FIELDS_MAX {
                return Err(AppError::TooLarge);
            }
            let name = part.name().unwrap_or_default().to_owned();
            let file_name = part.file_name().map(str::to_owned);
            let bytes = part.bytes().await.map_err(|_| AppError::TooLarge)?;
            let value = if let Some(file_name) = file_name {
                let (text, file) = SentFile::read(&file_name, &bytes);
                // Browsers send an empty one without a name where none was chosen.
                if !file_name.is_empty() {
                    fields.files.push((name.clone(), file));
                }
                text
            } else {
                let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0'));
                text.ok_or(AppError::BadForm)?.replace("\r\n", "\n")
            };
            check_field(&name, &value)?;
            fields.pairs.push((name, value));
        }
        Ok(fields)
    }

    /// What the file of this field was; `None` when none was sent.
    pub fn file(&self, name: &str) -> Option<&SentFile> {
        self.files.iter().find(|(field, _)| field == name).map(|(_, file)| file)
    }

    /// Whether a file was sent that is no text, so that its field is empty.
    pub fn has_unread_file(&self) -> bool {
        self.files.iter().any(|(_, file)| file.read.is_err())
    }

    /// The first value of the name as it was typed; empty when the form did not send it.
    pub fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The first value without the white space around it.
    pub fn trimmed(&self, name: &str) -> &str {
        self.text(name).trim()
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of the name, in order.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a checkbox is ticked or a button was pressed.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// For a page that sends them again.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        pairs.into_iter().map(owned).collect::<Vec<_>>().into()
    }

    /// All but those of one name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.pairs.retain(|(key, _)| key != name);
        self
    }

    /// As a browser would send them.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.iter()).finish()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A version number that the page put into a hidden field.
    pub fn number(&self, name: &str) -> Result<u64, AppError> {
        self.text(name).parse().map_err(|_| AppError::BadForm)
    }
}

impl From<Vec<(String, String)>> for Fields {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, files: Vec::new() }
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if kind.starts_with("multipart/form-data") {
            let parts = Multipart::from_request(request, state).await.map_err(|_| AppError::BadForm)?;
            return Self::collect(parts).await;
        }
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(AppError::BadForm);
        }
        let body = Bytes::from_request(request, state).await.map_err(|_| AppError::TooLarge)?;
        Self::parse(&body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_a_list() {
        let fields = Fields::parse(b"a=1&b=x+y&a=%C3%A5").expect("fields");
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", "å"]);
        assert_eq!(fields.text("b"), "x y");
        assert_eq!(fields.text("c"), "");
    }

    #[test]
    fn what_is_encoded_is_read_again() {
        let fields = Fields::parse(b"a=1&b=x+y%26&a=%C3%A5%0A&pw=s").expect("fields");
        let rest = fields.clone().without("pw");
        assert_eq!(Fields::parse(rest.encode().as_bytes()), Ok(rest.clone()));
        assert_eq!((rest.find("pw"), fields.text("pw")), (None, "s"));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        for body in [b"a=%ff", b"a=%00", b"%00=a"] {
            assert_eq!(Fields::parse(body), Err(AppError::BadForm));
        }
    }

    #[test]
    fn a_field_is_measured_before_anything_is_done_with_it() {
        let body = format!("name={}", "x".repeat(5_001));
        assert_eq!(Fields::parse(body.as_bytes()), Err(AppError::FieldTooLong { chars_max: 5_000 }));
    }
}
