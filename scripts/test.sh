#!/usr/bin/env bash
# Everything that has to hold, from formatting to the browser. Goes on after a failure, ends with the browser
# tests, and fails when any step did.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

# shellcheck source=scripts/steps.sh
. scripts/steps.sh

failed=()

# check TITLE SECONDS COMMAND…: a step after which the others go on.
check() {
    local title="$1" seconds="$2"
    shift 2
    step "$title" "$seconds" "" "$@" || failed+=("$title")
}

clippy_wasm() {
    # In the profile of the browser build, so that its macros and build scripts are used again.
    cargo clippy --quiet --profile wasm-release --package islands --target wasm32-unknown-unknown -- -D warnings
}

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items; }

# What two runners of tests said last: shown once more at the very end, where somebody looks first.
SAID="$TARGET_DIR/said"

rust_tests() {
    run_rust_tests 2>&1 | tee "$SAID/rust"
}

run_rust_tests() {
    if have cargo-nextest; then
        # Most tests wait for a server, a database or a clock half of the time.
        scripts/postgres.sh with cargo nextest run --workspace --no-fail-fast --status-level fail --test-threads $(($(nproc) * 2))
    else
        scripts/postgres.sh with cargo test --workspace --no-fail-fast
    fi
}

browser_tests() {
    scripts/postgres.sh with npx --prefix end2end playwright test --config end2end/playwright.config.ts 2>&1 |
        tee "$SAID/browser"
}

unused_dependencies() { cargo machete --with-metadata "$FADER_ROOT"; }

# In a function, so that bash has read all of it: editing this file cannot derail a run of it.
main() {
    local optional=()
    if have shellcheck; then optional+=(shellcheck); fi
    if have cargo-deny; then optional+=(deny); fi
    if have cargo-machete; then optional+=(machete); fi
    steps_of test $((17 + ${#optional[@]})) 1800

    mkdir -p "$SAID"
    prepare test
    step "Python packages" 20 "The Python package index has to be reachable this once." scripts/python.sh || exit

    check "formatting" 1 cargo fmt --all --check
    if have shellcheck; then check "shell scripts" 5 shellcheck --external-sources scripts/*.sh .ci/run; fi
    if have cargo-deny; then check "licences and advisories" 5 cargo deny --log-level error check; fi
    if have cargo-machete; then check "unused dependencies" 1 unused_dependencies; fi
    check "browser build and its size" 220 cargo run --quiet --bin bundle
    check "invariants" 5 scripts/invariants.sh
    check "the booking demo's bundled SDK" 2 scripts/bundle-openfeature.sh --check
    # What the browser tests run as well: the same features of every dependency as in all other steps.
    check "debug build" 400 cargo build --quiet --bin fader --bin booking
    check "tests" 400 rust_tests
    # nextest leaves them out; among them is what must not compile.
    check "examples in the documentation" 20 cargo test --quiet --workspace --doc
    check "fuzz targets" 240 scripts/fuzz.sh
    check "clippy for the server" 150 cargo clippy --quiet --workspace --all-targets -- -D warnings
    check "clippy for the browser" 30 clippy_wasm
    check "documentation" 40 documentation

    printf '\n'
    printf '  %s\n' "${timings[@]}"
    printf '  %d s so far; the browser tests come last\n\n' "$SECONDS"

    # The very binaries of this run, whatever else stands in the target folder.
    export FADER_BIN="$TARGET_DIR/debug/fader" BOOKING_BIN="$TARGET_DIR/debug/booking"
    check "REST as its document says" 90 scripts/schema.sh
    check "browser tests" 600 browser_tests

    printf '\n'
    printf '  %s\n' "${timings[@]}"
    printf '\n'
    tail -n 15 "$SAID/rust"
    tail -n 15 "$SAID/browser"
    if [ "${#failed[@]}" -gt 0 ]; then
        die "failed: $(printf '%s; ' "${failed[@]}")"
    fi
}

main; exit
