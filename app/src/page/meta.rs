//! What a page says of itself, beside its content.

use http::StatusCode;

use super::layout::Section;

/// How a page presents itself.
#[derive(Debug, Clone)]
pub struct PageMeta {
    pub title: String,
    pub section: Option<Section>,
    pub status: StatusCode,
    /// The page shows what others may change: it updates itself.
    pub live: bool,
    /// It shows what is measured, which changes without anybody changing anything.
    pub measures: bool,
    /// The page's address is a secret: no request may mention it as its referrer.
    pub secret_address: bool,
}

impl PageMeta {
    /// A page below one entry of the navigation. It updates its `[data-live]` regions by itself.
    pub fn new(title: impl Into<String>, section: Section) -> Self {
        Self {
            title: title.into(),
            section: Some(section),
            status: StatusCode::OK,
            live: true,
            measures: false,
            secret_address: false,
        }
    }

    /// A page that belongs to no entry of the navigation.
    pub fn outside(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            section: None,
            status: StatusCode::OK,
            live: false,
            measures: false,
            secret_address: false,
        }
    }

    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The page looks at itself again every few seconds.
    #[must_use]
    pub fn measures(mut self) -> Self {
        self.measures = true;
        self
    }

    #[must_use]
    pub fn secret_address(mut self) -> Self {
        self.secret_address = true;
        self
    }
}
