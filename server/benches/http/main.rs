//! How fast the server is, against the figures that Fader promises. `cargo bench -p server --bench http`.
//! Everything runs in this one process: the server on one runtime, whoever measures it on another thread.

mod dashboard;
mod desk;
mod evaluation;
mod guard;
mod installation;
mod ledger;
mod load;
mod outcomes;
mod scale;
mod streams;

use std::{fmt, process::ExitCode, time::Duration};

/// One line of the table.
pub struct Figure {
    pub what: String,
    pub measured: String,
    pub goal: Option<Goal>,
}

pub struct Goal {
    pub text: &'static str,
    pub met: bool,
}

impl Figure {
    pub fn new(what: impl Into<String>, measured: impl fmt::Display) -> Self {
        Self { what: what.into(), measured: measured.to_string(), goal: None }
    }

    #[must_use]
    pub fn goal(mut self, text: &'static str, met: bool) -> Self {
        self.goal = Some(Goal { text, met });
        self
    }
}

/// A count as a number to divide.
pub fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::INFINITY, f64::from)
}

pub fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// The value below which `per_mille` of the sorted values lie.
pub fn quantile<T: Copy>(sorted: &[T], per_mille: usize) -> Option<T> {
    let at = (sorted.len().saturating_mul(per_mille) / 1000).min(sorted.len().checked_sub(1)?);
    sorted.get(at).copied()
}

type BenchResult = Result<Vec<Figure>, Box<dyn std::error::Error + Send + Sync>>;

/// Only what is named on the command line, or everything. Cargo adds `--bench`.
fn main() -> ExitCode {
    let asked: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|it| it == name);
    let mut failed = false;
    let mut report = |name: &str, run: &dyn Fn() -> BenchResult| {
        if !wanted(name) {
            return;
        }
        match run() {
            Ok(figures) => print(&figures),
            Err(error) => {
                eprintln!("{name} could not be measured: {error}");
                failed = true;
            }
        }
    };
    report("evaluation", &|| runtime.block_on(evaluation::measure()));
    report("outcomes", &|| runtime.block_on(outcomes::measure()));
    report("streams", &|| runtime.block_on(streams::measure()));
    report("guard", &|| runtime.block_on(guard::measure()));
    report("desk", &|| runtime.block_on(desk::measure()));
    report("dashboard", &|| runtime.block_on(dashboard::measure()));
    report("scale", &|| runtime.block_on(scale::measure()));
    report("ledger", &|| runtime.block_on(ledger::measure()));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn print(figures: &[Figure]) {
    for Figure { what, measured, goal } in figures {
        let goal = goal.as_ref().map_or(String::new(), |goal| {
            format!("goal {:<12} {}", goal.text, if goal.met { "met" } else { "MISSED" })
        });
        println!("{what:<58} {measured:>16}   {goal}");
    }
}
