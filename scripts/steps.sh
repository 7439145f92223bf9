# shellcheck shell=bash
# Sourced by scripts that take minutes: says which step of how many is under way, how long it takes when everything
# has to be built, and what to do when it fails.
#
#   steps_of NAME COUNT SECONDS  begins: the script is NAME, has COUNT steps and takes SECONDS from nothing
#   step TITLE SECONDS HELP COMMAND…
#
# SECONDS is what the step took from nothing on two cores (docs/decisions/0022-built-once.md). On another machine the
# first steps show how much quicker or slower it is. A step that once worked with these dependencies is quick.

STEPS_MEASURED_CORES=2
steps_at=0 steps_count=0 steps_expected=0 steps_took=0 steps_folder=""
timings=()

steps_of() {
    local versions
    steps_count="$2"
    # Other dependencies or another compiler: everything is built again.
    versions="$(cat Cargo.lock Cargo.toml rust-toolchain.toml end2end/package-lock.json 2>/dev/null | cksum | cut -d' ' -f1)"
    steps_folder="$TARGET_DIR/steps/$1-$versions"
    [ -e "$steps_folder" ] || say "$2 steps, $(in_words "$(seconds_here "$3")") the first time"
}

# How long something takes here that took $1 seconds where it was measured.
seconds_here() {
    if [ "$steps_expected" -ge 30 ]; then
        echo $(($1 * steps_took / steps_expected))
    else
        echo $(($1 * STEPS_MEASURED_CORES / $(cores)))
    fi
}
cores() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo "$STEPS_MEASURED_CORES"; }

in_words() {
    if [ "$1" -lt 60 ]; then
        echo "less than a minute"
    else
        echo "about $((($1 + 30) / 60)) min"
    fi
}

# True when the step worked; the caller decides whether to go on.
step() {
    local title="$1" seconds="$2" help="$3" began=$SECONDS note="" took status=0 done_before
    shift 3
    steps_at=$((steps_at + 1))
    done_before="$steps_folder/${title// /-}"
    if [ "$seconds" -ge 10 ] && [ ! -e "$done_before" ]; then note=", $(in_words "$(seconds_here "$seconds")")"; fi
    say "[$steps_at/$steps_count] $title$note"
    "$@" || status=$?
    took=$((SECONDS - began))
    if [ "$status" = 0 ]; then
        if [ ! -e "$done_before" ]; then
            steps_expected=$((steps_expected + seconds))
            steps_took=$((steps_took + took))
            mkdir -p "$steps_folder"
            : >"$done_before"
        fi
        timings+=("$(printf '✓ %4d s  %s' "$took" "$title")")
        return 0
    fi
    timings+=("$(printf '✗ %4d s  %s' "$took" "$title")")
    complain "[$steps_at/$steps_count] $title failed after $took s; why stands above."
    [ -z "$help" ] || complain "$help"
    return "$status"
}

# prepare build|test: the three steps that everything else needs. Ends the script when one of them fails.
prepare() {
    step "system packages" 20 "Install what is named above, then run this again." scripts/packages.sh "$1" || exit
    step "Rust and its target for browsers" 60 \
        "Rust comes from https://rustup.rs; with it, \`rustup target add wasm32-unknown-unknown\` is enough." \
        scripts/wasm-target.sh || exit
    step "npm packages" 20 \
        "The registry that \`npm config get registry\` names has to be reachable this once; then run this again." \
        scripts/npm.sh || exit
}

# What failed builds have in common.
BUILD_HELP="What is built is kept: run this again when it is mended. Without network for new dependencies, or with less than
5 GB of free disk ($(df -h . 2>/dev/null | awk 'END {print $4}') here), it cannot be built; \`cargo clean\` makes room."
