//! What changed for one person between two moments, and what did it. The two moments are decided as support's "as of" decides
//! them; what was changed between them is replayed over the flags that are decided differently, and over nothing else.

mod replay;
mod window;

use std::sync::Arc;

use engine::{
    Attributes, Context, EnrolmentState, Explanation, Flag, Served, Snapshot, SubjectKey, VariantKey,
};

use crate::{AuditEntry, PeopleReader, Store, StoreError, limits::CHANGED_FLAGS_MAX, live::Environment};
use replay::Turned;

/// All of it.
#[derive(Debug, Clone)]
pub struct PersonChanges {
    pub from_ms: i64,
    pub until_ms: i64,
    /// How many flags there were at one moment or the other.
    pub compared: usize,
    /// Those that are decided differently, by name.
    pub flags: Vec<FlagChanged>,
    /// As many again are decided differently, and not told one by one.
    pub more: usize,
    /// Since when something is stored with them; before that nobody knows their attributes. `None`: nothing is.
    pub stored_since_ms: Option<i64>,
    /// When the log begins; before that nobody knows anything.
    pub begun_ms: Option<i64>,
}

/// One flag that is decided differently.
#[derive(Debug, Clone)]
pub struct FlagChanged {
    /// As it is at the later moment, or was last.
    pub flag: Arc<Flag>,
    pub then: Explanation,
    pub now: Explanation,
    /// Each time the decision became another, oldest first; the last one made it what it is.
    pub turns: Vec<Turn>,
    /// Turns before those, which are not told.
    pub earlier: usize,
}

/// The decision became another.
#[derive(Debug, Clone)]
pub struct Turn {
    pub at_ms: i64,
    /// The variants; `None` where there is no answer.
    pub before: Option<VariantKey>,
    pub after: Option<VariantKey>,
    pub cause: Cause,
}

/// What made it another.
#[derive(Debug, Clone)]
pub enum Cause {
    /// A change, by whoever made it.
    Entry(Box<AuditEntry>),
    /// An enrolment of theirs began or ended by itself, in the group of this name.
    Enrolment { group: String, state: EnrolmentState },
    /// A condition compares with a moment that moves.
    Time,
    /// One of the first changes: there are more than are replayed.
    Many,
    /// Nothing that was kept says it.
    Unknown,
}

/// What one flag gives, as far as two moments are compared.
#[derive(Debug, Clone, PartialEq)]
struct Given {
    variant: VariantKey,
    value: serde_json::Value,
    is_off: bool,
}

/// No answer is as good as the off variant: a flag that is made gives nobody anything.
fn differ(one: Option<&Given>, other: Option<&Given>) -> bool {
    match (one, other) {
        (None, None) => false,
        (Some(one), Some(other)) => one != other,
        (Some(given), None) | (None, Some(given)) => !given.is_off,
    }
}

fn given(snapshot: &Snapshot, flag: &str, context: &Context<'_>, at_ms: i64) -> Option<Given> {
    let off = snapshot.flag(flag)?.flag().off_variant.clone();
    let decision = snapshot.evaluate(flag, context, at_ms).ok()?;
    let variant = decision.variant.key.clone();
    Some(Given { is_off: variant == off, variant, value: decision.variant.value.clone() })
}

/// One end of the time that is looked at.
struct End {
    at_ms: i64,
    seq: u64,
    snapshot: Arc<Snapshot>,
    traits: Option<Attributes>,
}

impl End {
    fn context<'c>(&'c self, subject: &'c SubjectKey) -> Context<'c> {
        Context::from_traits(subject.as_str(), self.traits.as_ref().unwrap_or(Attributes::EMPTY))
    }

    fn explain(&self, flag: &Flag, subject: &SubjectKey) -> Explanation {
        self.snapshot.explain(flag.key.as_str(), &self.context(subject), self.at_ms)
    }
}

impl FlagChanged {
    /// What is served at the earlier moment.
    pub fn given_then(&self) -> Option<&Served> {
        self.then.decision.as_ref().ok()
    }

