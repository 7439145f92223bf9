#!/usr/bin/env bash
# Installs the npm packages of end2end/ exactly as its lock file says, once per change of that file.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

lock=end2end/package-lock.json
copy=end2end/node_modules/.installed-lock.json
if cmp --silent "$lock" "$copy"; then exit 0; fi

major="$(node --version | sed 's/^v\([0-9]*\).*/\1/')"
[ "$major" -ge 20 ] || die "Node.js 20 or newer is needed (this is $(node --version)): install it from https://nodejs.org."
say "installing the npm packages of end2end/"
(cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-fund --no-audit --loglevel=error >&2)
cp "$lock" "$copy"
