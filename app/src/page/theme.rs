//! Light, dark, or what the system says; rendered on `<html>`, so there is no flash.

engine::words! {
    /// The colours somebody chose.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Theme {
        #[default]
        System = "system",
        Light = "light",
        Dark = "dark",
    }
}

impl Theme {
    /// An unknown word is the system's choice: the cookie is the browser's, not ours.
    pub fn or_system(text: &str) -> Self {
        Self::parse(text).unwrap_or_default()
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::System => "Like the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// The id of the button that chooses it, on every page.
    pub fn button(self) -> &'static str {
        match self {
            Self::System => "theme-system",
            Self::Light => "theme-light",
            Self::Dark => "theme-dark",
        }
    }

    pub fn color_scheme(self) -> &'static str {
        match self {
            Self::System => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}
