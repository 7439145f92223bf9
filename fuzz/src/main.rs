//! Coverage-guided fuzzing of everything that reads what others wrote: one program, whose target is named by
//! `FADER_FUZZ_TARGET`. A target feeds what `libFuzzer` made to the real reader and panics when a promise is broken.
//! [`scripts/fuzz.sh`](../../scripts/fuzz.sh) builds it with coverage and runs it.

#![no_main]

mod condition;
mod definitions;
mod evaluation;
mod events;
mod forms;
mod memory;
mod tables;
mod telemetry;
mod world;

use std::sync::LazyLock;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 7] = [
    ("condition", condition::run),
    ("definitions", definitions::run),
    ("evaluation", evaluation::run),
    ("events", events::run),
    ("forms", forms::run),
    ("tables", tables::run),
    ("telemetry", telemetry::run),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("FADER_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.into_iter().find(|(name, _)| *name == wanted);
    let names = TARGETS.map(|(name, _)| name).join(", ");
    found.unwrap_or_else(|| panic!("FADER_FUZZ_TARGET names one of {names}, not {wanted:?}")).1
});

// The server starts before the first input, whose time is measured.
libfuzzer_sys::fuzz_target!(
    init: LazyLock::force(&TARGET)(&[0]),
    |bytes: &[u8]| TARGET(bytes)
);