    /// What is served at the later one.
    pub fn given_now(&self) -> Option<&Served> {
        self.now.decision.as_ref().ok()
    }
}

impl Store {
    /// What is decided differently for the subject at `until_ms` than at `from_ms`, and what made it so. The look-up itself is
    /// audited by [`Store::look_up`].
    pub async fn changed_for(
        &self,
        by: &PeopleReader,
        environment: &Environment,
        subject: &SubjectKey,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<PersonChanges, StoreError> {
        let from = self.end(by, environment, subject, from_ms).await?;
        let until = self.end(by, environment, subject, until_ms).await?;
        let flags = both(&from.snapshot, &until.snapshot);
        let compared = flags.len();
        let (then, now) = (from.context(subject), until.context(subject));
        let is_changed = |flag: &Arc<Flag>| {
            let key = flag.key.as_str();
            let then = given(&from.snapshot, key, &then, from_ms);
            differ(then.as_ref(), given(&until.snapshot, key, &now, until_ms).as_ref())
        };
        let mut changed: Vec<_> = flags.into_iter().filter(is_changed).collect();
        changed.sort_by_cached_key(|flag| (flag.name.to_lowercase(), flag.key.clone()));
        let more = changed.len().saturating_sub(CHANGED_FLAGS_MAX);
        changed.truncate(CHANGED_FLAGS_MAX);
        let mut flags = Vec::with_capacity(changed.len());
        if !changed.is_empty() {
            let window = self.window(environment, subject, &from, &until, &changed).await?;
            let mut turned = window.replay(subject, &changed, &until).await;
            for (flag, turned) in changed.into_iter().zip(turned.drain(..)) {
                let (turns, earlier) = self.told(turned).await?;
                let (then, now) = (from.explain(&flag, subject), until.explain(&flag, subject));
                flags.push(FlagChanged { flag, then, now, turns, earlier });
            }
        }
        let (stored_since_ms, begun_ms) = self.known_since(subject).await?;
        Ok(PersonChanges { from_ms, until_ms, compared, flags, more, stored_since_ms, begun_ms })
    }

    async fn end(
        &self,
        by: &PeopleReader,
        environment: &Environment,
        subject: &SubjectKey,
        at_ms: i64,
    ) -> Result<End, StoreError> {
        let as_of = self.snapshot_as_of(by, &environment.key, at_ms).await?;
        let traits = self.traits_as_of(by, subject, at_ms).await?;
        Ok(End { at_ms, seq: as_of.seq, snapshot: as_of.snapshot, traits })
    }

    /// The last turns with their entries, and how many there were before them.
    async fn told(&self, turned: Vec<Turned>) -> Result<(Vec<Turn>, usize), StoreError> {
        let earlier = turned.len().saturating_sub(crate::limits::TURNS_TOLD_MAX);
        let mut turns = Vec::new();
        for Turned { at_ms, before, after, cause } in turned.into_iter().skip(earlier) {
            let cause = match cause {
                replay::Cause::Entry(seq) => match self.stored_entry(seq).await? {
                    Some(entry) => Cause::Entry(Box::new(entry)),
                    None => Cause::Unknown,
                },
                replay::Cause::Enrolment { group, state } => Cause::Enrolment { group, state },
                replay::Cause::Time => Cause::Time,
                replay::Cause::Many => Cause::Many,
                replay::Cause::Unknown => Cause::Unknown,
            };
            let variant = |given: Option<Given>| given.map(|it| it.variant);
            turns.push(Turn { at_ms, before: variant(before), after: variant(after), cause });
        }
        Ok((turns, earlier))
    }
}

/// The flags of both, each once, the later ones first.
fn both(from: &Snapshot, until: &Snapshot) -> Vec<Arc<Flag>> {
    let gone = from.flags().filter(|it| until.flag(it.key().as_str()).is_none());
    until.flags().chain(gone).map(|it| Arc::clone(it.flag())).collect()
}
