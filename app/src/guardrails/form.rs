//! Guardrails as a form: one line for each, written like the sentence it becomes.

use engine::{
    GuardrailId, MetricDefinition, MetricKey, MetricKind,
    guardrail::{Accepts, CustomKind, GuardAction, Guardrail, Limit, Metric, Quantile, guardrail_problems},
};

use crate::form::{
    error::{FormErrors, as_sentence},
    fields::Fields,
};

/// As many as tell two limits apart whose difference means something.
const DECIMALS_MAX: usize = 30;

/// The form as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardrailForm {
    /// The version it was read at; 0 while the defaults apply.
    pub version: u64,
    pub lines: Vec<GuardrailLine>,
    pub comment: String,
}

/// One guardrail as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardrailLine {
    pub id: String,
    /// See [`metric_options`].
    pub metric: String,
    /// `above` or `worse`.
    pub kind: String,
    /// Per cent, milliseconds or a number.
    pub value: String,
    pub action: String,
    /// The word of [`Accepts`]; empty for what is usual for the action.
    pub accepts: String,
}

impl GuardrailLine {
    fn of(guardrail: &Guardrail) -> Self {
        let (kind, value) = match guardrail.limit {
            Limit::Ceiling { limit } => ("above", typed(limit, scale(&guardrail.metric))),
            Limit::Comparison { margin } => ("worse", typed(margin, 100.0)),
        };
        Self {
            id: guardrail.id.to_string(),
            metric: metric_code(&guardrail.metric),
            kind: kind.to_owned(),
            value,
            action: guardrail.action.as_str().to_owned(),
            accepts: guardrail.accepts.as_str().to_owned(),
        }
    }

    /// What a new line starts as.
    fn new(taken: &[Self]) -> Self {
        let free = (1..=taken.len() + 1)
            .map(|n| format!("guardrail-{n}"))
            .find(|id| taken.iter().all(|line| line.id != *id));
        Self {
            id: free.unwrap_or_default(),
            metric: "latency_p95".to_owned(),
            kind: "worse".to_owned(),
            value: "20".to_owned(),
            action: GuardAction::StepBack.as_str().to_owned(),
            accepts: Accepts::usual_for(GuardAction::StepBack).as_str().to_owned(),
        }
    }

    fn parse(&self, metrics: &[MetricDefinition]) -> Result<Guardrail, String> {
        let metric = parse_metric(&self.metric, metrics).ok_or("choose what is watched")?;
        let typed = self.value.trim().replace(',', ".");
        let value: f64 = match (typed.as_str(), self.kind.as_str()) {
            ("", "worse") => 0.0,
            (text, _) => text.parse().ok().filter(|it: &f64| it.is_finite()).ok_or("write a number")?,
        };
        let limit = match self.kind.as_str() {
            "above" => Limit::Ceiling { limit: value / scale(&metric) },
            "worse" => Limit::Comparison { margin: value / 100.0 },
            _ => return Err("choose a limit or a comparison".to_owned()),
        };
        let action = GuardAction::parse(&self.action).map_err(|_| "choose what happens")?;
        let accepts = match self.accepts.as_str() {
            "" => Accepts::usual_for(action),
            word => Accepts::parse(word).map_err(|_| "choose whose word counts")?,
        };
        let id = GuardrailId::parse(&self.id).map_err(|error| error.to_string())?;
        Ok(Guardrail { id, metric, limit, action, accepts })
    }
}

impl GuardrailLine {
    /// What is wrong with this line alone.
    pub fn problem(&self, metrics: &[MetricDefinition]) -> Option<String> {
        let sentence = match self.parse(metrics) {
            Ok(guardrail) => guardrail_problems(&[guardrail]).first()?.to_string(),
            Err(error) => error,
        };
        Some(as_sentence(&sentence))
    }

    /// The guardrail as Fader says it, once it can be read.
    pub fn sentence(&self, metrics: &[MetricDefinition]) -> Option<String> {
        self.parse(metrics).ok().map(|guardrail| guardrail.sentence())
    }
}

impl GuardrailForm {
    pub fn of(guardrails: &[Guardrail], version: u64) -> Self {
        Self { version, lines: guardrails.iter().map(GuardrailLine::of).collect(), comment: String::new() }
    }

    pub fn from_fields(fields: &Fields) -> Self {
        // Not "action": a form with a field of that name hides where it posts to from scripts.
        let all = |name| fields.all(name).map(str::to_owned).collect::<Vec<_>>();
        let (metrics, kinds, values) = (all("metric"), all("kind"), all("value"));
        let (actions, accepts) = (all("do"), all("accepts"));
        let at = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_default();
        let line = |(n, id): (usize, String)| GuardrailLine {
            id,
            metric: at(&metrics, n),
            kind: at(&kinds, n),
            value: at(&values, n),
            action: at(&actions, n),
            accepts: at(&accepts, n),
        };
        Self {
            version: fields.text("version").parse().unwrap_or(0),
            lines: all("id").into_iter().enumerate().map(line).collect(),
            comment: fields.trimmed("comment").to_owned(),
        }
    }

