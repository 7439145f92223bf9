#!/usr/bin/env bash
# Measures: decisions in the engine, then the server over HTTP.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

scripts/packages.sh build
say "engine"
cargo bench --package engine
say "a million people"
cargo bench --package store
say "server"
cargo bench --package server
