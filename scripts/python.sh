#!/usr/bin/env bash
# Makes end2end/.venv with the packages of end2end/python/requirements.txt, once per change of that file.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

wanted=end2end/python/requirements.txt
venv=end2end/.venv
if [ ! -e "$wanted" ] || cmp --silent "$wanted" "$venv/requirements.txt"; then exit 0; fi

say "installing the Python packages of end2end/python"
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2
cp "$wanted" "$venv/requirements.txt"