    /// Adds or removes a line, as the button says that was pressed.
    pub fn apply(&mut self, intent: &str) {
        if intent == "add" && self.lines.len() < engine::guardrail::definition::GUARDRAILS_MAX {
            self.lines.push(GuardrailLine::new(&self.lines));
        } else if let Some(at) = intent.strip_prefix("remove.").and_then(|at| at.parse::<usize>().ok())
            && at < self.lines.len()
        {
            self.lines.remove(at);
        }
    }

    /// The guardrails, or everything that is wrong with them.
    pub fn parse(&self, metrics: &[MetricDefinition]) -> Result<Vec<Guardrail>, FormErrors> {
        let mut guardrails = Vec::new();
        let mut errors: Option<FormErrors> = None;
        for (at, line) in self.lines.iter().enumerate() {
            match line.parse(metrics) {
                Ok(guardrail) => guardrails.push(guardrail),
                Err(error) => {
                    let error = FormErrors::form(format!("guardrail {}: {error}", at + 1));
                    errors = Some(match errors {
                        Some(others) => others.and(error),
                        None => error,
                    });
                }
            }
        }
        if let Some(errors) = errors {
            return Err(errors);
        }
        let problems = guardrail_problems(&guardrails);
        match problems.split_first() {
            None => Ok(guardrails),
            Some((first, rest)) => Err(rest
                .iter()
                .fold(FormErrors::form(first), |all, problem| all.and(FormErrors::form(problem)))),
        }
    }
}

/// Per cent for rates, as it is for the rest.
fn scale(metric: &Metric) -> f64 {
    match metric {
        Metric::ErrorRate
        | Metric::Conversion
        | Metric::Crashes
        | Metric::MissingOutcome
        | Metric::Custom { kind: CustomKind::Rate, .. } => 100.0,
        Metric::Latency(_)
        | Metric::Complaints
        | Metric::Custom { kind: CustomKind::Count | CustomKind::Duration(_), .. } => 1.0,
    }
}

/// What is typed for `value`: the shortest text that is read as exactly that again.
fn typed(value: f64, scale: f64) -> String {
    let texts = (0..=DECIMALS_MAX).map(|decimals| format!("{:.decimals$}", value * scale));
    let same =
        |text: &String| text.parse::<f64>().is_ok_and(|read| (read / scale).to_bits() == value.to_bits());
    texts.into_iter().find(same).unwrap_or_else(|| (value * scale).to_string())
}

const QUANTILES: [(Quantile, &str); 4] =
    [(Quantile::P50, "p50"), (Quantile::P95, "p95"), (Quantile::P99, "p99"), (Quantile::All, "all")];

fn quantile_code(quantile: Quantile) -> &'static str {
    QUANTILES.iter().find(|(it, _)| *it == quantile).map_or("p95", |(_, code)| code)
}

fn parse_quantile(code: &str) -> Option<Quantile> {
    QUANTILES.iter().find(|(_, it)| *it == code).map(|(quantile, _)| *quantile)
}

/// The word of a metric in the form.
fn metric_code(metric: &Metric) -> String {
    match metric {
        Metric::ErrorRate => "error_rate".to_owned(),
        Metric::Latency(quantile) => format!("latency_{}", quantile_code(*quantile)),
        Metric::Conversion => "conversion".to_owned(),
        Metric::Crashes => "crashes".to_owned(),
        Metric::Complaints => "complaints".to_owned(),
        Metric::MissingOutcome => "missing_outcome".to_owned(),
        Metric::Custom { metric, kind: CustomKind::Duration(quantile), .. } => {
            format!("own:{metric}:{}", quantile_code(*quantile))
        }
        Metric::Custom { metric, kind: CustomKind::Rate | CustomKind::Count, .. } => format!("own:{metric}"),
    }
}

fn parse_metric(code: &str, metrics: &[MetricDefinition]) -> Option<Metric> {
    if let Some(quantile) = code.strip_prefix("latency_") {
        return parse_quantile(quantile).map(Metric::Latency);
    }
    if let Some(own) = code.strip_prefix("own:") {
        let (key, quantile) = own.split_once(':').map_or((own, None), |(key, q)| (key, Some(q)));
        let definition = metrics.iter().find(|it| it.key.as_str() == key)?;
        let kind = match definition.kind {
            MetricKind::Rate => CustomKind::Rate,
            MetricKind::Count => CustomKind::Count,
            MetricKind::Duration => CustomKind::Duration(parse_quantile(quantile?)?),
            MetricKind::ErrorRate
            | MetricKind::Latency
            | MetricKind::Conversion
            | MetricKind::Crashes
            | MetricKind::Complaints
            | MetricKind::MissingOutcome => return None,
        };
        let metric = MetricKey::parse(key).ok()?;
        return Some(Metric::Custom { metric, kind, lower_is_worse: !definition.lower_is_better });
    }
    match code {
        "error_rate" => Some(Metric::ErrorRate),
        "conversion" => Some(Metric::Conversion),
        "crashes" => Some(Metric::Crashes),
        "complaints" => Some(Metric::Complaints),
        "missing_outcome" => Some(Metric::MissingOutcome),
        _ => None,
    }
}

