//! What every page of one flag loads, and the forecast for a form that is being typed.

use std::sync::Arc;

use engine::{Count, EnvironmentKey, Flag, FlagKey, Rollout, Snapshot, Survey, group_name, rollout_phrase};
use store::{
    Action, Asker, AuditEntry, Environment, Moving, ObjectKind, ObjectRef, Patience, ReleasePlan, RuleHealth,
    Store, Versioned, Viewer,
};

use super::{rollout::form::RolloutForm, watch::Watch};
use crate::{
    error::{AppError, Thing},
    forecast::{Drafted, Forecast, Mood},
    moved::{Look, Names},
    page::{Page, address},
};

/// How many of the flag's last changes every page of it looks at.
const RECENT: usize = 10;

/// A flag in one environment, with what its header says.
pub struct FlagPage {
    pub flag: Arc<Flag>,
    pub flag_version: u64,
    pub rollout: Versioned<Rollout>,
    pub environment: Environment,
    pub snapshot: Arc<Snapshot>,
    /// Newest first.
    pub recent: Vec<AuditEntry>,
    pub known: usize,
    /// Of the known people, those who have it; of a stopped flag, those who will when it is resumed. `None` while they are
    /// counted.
    pub on: Option<Count>,
    /// What is saved, for any percentages.
    survey: Option<Arc<Survey>>,
    /// The same flag in the other environments, and its state there in words.
    pub elsewhere: Vec<(Environment, String)>,
    pub(super) watch: Watch,
}

impl FlagPage {
    pub async fn load(page: &Page, key: &str) -> Result<Self, AppError> {
        let missing = || AppError::NotFound(Thing::Flag);
        let key = FlagKey::parse(address::key_of(key)).map_err(|_| missing())?;
        let (store, viewer) = (page.store(), page.viewer());
        let flag = store.find_flag(&viewer, &key).await?.ok_or_else(missing)?;
        let rollout = store.find_rollout(&viewer, &page.environment.key, &key).await?.ok_or_else(missing)?;
        let object = ObjectRef::new(ObjectKind::Flag, key.as_str());
        let recent = store.history(&viewer, &object, Some(&page.environment.key), None, RECENT).await?;
        let live = store.live();
        let snapshot = live.snapshot(page.environment.key.as_str()).ok_or_else(missing)?;
        let definition = Arc::new(flag.value);
        let asked = (None, Patience::PAGE);
        let survey = store.census().survey(&viewer, &snapshot, &definition, &[&rollout.value], asked).await;
        let on = match &survey {
            Ok(survey) => survey.as_ref().map(|it| it.sample().count(it.holders((0, &rollout.value)))),
            // What cannot be compiled serves nobody.
            Err(_) => Some(Count::Exact(0)),
        };
        let environments = live.environments();
        let elsewhere = environments.iter().filter(|it| it.key != page.environment.key).cloned();
        Ok(Self {
            watch: Watch::load(page, &key).await,
            elsewhere: elsewhere.map(|it| (it.clone(), phrase_in(store, &it.key, &key))).collect(),
            flag: definition,
            flag_version: flag.version,
            rollout,
            environment: page.environment.clone(),
            snapshot,
            recent,
            known: live.people().len(),
            on,
            survey: survey.ok().flatten(),
        })
    }

    pub fn key(&self) -> &FlagKey {
        &self.flag.key
    }

    pub fn stopped(&self) -> bool {
        !self.rollout.value.enabled
    }

    pub fn archived(&self) -> bool {
        self.flag.lifecycle == engine::Lifecycle::Archived
    }

    /// `VIP agencies + 20 % of everyone`, also of a stopped flag: what it is when it runs.
    pub fn phrase(&self) -> String {
        let running = Rollout { enabled: true, ..self.rollout.value.clone() };
        rollout_phrase(&running, &group_name(&self.snapshot))
    }

    /// Who stopped it, when and why.
    pub fn stop_entry(&self) -> Option<&AuditEntry> {
        let stops = |action: Action| matches!(action, Action::RolloutStopped | Action::GuardStopped);
        self.recent.iter().find(|entry| stops(entry.action)).filter(|_| self.stopped())
    }

    /// The last change of the rollout in this environment, when it can be undone.
    pub fn undoable(&self) -> Option<&AuditEntry> {
        let here = Some(&self.environment.key);
        self.recent
            .iter()
            .find(|entry| entry.environment.as_ref() == here)
            .filter(|entry| entry.is_revertible() && entry.seq == self.rollout.seq)
            .filter(|entry| matches!(entry.action, Action::RolloutChanged | Action::Reverted))
    }

    /// How the guard judges each rule; nothing where that cannot be read.
    pub fn health(&self) -> &[RuleHealth] {
        self.watch.health()
    }

    /// The release plan; `None` also where it cannot be read.
    pub fn plan(&self) -> Option<&ReleasePlan> {
        self.watch.plan()
    }

