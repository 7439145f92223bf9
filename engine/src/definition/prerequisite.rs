//! What prerequisites must not form: circles, and so many that a decision would give up.

use std::collections::{HashMap, HashSet};

use crate::{FlagKey, Problem};

/// A chain of prerequisites longer than this is not followed.
pub(crate) const PREREQUISITE_DEPTH_MAX: usize = 32;
/// So many prerequisites are evaluated for one decision, however they share each other.
pub(crate) const PREREQUISITES_FOLLOWED_MAX: usize = 256;

type Edges = HashMap<FlagKey, Vec<FlagKey>>;

impl Problem {
    /// What is wrong with the prerequisites around `start`: a circle, or a flag that waits for too many others.
    /// `edges` maps each flag to those it waits for, `start` as it is going to be.
    pub fn check_prerequisites(start: &FlagKey, edges: &Edges) -> Option<Self> {
        Self::find_cycle(start, edges).or_else(|| {
            let mut costs = HashMap::new();
            let dependents = waiting_for(start, edges);
            let flag = dependents.into_iter().find(|flag| cost(flag, edges, &mut costs, 0).is_none())?;
            Some(Self::PrerequisiteChain { flag: flag.clone() })
        })
    }

    /// A circle of prerequisites through `start`, if there is one; `edges` maps each flag to those it waits for.
    pub fn find_cycle(start: &FlagKey, edges: &Edges) -> Option<Self> {
        let next = |flag: &FlagKey| edges.get(flag).map(Vec::as_slice).unwrap_or_default().iter();
        let mut seen = HashSet::new();
        let mut path = vec![start];
        let mut open = vec![next(start)];
        while let Some(waits_for) = open.last_mut() {
            match waits_for.next() {
                Some(flag) if flag == start => {
                    path.push(flag);
                    return Some(Self::Cycle { path: path.into_iter().cloned().collect() });
                }
                Some(flag) if seen.insert(flag) => {
                    path.push(flag);
                    open.push(next(flag));
                }
                Some(_) => {}
                None => {
                    open.pop();
                    path.pop();
                }
            }
        }
        None
    }
}

/// `start` and every flag that waits for it, directly or not.
fn waiting_for<'a>(start: &'a FlagKey, edges: &'a Edges) -> Vec<&'a FlagKey> {
    let mut dependents: HashMap<&FlagKey, Vec<&FlagKey>> = HashMap::new();
    for (flag, waits_for) in edges {
        for next in waits_for {
            dependents.entry(next).or_default().push(flag);
        }
    }
    let (mut found, mut seen) = (vec![start], HashSet::from([start]));
    let mut at = 0;
    while let Some(flag) = found.get(at) {
        let more = dependents.get(flag).into_iter().flatten().copied();
        let more: Vec<_> = more.filter(|flag| seen.insert(*flag)).collect();
        found.extend(more);
        at += 1;
    }
    found
}

/// What deciding a flag costs: how many prerequisites are evaluated, and how deep the longest chain is.
#[derive(Debug, Clone, Copy)]
struct Cost {
    followed: usize,
    depth: usize,
}

/// `None`: more than a decision follows.
fn cost<'a>(
    flag: &'a FlagKey,
    edges: &'a Edges,
    costs: &mut HashMap<&'a FlagKey, Cost>,
    depth: usize,
) -> Option<Cost> {
    if let Some(known) = costs.get(flag) {
        return Some(*known);
    }
    if depth > PREREQUISITE_DEPTH_MAX {
        return None;
    }
    let mut total = Cost { followed: 0, depth: 0 };
    for next in edges.get(flag).into_iter().flatten() {
        let next = cost(next, edges, costs, depth + 1)?;
        total.followed += next.followed + 1;
        total.depth = total.depth.max(next.depth + 1);
    }
    if total.followed > PREREQUISITES_FOLLOWED_MAX || total.depth > PREREQUISITE_DEPTH_MAX {
        return None;
    }
    costs.insert(flag, total);
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_prerequisites_is_named() {
        let key = |k: &str| FlagKey::parse(k).expect("key");
        let edges = HashMap::from([
            (key("a"), vec![key("x"), key("b")]),
            (key("b"), vec![key("c")]),
            (key("c"), vec![key("a")]),
        ]);
        let cycle = Problem::find_cycle(&key("a"), &edges).expect("cycle");
        assert!(cycle.to_string().ends_with("a → b → c → a"), "{cycle}");
        assert_eq!(Problem::find_cycle(&key("x"), &edges), None);
    }

    #[test]
    fn a_circle_elsewhere_ends_the_search() {
        let key = |k: &str| FlagKey::parse(k).expect("key");
        let edges = HashMap::from([
            (key("start"), vec![key("a")]),
            (key("a"), vec![key("b")]),
            (key("b"), vec![key("a")]),
        ]);
        assert_eq!(Problem::find_cycle(&key("start"), &edges), None);
        assert!(Problem::check_prerequisites(&key("start"), &edges).is_some());
    }

    /// `levels` layers of `width` flags, each waiting for every flag of the next layer.
    fn layers(levels: usize, width: usize) -> HashMap<FlagKey, Vec<FlagKey>> {
        let key = |level: usize, n: usize| FlagKey::parse(&format!("f{level}.{n}")).expect("key");
        let layer = |level: usize| (0..width).map(move |n| key(level, n)).collect::<Vec<_>>();
        (0..levels - 1)
            .flat_map(|level| layer(level).into_iter().map(move |flag| (flag, layer(level + 1))))
            .collect()
    }

    #[test]
    fn what_a_decision_would_not_follow_is_refused() {
        let first = FlagKey::parse("f0.0").expect("key");
        for (levels, width, bearable) in
            [(33, 1, true), (34, 1, false), (4, 6, false), (3, 15, true), (3, 16, false)]
        {
            let problem = Problem::check_prerequisites(&first, &layers(levels, width));
            assert_eq!(problem.is_none(), bearable, "{levels} × {width}: {problem:?}");
        }
    }
}
