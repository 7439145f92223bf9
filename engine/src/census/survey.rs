//! A survey keeps of each person what decides a flag apart from its percentages. From it every position of every fader is
//! counted without deciding for anybody again: people who stand alike are one class, and of a class it is known how many
//! fall below each position.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{ChannelCount, Impact, Sample};
use crate::{
    BucketBy, Context, FlagKey, POSITIONS, Percentage, Rollout, RuleId, Snapshot,
    decision::{Footing, Ground},
};

/// More kinds of people than this are not kept apart: a definition that splits everybody up stays a sample.
const CLASSES_MAX: usize = 20_000;

/// What the key of a class holds of a shape's ground and of each of its rules.
const OFF: u8 = 0;
const RULES: u8 = 1;
const PINNED: u8 = 2;
const NO_MATCH: u8 = 0;
const HELD_BACK: u8 = 0x80;

/// A rollout apart from its percentages, in its environment.
#[derive(Debug)]
struct Shape {
    snapshot: Arc<Snapshot>,
    flag: FlagKey,
    /// The variant that counts as not having the flag.
    off: u8,
    rules: Vec<RuleId>,
    /// Which of the survey's positions each rule draws by.
    columns: Vec<usize>,
}

/// People who stand alike to every rule.
#[derive(Debug, Clone)]
struct Class {
    /// For each shape its ground, then one byte for each rule.
    key: Box<[u8]>,
    people: usize,
    /// One position for each person, in order once the survey is made; of those who [`Draws::Several`] one for each column,
    /// person by person.
    positions: Vec<u32>,
    draws: Draws,
}

/// What the rules that are about a class draw by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Draws {
    /// No rule is about them.
    Nothing,
    /// All of the rules, by this column.
    One(usize),
    Several,
}

/// Makes a survey, person by person.
#[derive(Debug)]
pub struct Surveyor {
    shapes: Arc<Vec<Shape>>,
    columns: usize,
    by_key: FxHashMap<Box<[u8]>, usize>,
    classes: Vec<Class>,
    seen: usize,
    // Of the person who is looked at.
    key: Vec<u8>,
    positions: Vec<Option<u32>>,
}

/// What was found, for any percentages.
#[derive(Debug)]
pub struct Survey {
    shapes: Arc<Vec<Shape>>,
    classes: Vec<Class>,
    sample: Sample,
}

