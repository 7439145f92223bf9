//! A release plan as a form: every step is written like the sentence it becomes.

use std::collections::BTreeMap;

use engine::{
    Percentage, RuleId,
    plan::{Gate, Plan, STEPS_MAX, Step},
};

use crate::{
    form::{error::FormErrors, fields::Fields},
    zone::typed,
};

/// Units of a hold with their milliseconds, the largest first.
pub const UNITS: [(&str, i64); 4] =
    [("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1000)];

/// Where everyone goes on the way to 100 %.
const LADDER: [u32; 5] = [1, 5, 20, 50, 100];

/// The form as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanForm {
    /// The version it was read at; 0 for the first plan.
    pub version: u64,
    pub name: String,
    pub steps: Vec<StepForm>,
    pub comment: String,
}

/// One step as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepForm {
    pub title: String,
    /// By rule; empty or absent: the rule keeps what it has.
    pub percentages: BTreeMap<String, String>,
    /// Number and unit; empty: no hold.
    pub hold: String,
    pub unit: String,
    pub sample: String,
    pub healthy: bool,
    pub approval: bool,
    /// In the zone of whoever typed it, as a field for date and time sends it.
    pub date: String,
}

impl StepForm {
    pub fn of(step: &Step) -> Self {
        let percentages = step.percentages.iter().map(|(rule, to)| (rule.to_string(), to.to_string()));
        let mut form = Self { title: step.title.clone(), percentages: percentages.collect(), ..Self::new() };
        for gate in &step.gates {
            match gate {
                Gate::Hold { hold_ms } => {
                    let exact = UNITS.into_iter().find(|(_, ms)| hold_ms % ms == 0);
                    let (unit, ms) = exact.unwrap_or(("seconds", 1000));
                    (form.hold, form.unit) = ((hold_ms / ms).to_string(), unit.to_owned());
                }
                Gate::Sample { subjects_min } => form.sample = subjects_min.to_string(),
                Gate::Healthy => form.healthy = true,
                Gate::Approval => form.approval = true,
                Gate::NotBefore { at_ms } => form.date = typed::field(*at_ms),
            }
        }
        form
    }

    fn new() -> Self {
        Self { unit: "days".to_owned(), ..Self::default() }
    }

    /// A step after `last`: the next percentage of the way for its last rule, and the same gates.
    fn after(last: Option<&Self>, everyone: &str) -> Self {
        let mut next =
            last.cloned().unwrap_or_else(|| Self { hold: "1".to_owned(), healthy: true, ..Self::new() });
        (next.title, next.approval, next.date) = (String::new(), false, String::new());
        let now = next.percentages.get(everyone).and_then(|text| Percentage::parse(text).ok());
        let above =
            LADDER.into_iter().filter_map(Percentage::whole).find(|step| now.is_none_or(|now| *step > now));
        next.percentages = [(everyone.to_owned(), above.unwrap_or(Percentage::ALL).to_string())].into();
        next
    }

    fn read(fields: &Fields, at: usize) -> Self {
        let text = |name: &str| fields.trimmed(&format!("step.{at}.{name}")).to_owned();
        let ticked = |name: &str| fields.has(&format!("step.{at}.{name}"));
        let prefix = format!("step.{at}.to.");
        let typed = fields.iter().filter_map(|(name, value)| {
            let rule = name.strip_prefix(&prefix)?;
            (!value.trim().is_empty()).then(|| (rule.to_owned(), value.trim().to_owned()))
        });
        Self {
            title: text("title"),
            percentages: typed.collect(),
            hold: text("hold"),
            unit: text("unit"),
            sample: text("sample"),
            healthy: ticked("healthy"),
            approval: ticked("approval"),
            date: text("date"),
        }
    }

    /// The step, or the sentences about what is wrong with it.
    pub fn parse(&self) -> Result<Step, Vec<String>> {
        let mut errors = Vec::new();
        let mut percentages = engine::plan::Percentages::new();
        for (rule, text) in &self.percentages {
            match (RuleId::parse(rule), Percentage::parse(text)) {
                (Ok(rule), Ok(percentage)) => drop(percentages.insert(rule, percentage)),
                (Err(error), _) => errors.push(error.to_string()),
                (Ok(_), Err(error)) => errors.push(format!("{text}: {error}")),
            }
        }
        let mut gates = Vec::new();
        if self.approval {
            gates.push(Gate::Approval);
        }
        for gate in [self.date(), self.hold(), self.sample()] {
            match gate {
                Ok(gate) => gates.extend(gate),
                Err(wrong) => errors.push(wrong),
            }
        }
        if self.healthy {
            gates.push(Gate::Healthy);
        }
        let step = Step { title: self.title.clone(), percentages, gates };
        if errors.is_empty() { Ok(step) } else { Err(errors) }
    }