    /// Whether there is a plan that cannot be read.
    pub fn has_unreadable_plan(&self) -> bool {
        self.watch.has_unreadable_plan()
    }

    /// What the form means among the known people, against what is saved.
    pub async fn forecast(&self, page: &Page, form: &RolloutForm) -> Forecast {
        let asked = Asked {
            snapshot: &self.snapshot,
            flag: &self.flag,
            saved: &self.rollout.value,
            protected: self.environment.protected,
            survey: self.survey.clone(),
            asker: None,
            patience: Patience::PAGE,
        };
        asked.forecast(page.store(), &page.viewer(), form).await
    }

    /// Whom saving the form would move, by name.
    pub async fn moved(&self, page: &Page, form: &RolloutForm, look: Look) -> Result<Names, AppError> {
        match form.parse(&self.rollout.value, &self.flag) {
            Ok(after) => self.moved_between(page, (self.rollout.value.clone(), after), look).await,
            Err(errors) => {
                let first = errors.into_iter().next().map(|error| error.sentence);
                Ok(Names::Unfinished(first.unwrap_or_default()))
            }
        }
    }

    /// Whom going from one rollout to another moves, by name.
    pub async fn moved_between(
        &self,
        page: &Page,
        (before, after): (Rollout, Rollout),
        look: Look,
    ) -> Result<Names, AppError> {
        let (before, after) = (Arc::new(before), Arc::new(after));
        let moving = Moving::Rollout { flag: Arc::clone(&self.flag), before, after };
        Names::of(page, &self.snapshot, moving, look).await
    }
}

fn phrase_in(store: &Store, environment: &EnvironmentKey, flag: &FlagKey) -> String {
    let snapshot = store.live().snapshot(environment.as_str());
    let phrase = snapshot.as_ref().and_then(|snapshot| {
        let rollout = snapshot.flag(flag.as_str())?.rollout();
        Some(rollout_phrase(rollout, &group_name(snapshot)))
    });
    phrase.unwrap_or_else(|| "Nobody".to_owned())
}

/// The forecast for a form that is being typed, for the island.
pub async fn forecast_of(
    store: &Store,
    viewer: &Viewer,
    environment: &str,
    flag: &str,
    form: &RolloutForm,
) -> Result<Forecast, AppError> {
    let missing = || AppError::NotFound(Thing::Flag);
    let live = store.live();
    let snapshot = live.snapshot(environment).ok_or(AppError::NotFound(Thing::Environment))?;
    let key = FlagKey::parse(flag).map_err(|_| missing())?;
    let saved = store.find_rollout(viewer, snapshot.environment(), &key).await?.ok_or_else(missing)?;
    let compiled = snapshot.flag(flag).ok_or_else(missing)?;
    let environments = live.environments();
    let protected = environments.iter().any(|it| it.key.as_str() == environment && it.protected);
    let asked = Asked {
        snapshot: &snapshot,
        flag: compiled.flag(),
        saved: &saved.value,
        protected,
        survey: None,
        asker: Some(Asker::new(viewer, &format!("{environment}/{flag}"))),
        patience: Patience::PREVIEW,
    };
    Ok(asked.forecast(store, viewer, form).await)
}

/// A forecast that is asked for.
struct Asked<'a> {
    snapshot: &'a Arc<Snapshot>,
    flag: &'a Arc<Flag>,
    saved: &'a Rollout,
    protected: bool,
    /// Of what is saved, where it is there already.
    survey: Option<Arc<Survey>>,
    asker: Option<Asker>,
    patience: Patience,
}

impl Asked<'_> {
    /// Of a form that is not finished, what can be counted is counted; the sentence says what is missing.
    async fn forecast(self, store: &Store, viewer: &Viewer, form: &RolloutForm) -> Forecast {
        let Self { snapshot, flag, saved, protected, .. } = self;
        let (draft, missing) = match form.parse(saved, flag) {
            Ok(draft) => (draft, None),
            Err(errors) => (form.parse_leniently(saved, flag), errors.into_iter().next()),
        };
        let trial = Drafted { snapshot, saved, draft: &draft, protected };
        let surveyed = trial.surveyed();
        let survey = if let Some(survey) = self.survey.filter(|_| surveyed.len() == 1) {
            Ok(Some(survey))
        } else {
            let asked = (self.asker, self.patience);
            store.census().survey(viewer, snapshot, flag, &surveyed, asked).await
        };
        let forecast = match survey {
            Ok(Some(survey)) => trial.forecast(&survey),
            Ok(None) => trial.uncounted(),
            Err(problem) => {
                return Forecast::unfinished(crate::form::error::as_sentence(&problem.to_string()));
            }
        };
        match missing {
            None => forecast,
            Some(error) => {
                Forecast { changed: true, mood: Mood::Unfinished, sentence: error.sentence, ..forecast }
            }
        }
    }
}