impl Surveyor {
    /// Of `flag` in each of the snapshots: what is saved, and what a form would make of it. `None` where one has no such flag.
    pub fn new(flag: &FlagKey, snapshots: &[Arc<Snapshot>]) -> Option<Self> {
        let mut columns: Vec<(String, BucketBy)> = Vec::new();
        let mut shapes = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            let compiled = snapshot.flag(flag.as_str())?;
            let rollout = compiled.rollout();
            let column = |rule: &crate::Rule| {
                let by = (rollout.seed.clone(), rule.bucket_by.clone());
                columns.iter().position(|it| *it == by).unwrap_or_else(|| {
                    columns.push(by);
                    columns.len() - 1
                })
            };
            let columns = rollout.rules.iter().map(column).collect();
            shapes.push(Shape {
                off: variant_number(compiled, &compiled.off_variant().key),
                rules: rollout.rules.iter().map(|rule| rule.id.clone()).collect(),
                columns,
                flag: flag.clone(),
                snapshot: Arc::clone(snapshot),
            });
        }
        Some(Self {
            shapes: Arc::new(shapes),
            positions: vec![None; columns.len()],
            columns: columns.len(),
            by_key: FxHashMap::default(),
            classes: Vec::new(),
            seen: 0,
            key: Vec::new(),
        })
    }

    /// How many decisions one person costs.
    pub fn cost(&self) -> usize {
        self.shapes.len()
    }

    /// Whether the people are too different to be kept.
    pub fn is_full(&self) -> bool {
        self.classes.len() > CLASSES_MAX
    }

    /// Forgets who was seen.
    pub fn begin_again(&mut self) {
        self.by_key.clear();
        self.classes.clear();
        self.seen = 0;
    }

    /// Looks at one person.
    pub fn look(&mut self, context: &Context<'_>, now_ms: i64) {
        self.seen += 1;
        self.key.clear();
        self.positions.fill(None);
        let shapes = Arc::clone(&self.shapes);
        for shape in &*shapes {
            self.look_at(shape, context, now_ms);
        }
        let at = if let Some(at) = self.by_key.get(&*self.key) {
            *at
        } else {
            self.classes.push(Class::new(&self.key, &shapes));
            self.by_key.insert(self.key.clone().into(), self.classes.len() - 1);
            self.classes.len() - 1
        };
        let class = &mut self.classes[at];
        class.people += 1;
        match class.draws {
            Draws::Nothing => {}
            Draws::One(column) => class.positions.extend(self.positions[column]),
            Draws::Several => {
                class.positions.extend(self.positions.iter().map(|it| it.unwrap_or(POSITIONS)));
            }
        }
    }

    fn look_at(&mut self, shape: &Shape, context: &Context<'_>, now_ms: i64) {
        let Some(flag) = shape.snapshot.flag(shape.flag.as_str()) else { return };
        let start = self.key.len();
        self.key.resize(start + 1 + shape.rules.len(), NO_MATCH);
        let (key, positions) = (&mut self.key, &mut self.positions);
        let ground = shape.snapshot.footing(flag, context, now_ms, |rule, found: Footing<'_>| {
            positions[shape.columns[rule]] = Some(found.position.get());
            let held_back = if found.held_back { HELD_BACK } else { 0 };
            key[start + 1 + rule] = (variant_number(flag, &found.variant.key) + 1) | held_back;
        });
        self.key[start] = match ground {
            Ground::Off => OFF,
            Ground::Rules => RULES,
            Ground::Pinned(variant) => PINNED + variant_number(flag, &variant.key),
        };
    }

    /// What was found so far, of `known` people.
    pub fn survey(&self, known: usize) -> Survey {
        let mut classes = self.classes.clone();
        for class in &mut classes {
            if let Draws::One(_) = class.draws {
                class.positions.sort_unstable();
            }
        }
        Survey { shapes: Arc::clone(&self.shapes), classes, sample: Sample { seen: self.seen, known } }
    }

    /// The bytes that it holds, about.
    pub fn bytes(&self) -> usize {
        let of = |class: &Class| 2 * class.key.len() + 4 * class.positions.len() + 120;
        self.classes.iter().map(of).sum::<usize>() + 64 * self.columns
    }
}

/// A flag has at most 50 variants.
fn variant_number(flag: &crate::CompiledFlag, key: &crate::VariantKey) -> u8 {
    let at = flag.flag().variants.iter().position(|variant| variant.key == *key);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX >> 2)
}

impl Class {
    fn new(key: &[u8], shapes: &[Shape]) -> Self {
        let mut used = Vec::new();
        let mut bytes = key.iter();
        for shape in shapes {
            bytes.next();
            for column in &shape.columns {
                if bytes.next().is_some_and(|byte| *byte != NO_MATCH) && !used.contains(column) {
                    used.push(*column);
                }
            }
        }
        let draws = match used[..] {
            [] => Draws::Nothing,
            [one] => Draws::One(one),
            [_, _, ..] => Draws::Several,
        };
        Self { key: key.into(), people: 0, positions: Vec::new(), draws }
    }

    /// How many people there are between each two of the sorted `marks`, which begin with 0, and where they all fall.
    fn segments(&self, marks: &[u32], mut each: impl FnMut(usize, &dyn Fn(usize) -> u32)) {
        match self.draws {
            Draws::Nothing => each(self.people, &|_| POSITIONS),
            Draws::Several => {
                let columns = self.positions.len() / self.people.max(1);
                for row in self.positions.chunks_exact(columns.max(1)) {
                    each(1, &|column| row[column]);
                }
            }
            Draws::One(_) => {
                let mut below = 0;
                for (at, mark) in marks.iter().enumerate() {
                    let upto = marks.get(at + 1).map_or(self.positions.len(), |next| {
                        self.positions.partition_point(|position| position < next)
                    });
                    if upto > below {
                        each(upto - below, &|_| *mark);
                    }
                    below = upto;
                }
            }
        }
    }
}

/// Who lets somebody in: a rule by its place, or nobody in particular.
type Served = Option<(u8, Option<usize>)>;