    fn date(&self) -> Result<Option<Gate>, String> {
        if self.date.is_empty() {
            return Ok(None);
        }
        let at_ms = typed::read(&self.date).map_err(|error| error.to_string())?;
        Ok(Some(Gate::NotBefore { at_ms }))
    }

    fn hold(&self) -> Result<Option<Gate>, String> {
        if self.hold.is_empty() {
            return Ok(None);
        }
        let unit = UNITS.into_iter().find(|(unit, _)| *unit == self.unit).ok_or("choose a unit of time")?;
        let count = self.hold.parse::<i64>().ok().filter(|count| *count > 0);
        let hold_ms =
            count.and_then(|count| count.checked_mul(unit.1)).ok_or("write a whole number of time")?;
        Ok(Some(Gate::Hold { hold_ms }))
    }

    fn sample(&self) -> Result<Option<Gate>, String> {
        let digits: String = self.sample.chars().filter(|c| !matches!(c, ',' | ' ')).collect();
        if digits.is_empty() {
            return Ok(None);
        }
        let subjects_min = digits.parse().map_err(|_| "write a whole number of people")?;
        Ok(Some(Gate::Sample { subjects_min }))
    }
}

impl PlanForm {
    pub fn of(plan: &Plan, version: u64) -> Self {
        let steps = plan.steps.iter().map(StepForm::of).collect();
        Self { version, name: plan.name.clone(), steps, comment: String::new() }
    }

    pub fn from_fields(fields: &Fields) -> Self {
        let count = fields.text("steps").parse::<usize>().unwrap_or(0).min(STEPS_MAX + 1);
        Self {
            version: fields.text("version").parse().unwrap_or(0),
            name: fields.trimmed("name").to_owned(),
            steps: (0..count).map(|at| StepForm::read(fields, at)).collect(),
            comment: fields.trimmed("comment").to_owned(),
        }
    }

    /// Adds, removes or moves a step, as the button says that was pressed. The first `locked` steps stay.
    pub fn apply(&mut self, intent: &str, locked: usize, everyone: &str) {
        let (verb, at) = intent.split_once('.').unwrap_or((intent, ""));
        let at = at.parse::<usize>().ok().filter(|at| (locked..self.steps.len()).contains(at));
        match (verb, at) {
            ("add", _) if self.steps.len() < STEPS_MAX => {
                self.steps.push(StepForm::after(self.steps.last(), everyone));
            }
            ("remove", Some(at)) => drop(self.steps.remove(at)),
            ("up", Some(at)) if at > locked => self.steps.swap(at - 1, at),
            ("down", Some(at)) if at + 1 < self.steps.len() => self.steps.swap(at, at + 1),
            _ => {}
        }
    }

    /// The plan, or everything that is wrong with it. A step that nobody touched is the one of `saved`, with the
    /// order of its gates and the seconds of its date.
    pub fn parse(&self, saved: Option<&Plan>, known: &dyn Fn(&RuleId) -> bool) -> Result<Plan, FormErrors> {
        let mut steps = Vec::new();
        let mut sentences = Vec::new();
        for (at, form) in self.steps.iter().enumerate() {
            let same = saved.and_then(|plan| untouched(plan, at, form));
            match same.map_or_else(|| form.parse(), |step| Ok(step.clone())) {
                Ok(step) => steps.push(step),
                Err(errors) => {
                    sentences.extend(errors.iter().map(|wrong| format!("step {}: {wrong}", at + 1)));
                }
            }
        }
        let plan = Plan { name: self.name.clone(), steps };
        if sentences.is_empty() {
            sentences.extend(plan.problems(known).iter().map(ToString::to_string));
        }
        let errors = sentences.into_iter().map(FormErrors::form);
        errors.reduce(FormErrors::and).map_or(Ok(plan), Err)
    }
}

