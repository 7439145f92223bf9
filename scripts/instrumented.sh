#!/usr/bin/env bash
# Cargo's RUSTC_WORKSPACE_WRAPPER of the fuzz targets: compiles the workspace's own crates with counters at every edge and
# comparison, which libFuzzer reads. What comes from a registry stays as every other build has it.
set -euo pipefail
case " $* " in
*' --crate-name build_script_build '* | *' --crate-type proc-macro '* | *' --crate-type cdylib '*) exec "$@" ;;
*' --crate-name '*) ;;
*) exec "$@" ;;
esac
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
