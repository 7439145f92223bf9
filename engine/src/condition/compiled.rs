//! Conditions ready to be evaluated: patterns compiled; numbers, dates and versions parsed.

use super::{
    attribute::AttributeValue,
    comparison::Comparison,
    found,
    schema::AttributeSchema,
    test::Test,
    tree::{Condition, DEPTH_MAX},
};
use crate::{
    Context, Origin, Problem, TARGETING_KEY,
    decision::trace::{Actual, Step, Tracer},
    words::sentence,
};

#[derive(Debug)]
pub(crate) enum CompiledCondition {
    All(Vec<CompiledCondition>),
    Any(Vec<CompiledCondition>),
    Not(Box<CompiledCondition>),
    Test(CompiledTest),
}

#[derive(Debug)]
pub(crate) struct CompiledTest {
    source: Source,
    negated: bool,
    comparison: Comparison,
    /// For the trace.
    test: Box<Test>,
}

/// Where a compiled test reads its value.
#[derive(Debug)]
enum Source {
    TargetingKey,
    Attribute { name: Box<str>, trusted: bool },
}

impl CompiledCondition {
    pub(crate) fn new(condition: &Condition, schema: &AttributeSchema) -> Result<Self, Problem> {
        Self::at_depth(1, condition, schema)
    }

    fn at_depth(depth: usize, condition: &Condition, schema: &AttributeSchema) -> Result<Self, Problem> {
        if depth > DEPTH_MAX {
            return Err(Problem::TooDeep { max: DEPTH_MAX });
        }
        let one = |node: &Condition| Self::at_depth(depth + 1, node, schema);
        Ok(match condition {
            Condition::All(nodes) => Self::All(nodes.iter().map(one).collect::<Result<_, _>>()?),
            Condition::Any(nodes) => Self::Any(nodes.iter().map(one).collect::<Result<_, _>>()?),
            Condition::Not(node) => Self::Not(Box::new(one(node)?)),
            Condition::Test(test) => Self::Test(CompiledTest::new(test, schema)?),
        })
    }

    /// Whether it may be met later although nothing but the time has changed.
    pub(crate) fn follows_clock(&self) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::follows_clock),
            Self::Not(node) => node.follows_clock(),
            Self::Test(test) => test.comparison.follows_clock(),
        }
    }

    /// Whether the context meets the condition. An empty branch is never met.
    /// With a recording tracer every test is evaluated, so that the trace shows them all.
    pub(crate) fn holds<T: Tracer>(&self, context: &Context<'_>, now_ms: i64, tracer: &mut T) -> bool {
        match self {
            Self::All(nodes) => {
                tracer.open();
                let mut met = !nodes.is_empty();
                for node in nodes {
                    if !met && !T::ON {
                        break;
                    }
                    met &= node.node_holds(context, now_ms, tracer);
                }
                tracer.close(|steps| Step::All { met, steps });
                met
            }
            Self::Any(nodes) => {
                tracer.open();
                let mut met = false;
                for node in nodes {
                    if met && !T::ON {
                        break;
                    }
                    met |= node.node_holds(context, now_ms, tracer);
                }
                tracer.close(|steps| Step::Any { met, steps });
                met
            }
            Self::Not(node) => {
                tracer.open();
                let met = !node.holds(context, now_ms, tracer);
                tracer.close(|steps| Step::Not { met, steps });
                met
            }
            Self::Test(test) => test.holds(context, now_ms, tracer),
        }
    }

    /// [`Self::holds`] for a branch's node: most are tests, which need no call of this kind again.
    #[inline]
    fn node_holds<T: Tracer>(&self, context: &Context<'_>, now_ms: i64, tracer: &mut T) -> bool {
        match self {
            Self::Test(test) => test.holds(context, now_ms, tracer),
            Self::All(_) | Self::Any(_) | Self::Not(_) => self.holds(context, now_ms, tracer),
        }
    }
}

impl CompiledTest {
    fn new(test: &Test, schema: &AttributeSchema) -> Result<Self, Problem> {
        let name = test.attribute.as_str();
        let source = if name == TARGETING_KEY {
            Source::TargetingKey
        } else {
            Source::Attribute { name: name.into(), trusted: schema.is_trusted(name) }
        };
        Ok(Self {
            source,
            negated: test.negated,
            comparison: Comparison::new(test)?,
            test: Box::new(test.clone()),
        })
    }

    fn holds<T: Tracer>(&self, context: &Context<'_>, now_ms: i64, tracer: &mut T) -> bool {
        let outcome = match &self.source {
            Source::TargetingKey => context.subject().and_then(|key| self.comparison.holds_text(key, now_ms)),
            Source::Attribute { name, trusted } => {
                context.attribute(name, *trusted).and_then(|(value, _)| self.comparison.holds(&value, now_ms))
            }
        };
        let met = outcome.unwrap_or(false) != self.negated;
        tracer.leaf(|| Step::Test {
            attribute: self.test.attribute.clone(),
            met,
            expected: sentence::test_phrase(&self.test, self.test.negated),
            opposite: sentence::test_phrase(&self.test, !self.test.negated),
            actual: self.actual(context, outcome.is_some()),
        });
        met
    }

    /// What the test found; `usable`: the value could be compared.
    fn actual(&self, context: &Context<'_>, usable: bool) -> Actual {
        let (found, refused) = match &self.source {
            Source::TargetingKey => {
                (context.subject().map(|key| (AttributeValue::Text(key.to_owned()), Origin::Sent)), None)
            }
            Source::Attribute { name, trusted } => (
                context.attribute(name, *trusted).map(|(value, origin)| (value.into(), origin)),
                context.refused(name, *trusted),
            ),
        };
        match (found, refused) {
            (Some((value, origin)), _) if usable => {
                Actual::Value { read_as: found::read_as(&self.test.operator, &value), value, origin }
            }
            (Some((value, _)), _) => {
                Actual::Unusable { value, wanted: found::wanted(&self.test.operator).to_owned() }
            }
            (None, Some(value)) => Actual::Refused { value: value.into() },
            (None, None) => match context.object_around(self.test.attribute.as_str()) {
                Some(object) => Actual::InObject { object: object.to_owned() },
                None => Actual::Missing,
            },
        }
    }
}
