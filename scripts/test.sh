#!/usr/bin/env bash
# Everything that has to hold, from formatting to the browser. Goes on after a failure, ends with the browser
# tests, and fails when any step did.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

failed=()
timings=()

# step NAME COMMAND…
step() {
    local name="$1" began=$SECONDS mark=✓
    shift
    say "$name"
    "$@" || {
        mark=✗
        failed+=("$name")
    }
    timings+=("$(printf '%s %4d s  %s' "$mark" $((SECONDS - began)) "$name")")
}

clippy_wasm() {
    cargo clippy --quiet --package islands --target wasm32-unknown-unknown -- -D warnings
}

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items; }

rust_tests() {
    if have cargo-nextest; then
        scripts/postgres.sh with cargo nextest run --workspace --no-fail-fast --status-level fail
    else
        scripts/postgres.sh with cargo test --workspace --no-fail-fast
    fi
}

browser_tests() { scripts/postgres.sh with npx --prefix end2end playwright test --config end2end/playwright.config.ts; }

# In a function, so that bash has read all of it: editing this file cannot derail a run of it.
main() {
    scripts/packages.sh test
    scripts/wasm-target.sh
    scripts/npm.sh
    scripts/python.sh

    step "formatting" cargo fmt --all --check
    if have shellcheck; then step "shell scripts" shellcheck --external-sources scripts/*.sh .ci/run; fi
    if have cargo-deny; then step "licences and advisories" cargo deny --log-level error check; fi
    step "browser build and its size" cargo run --quiet --package bundle
    step "invariants" scripts/invariants.sh
    step "the booking demo's bundled SDK" scripts/bundle-openfeature.sh --check
    step "clippy for the server" cargo clippy --quiet --workspace --all-targets -- -D warnings
    step "clippy for the browser" clippy_wasm
    step "documentation" documentation
    step "tests" rust_tests
    step "debug build for the browser tests" cargo build --quiet --package server --package booking

    printf '\n'
    printf '  %s\n' "${timings[@]}"
    printf '  %d s so far; the browser tests come last\n\n' "$SECONDS"

    # The very binaries of this run, whatever else stands in the target folder.
    export FADER_BIN="$TARGET_DIR/debug/fader" BOOKING_BIN="$TARGET_DIR/debug/booking"
    step "browser tests" browser_tests

    if [ "${#failed[@]}" -gt 0 ]; then
        die "failed: $(printf '%s; ' "${failed[@]}")"
    fi
}

main; exit