impl Shape {
    /// What somebody with this part of the key is served: the order of a decision, over what was found of the person.
    fn served(&self, part: &[u8], percentages: &[Percentage], position: &dyn Fn(usize) -> u32) -> Served {
        let (ground, rules) = part.split_first()?;
        let served = match *ground {
            OFF => return None,
            RULES => {
                let inside = |(at, byte): &(usize, &u8)| {
                    **byte != NO_MATCH
                        && percentages
                            .get(*at)
                            .is_some_and(|it| position(self.columns[*at]) < it.thousandths())
                };
                let (at, byte) = rules.iter().enumerate().find(inside)?;
                if byte & HELD_BACK != 0 {
                    return None;
                }
                (byte - 1, Some(at))
            }
            pinned => (pinned - PINNED, None),
        };
        (served.0 != self.off).then_some(served)
    }
}

impl Survey {
    pub fn sample(&self) -> Sample {
        self.sample
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.classes.iter().map(|class| class.key.len() + 4 * class.positions.len() + 80).sum()
    }

    /// What going from one rollout to another does. Each is named by the place of its snapshot in [`Surveyor::new`], and
    /// differs from what stands there in percentages only.
    pub fn impact(&self, before: (usize, &Rollout), after: (usize, &Rollout)) -> Impact {
        let (was, is) = (percentages(before.1), percentages(after.1));
        let marks = marks(&[&was, &is]);
        let mut impact = Impact::default();
        for class in &self.classes {
            let (old, new) = (self.part(class, before.0), self.part(class, after.0));
            class.segments(&marks, |people, position| {
                let served = |place: usize, part, percentages| {
                    self.shapes.get(place).and_then(|it| it.served(part, percentages, position))
                };
                let had = served(before.0, old, &was).map(|(variant, _)| variant);
                let has = served(after.0, new, &is).map(|(variant, _)| variant);
                impact.count_all(people, had, has);
            });
        }
        Impact { sample: self.sample, ..impact }
    }

    /// Each rule of a rollout, in order.
    pub fn channels(&self, (place, rollout): (usize, &Rollout)) -> Vec<ChannelCount> {
        let percentages = percentages(rollout);
        let marks = marks(&[&percentages]);
        let none = ChannelCount { sample: self.sample, ..ChannelCount::default() };
        let mut counts = vec![none; percentages.len()];
        let Some(shape) = self.shapes.get(place) else { return counts };
        for class in &self.classes {
            let part = self.part(class, place);
            class.segments(&marks, |people, position| {
                let served = shape.served(part, &percentages, position);
                let ground = part.first().copied().unwrap_or(OFF);
                let bytes = part.iter().skip(1).zip(&shape.columns).zip(&percentages);
                for (at, (((byte, column), percentage), count)) in bytes.zip(&mut counts).enumerate() {
                    if *byte == NO_MATCH {
                        continue;
                    }
                    count.audience += people;
                    let inside = position(*column) < percentage.thousandths();
                    // Of a rule that serves the off variant nobody is told to have something.
                    if !inside || byte & HELD_BACK != 0 || byte - 1 == shape.off {
                        continue;
                    }
                    count.inside += people;
                    match served {
                        Some((_, Some(rule))) if rule == at => count.served += people,
                        Some((_, Some(rule))) => count.overlap.through(rule, people),
                        Some((_, None)) | None if ground >= PINNED => count.overlap.pinned += people,
                        Some((_, None)) | None => count.overlap.kept_out += people,
                    }
                }
            });
        }
        for count in &mut counts {
            count.overlap.sort();
        }
        counts
    }

    /// How many have the flag.
    pub fn holders(&self, rollout: (usize, &Rollout)) -> usize {
        self.impact(rollout, rollout).after
    }

    fn part<'c>(&self, class: &'c Class, place: usize) -> &'c [u8] {
        let lengths = self.shapes.iter().map(|shape| 1 + shape.rules.len());
        let start: usize = lengths.clone().take(place).sum();
        let end = start + lengths.clone().nth(place).unwrap_or(0);
        class.key.get(start..end).unwrap_or_default()
    }
}

fn percentages(rollout: &Rollout) -> Vec<Percentage> {
    rollout.rules.iter().map(|rule| rule.percentage).collect()
}

/// Where something changes along the scale: 0 and each percentage.
fn marks(of: &[&[Percentage]]) -> Vec<u32> {
    let mut marks: Vec<_> = of.iter().flat_map(|it| it.iter()).map(|it| it.thousandths()).collect();
    marks.push(0);
    marks.sort_unstable();
    marks.dedup();
    marks
}
