//! What the variants of a flag can be.

use serde_json::Value as Json;

crate::words! {
    /// What every variant's value is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ValueType: serde {
        Boolean = "boolean",
        String = "string",
        Number = "number",
        Object = "object",
    }
}

impl ValueType {
    pub fn accepts(self, value: &Json) -> bool {
        match self {
            Self::Boolean => value.is_boolean(),
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
        }
    }
}
