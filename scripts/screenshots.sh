#!/usr/bin/env bash
# Takes the README's pictures into docs/images/, from a fresh server with the demo in it. Needs what `make test` needs:
# a built `fader` and `booking`, the npm packages of end2end/, Chromium.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

[ -x end2end/node_modules/.bin/playwright ] || die "npm packages are missing: run \`npm ci\` in end2end/."
mkdir -p docs/images
cd end2end
npx playwright test --config screenshots/playwright.config.ts "$@"
say "the pictures are in docs/images/"
