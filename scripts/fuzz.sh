#!/usr/bin/env bash
# Coverage-guided fuzzing of everything that reads what others wrote (`fuzz/`):
#   scripts/fuzz.sh                  every target a little, from one seed: part of `make test`. What is compared by
#                                    address or hashed at random makes two runs differ all the same
#   scripts/fuzz.sh TARGET MINUTES   one target for long, from the kept corpus and what earlier runs found
#   scripts/fuzz.sh TARGET FILE      one input again
# What a long run finds stays in target/fuzz/TARGET; an input that breaks a promise is written to target/fuzz/broken.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

# How many inputs the short run makes of each target; the doors are a whole server, and slower.
declare -A RUNS=(
    [condition]=25000 [definitions]=25000 [evaluation]=2500 [events]=2500 [forms]=4000 [tables]=15000 [telemetry]=1000
)
# The longest input that is made, and the longest one may take.
BYTES_MAX=16384
SECONDS_MAX=60
MEGABYTES_MAX=2048

found="$TARGET_DIR/fuzz"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

build() {
    say "building the fuzz targets"
    RUSTC_WORKSPACE_WRAPPER="$FADER_ROOT/scripts/instrumented.sh" \
        cargo build --quiet --bin fuzz
    # A plain build of the workspace writes to the same place.
    cp "$TARGET_DIR/debug/fuzz" "$work/fuzz"
}

# run TARGET OPTION…
run() {
    local target="$1"
    shift
    mkdir -p "$found/broken"
    FADER_FUZZ_TARGET="$target" TMPDIR="$work" "$work/fuzz" -timeout="$SECONDS_MAX" -rss_limit_mb="$MEGABYTES_MAX" \
        -artifact_prefix="$found/broken/$target-" -dict="fuzz/dictionaries/$target.txt" "$@" 2>"$work/log" || {
        tail -n 60 "$work/log" >&2
        die "$target: a promise is broken. Again: scripts/fuzz.sh $target $found/broken/$target-…"
    }
    printf '  %-12s %s\n' "$target" "$(grep -E '^(Done|#[0-9]+\s+DONE)' "$work/log" | tr '\n' ' ')"
}

short() {
    local target
    for target in $(printf '%s\n' "${!RUNS[@]}" | sort); do
        mkdir "$work/$target"
        run "$target" -seed=1 -runs="${RUNS[$target]}" -max_len="$BYTES_MAX" "$work/$target" "fuzz/corpus/$target"
    done
}

long() {
    local target="$1" minutes="$2"
    [ -n "${RUNS[$target]:-}" ] || die "there is no target $target: choose one of ${!RUNS[*]}."
    if [ -f "$minutes" ]; then
        run "$target" "$minutes"
        return
    fi
    mkdir -p "$found/$target"
    run "$target" -max_total_time=$((minutes * 60)) -max_len="$BYTES_MAX" "$found/$target" "fuzz/corpus/$target"
}

build
if [ $# = 0 ]; then short; else long "$1" "${2:?minutes, or a file}"; fi