/// What can be watched, as value and text of a choice.
pub fn metric_options(metrics: &[MetricDefinition]) -> Vec<(String, String)> {
    let built_in = [
        ("error_rate", "errors (%)"),
        ("latency_p50", "p50 latency (ms)"),
        ("latency_p95", "p95 latency (ms)"),
        ("latency_p99", "p99 latency (ms)"),
        ("latency_all", "latency as a whole"),
        ("conversion", "conversion (%)"),
        ("crashes", "crashes (%)"),
        ("complaints", "complaints per person"),
        ("missing_outcome", "missing outcomes (%)"),
    ];
    let built_in = built_in.map(|(value, text)| (value.to_owned(), text.to_owned())).into_iter();
    let own = metrics.iter().flat_map(|metric| {
        let (key, name) = (&metric.key, &metric.name);
        match metric.kind {
            MetricKind::Rate => vec![(format!("own:{key}"), format!("{name} (%)"))],
            MetricKind::Count => vec![(format!("own:{key}"), format!("{name} per person"))],
            MetricKind::Duration => vec![(format!("own:{key}:p95"), format!("p95 {name} (ms)"))],
            MetricKind::ErrorRate
            | MetricKind::Latency
            | MetricKind::Conversion
            | MetricKind::Crashes
            | MetricKind::Complaints
            | MetricKind::MissingOutcome => Vec::new(),
        }
    });
    built_in.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guardrail(metric: Metric, limit: Limit) -> Guardrail {
        let id = GuardrailId::parse("one").expect("an id");
        Guardrail { id, metric, limit, action: GuardAction::Stop, accepts: Accepts::ServersAndBrowsers }
    }

    #[test]
    fn a_guardrail_survives_the_form() {
        let guardrails = [
            guardrail(Metric::ErrorRate, Limit::Ceiling { limit: 0.05 }),
            guardrail(Metric::Latency(Quantile::P99), Limit::Ceiling { limit: 800.0 }),
            guardrail(Metric::Conversion, Limit::Comparison { margin: 0.1 }),
            guardrail(Metric::ErrorRate, Limit::Ceiling { limit: 0.000_000_5 }),
            guardrail(Metric::Complaints, Limit::Ceiling { limit: 1.0 / 3.0 }),
            guardrail(Metric::Crashes, Limit::Comparison { margin: 0.07 }),
            guardrail(Metric::Latency(Quantile::P50), Limit::Comparison { margin: 0.123_456_789 }),
        ];
        for guardrail in guardrails {
            let form = GuardrailForm::of(std::slice::from_ref(&guardrail), 3);
            assert_eq!(form.parse(&[]).expect("parses"), [guardrail], "{form:?}");
        }
    }

    #[test]
    fn a_form_that_does_not_say_whose_word_counts_takes_what_is_usual() {
        let mut form = GuardrailForm::default();
        form.apply("add");
        for (action, accepts, expected) in [
            (GuardAction::Stop, "", Accepts::Servers),
            (GuardAction::Notify, "", Accepts::ServersAndBrowsers),
            (GuardAction::Stop, "servers_and_browsers", Accepts::ServersAndBrowsers),
            (GuardAction::Notify, "servers", Accepts::Servers),
        ] {
            let (action, accepts) = (action.as_str().to_owned(), accepts.to_owned());
            form.lines[0] = GuardrailLine { action, accepts, ..form.lines[0].clone() };
            assert_eq!(form.parse(&[]).expect("parses")[0].accepts, expected);
        }
        form.lines[0].accepts = "everybody".to_owned();
        let errors = form.parse(&[]).expect_err("refused");
        assert!(errors.fields[0].sentence.contains("choose whose word counts"), "{errors:?}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let mut form = GuardrailForm::default();
        form.apply("add");
        form.apply("add");
        form.lines[1].value = "much".to_owned();
        let errors = form.parse(&[]).expect_err("refused");
        assert!(errors.fields[0].sentence.contains("uardrail 2: write a number"), "{errors:?}");
        form.apply("remove.1");
        assert_eq!(form.parse(&[]).expect("parses").len(), 1);
        form.lines[0] = GuardrailLine { kind: "above".into(), value: "0".into(), ..form.lines[0].clone() };
        assert!(form.parse(&[]).is_err(), "a limit of nothing");
    }

    #[test]
    fn new_lines_have_ids_of_their_own() {
        let mut form = GuardrailForm::default();
        (0..30).for_each(|_| form.apply("add"));
        let ids: std::collections::HashSet<_> = form.lines.iter().map(|line| line.id.clone()).collect();
        assert_eq!((ids.len(), form.lines.len()), (20, 20));
        form.apply("remove.99");
        assert_eq!(form.lines.len(), 20);
    }
}
