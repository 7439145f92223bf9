//! What a page has said already, so that it says no sentence twice.

use std::{cell::RefCell, collections::HashSet};

#[derive(Default)]
pub struct Said(RefCell<HashSet<String>>);

impl Said {
    /// The sentence, unless it was said before: with or without its full stop it is the same one.
    pub fn once(&self, sentence: &str) -> Option<String> {
        let bare = sentence.trim().trim_end_matches('.').to_owned();
        self.0.borrow_mut().insert(bare).then(|| sentence.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_said_once() {
        let said = Said::default();
        assert_eq!(said.once("Every guardrail holds.").as_deref(), Some("Every guardrail holds."));
        assert_eq!(said.once("Every guardrail holds"), None);
        assert!(said.once("Nothing is judged yet.").is_some());
    }
}
