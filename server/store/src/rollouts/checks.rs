//! What a rollout must agree with: the groups and the other flags of its environment.

use std::collections::HashMap;

use engine::{EnvironmentKey, FlagKey, GroupKey, Problem, Rollout};

use crate::live::State;

/// The names of groups for sentences; an unknown group is called by its key.
pub(crate) fn group_names(
    state: &State,
    environment: &EnvironmentKey,
) -> impl Fn(&GroupKey) -> String + use<> {
    let snapshot = state.snapshot(environment.as_str()).cloned();
    move |key| {
        let group = snapshot.as_ref().and_then(|s| s.group(key.as_str()));
        group.map_or_else(|| key.to_string(), |group| group.name().to_owned())
    }
}

/// Prerequisites must exist, have the variant, and not wait for each other.
pub(crate) fn prerequisite_problems(
    state: &State,
    environment: &EnvironmentKey,
    flag: &FlagKey,
    rollout: &Rollout,
) -> Vec<Problem> {
    let Some(snapshot) = state.snapshot(environment.as_str()) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for prerequisite in &rollout.prerequisites {
        match snapshot.flag(prerequisite.flag.as_str()).filter(|other| !other.is_archived()) {
            None => problems.push(Problem::UnknownFlag { flag: prerequisite.flag.clone() }),
            Some(other) if other.flag().variant(&prerequisite.variant).is_none() => {
                problems.push(Problem::UnknownPrerequisiteVariant {
                    flag: prerequisite.flag.clone(),
                    variant: prerequisite.variant.clone(),
                });
            }
            Some(_) => {}
        }
    }
    if rollout.prerequisites.is_empty() {
        return problems;
    }
    let waits_for =
        |rollout: &Rollout| rollout.prerequisites.iter().map(|p| p.flag.clone()).collect::<Vec<_>>();
    let mut edges: HashMap<_, _> = snapshot
        .flags()
        .filter(|other| !other.rollout().prerequisites.is_empty())
        .map(|other| (other.flag().key.clone(), waits_for(other.rollout())))
        .collect();
    edges.insert(flag.clone(), waits_for(rollout));
    problems.extend(Problem::check_prerequisites(flag, &edges));
    problems
}