fn untouched<'p>(plan: &'p Plan, at: usize, form: &StepForm) -> Option<&'p Step> {
    let here = plan.steps.get(at).into_iter();
    here.chain(&plan.steps).find(|step| StepForm::of(step) == *form)
}

#[cfg(test)]
mod tests {
    use engine::plan::{TEMPLATES, Template};

    use super::*;

    fn id(text: &str) -> RuleId {
        RuleId::parse(text).expect("an id")
    }

    fn known(rule: &RuleId) -> bool {
        ["vip", "everyone"].contains(&rule.as_str())
    }

    fn standard() -> Plan {
        Template::find("standard").expect("a template").plan(&[id("vip")], &id("everyone"))
    }

    fn posted(form: &PlanForm) -> PlanForm {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("version", &form.version.to_string()).append_pair("name", &form.name);
        body.append_pair("steps", &form.steps.len().to_string()).append_pair("comment", &form.comment);
        for (at, step) in form.steps.iter().enumerate() {
            let name = |name: &str| format!("step.{at}.{name}");
            for (rule, to) in &step.percentages {
                body.append_pair(&name(&format!("to.{rule}")), to);
            }
            for (key, value) in [("title", &step.title), ("hold", &step.hold), ("unit", &step.unit)] {
                body.append_pair(&name(key), value);
            }
            body.append_pair(&name("sample"), &step.sample).append_pair(&name("date"), &step.date);
            for (key, ticked) in [("healthy", step.healthy), ("approval", step.approval)] {
                if ticked {
                    body.append_pair(&name(key), "on");
                }
            }
        }
        PlanForm::from_fields(&Fields::parse(body.finish().as_bytes()).expect("a form"))
    }

    #[test]
    fn every_template_survives_the_form() {
        for template in TEMPLATES {
            let plan = template.plan(&[id("vip")], &id("everyone"));
            let form = PlanForm::of(&plan, 3);
            assert_eq!(posted(&form), form);
            assert_eq!(form.parse(None, &known).expect("parses"), plan);
        }
    }

    #[test]
    fn a_step_that_nobody_touched_keeps_what_the_form_cannot_say() {
        let mut plan = standard();
        plan.steps[1].gates.reverse();
        plan.steps[2].gates = vec![Gate::NotBefore { at_ms: 1_800_000_001_234 }];
        let mut form = posted(&PlanForm::of(&plan, 1));
        assert_eq!(form.parse(Some(&plan), &known).expect("parses"), plan);
        form.apply("up.2", 0, "everyone");
        let moved = form.parse(Some(&plan), &known).expect("parses");
        assert_eq!((&moved.steps[1], &moved.steps[2]), (&plan.steps[2], &plan.steps[1]));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_step() {
        let mut form = PlanForm::of(&standard(), 1);
        form.steps[1].hold = "soon".to_owned();
        form.steps[2].percentages.insert("everyone".to_owned(), "120".to_owned());
        let errors = form.parse(None, &known).expect_err("refused");
        let sentences: Vec<_> = errors.fields.iter().map(|reason| reason.sentence.as_str()).collect();
        assert_eq!(sentences.len(), 2, "{sentences:?}");
        assert_eq!(sentences[0], "Step 2: write a whole number of time.");
        assert!(sentences[1].starts_with("Step 3: 120"), "{sentences:?}");
        assert!(PlanForm::default().parse(None, &known).is_err(), "no name and no step");
    }

    #[test]
    fn a_new_step_goes_further_on_the_way() {
        let mut form = PlanForm::of(&standard(), 1);
        form.apply("remove.3", 0, "everyone");
        form.apply("add", 0, "everyone");
        assert_eq!(form.steps[3].percentages["everyone"], "100");
        let mut form = PlanForm::default();
        (0..30).for_each(|_| form.apply("add", 0, "everyone"));
        let to = |at: usize| form.steps[at].percentages["everyone"].as_str();
        assert_eq!((to(0), to(1), to(2), form.steps.len()), ("1", "5", "20", STEPS_MAX));
    }

    #[test]
    fn steps_that_were_reached_are_not_moved() {
        let mut form = PlanForm::of(&standard(), 1);
        let before = form.clone();
        for intent in ["remove.0", "up.2", "down.1", "up.9", "remove.x"] {
            form.apply(intent, 2, "everyone");
        }
        assert_eq!(form, before);
        form.apply("down.2", 2, "everyone");
        assert_eq!(form.steps[3], before.steps[2]);
    }
}
