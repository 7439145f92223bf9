//! What the product says, in one list that a person can read in a review (`snapshots/…sentences.snap`), with the rules that
//! hold for every sentence. The list is made by what makes the sentences: the engine's types and the audit log of a
//! workspace in which everything was done once.

mod audit;
mod definitions;
mod faults;
mod guard;
mod plans;
mod refusals;

use std::fmt::Write as _;

/// The list, and what is wrong with it.
#[derive(Default)]
struct Listed {
    text: String,
    faults: Vec<String>,
}

impl Listed {
    fn section(&mut self, title: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        writeln!(self.text, "{gap}## {title}").expect("a text");
    }

    /// What stands alone: with a capital at its start and a full stop at its end.
    fn sentence(&mut self, text: impl Into<String>) {
        self.add(text.into(), true);
    }

    /// What stands in a sentence or in a line of a list.
    fn phrase(&mut self, text: impl Into<String>) {
        self.add(text.into(), false);
    }

    fn add(&mut self, text: String, alone: bool) {
        let line = format!("{text}\n");
        if self.text.contains(&format!("\n{line}")) {
            return;
        }
        self.faults.extend(faults::of(&text, alone).into_iter().map(|fault| format!("{fault}: {text}")));
        self.text.push_str(&line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sentence_reads_well() {
    let mut listed = Listed::default();
    definitions::list(&mut listed);
    guard::list(&mut listed);
    plans::list(&mut listed);
    refusals::list(&mut listed);
    Box::pin(audit::list(&mut listed)).await;
    insta::assert_snapshot!("sentences", listed.text);
    assert_eq!(listed.faults, Vec::<String>::new(), "these do not read well");
}
