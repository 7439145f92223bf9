#!/usr/bin/env bash
# Makes examples/booking/assets/openfeature.js: the OpenFeature web SDK and its OFREP provider, exactly as pinned in
# end2end/package-lock.json, in one file that the booking demo carries in its binary. The result is checked in, so
# that building Rust needs no npm; `--check` makes it again and fails when it differs.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

assets="$FADER_ROOT/examples/booking/assets"
modules="$FADER_ROOT/end2end/node_modules"
packages=(@openfeature/core @openfeature/web-sdk @openfeature/ofrep-core @openfeature/ofrep-web-provider)

have node || die "node is missing: install Node.js 20 or newer."
[ -x "$modules/.bin/esbuild" ] || die "npm packages are missing: run \`npm ci\` in end2end/."

# Where the provider's own copy of a package is, when the top-level one is another version.
package_dir() {
    local nested="$modules/@openfeature/ofrep-web-provider/node_modules/$1"
    if [ -d "$nested" ]; then echo "$nested"; else echo "$modules/$1"; fi
}
version_of() { node -p "require('$1/package.json').version"; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

contents="" licences=""
for package in "${packages[@]}"; do
    dir="$(package_dir "$package")"
    name="$package $(version_of "$dir")"
    contents+="${contents:+, }$name"
    licences+="$(printf '%s\n\n' "==== $name ====" && cat "$dir/LICENSE")"$'\n\n'
done
# The compiled packages contain helpers of tslib, whose notice their source carries.
licences+="$(printf '%s\n\n' "==== tslib, helpers inside @openfeature/ofrep-core and @openfeature/ofrep-web-provider ====" &&
    cat "$modules/tslib/LICENSE.txt")"

NODE_PATH="$modules" "$modules/.bin/esbuild" "$FADER_ROOT/examples/booking/web/openfeature.js" \
    --bundle --minify --format=esm --target=es2022 --legal-comments=none --log-level=warning \
    --banner:js="/* $contents. Licences: openfeature.LICENSES.txt. Made by scripts/bundle-openfeature.sh. */" \
    --outfile="$work/openfeature.js"
printf '%s\n' "$licences" >"$work/openfeature.LICENSES.txt"

for file in openfeature.js openfeature.LICENSES.txt; do
    if [ "${1:-}" = "--check" ]; then
        cmp --silent "$work/$file" "$assets/$file" ||
            die "examples/booking/assets/$file is not what the pinned packages give: run scripts/bundle-openfeature.sh and commit the result."
    else
        cp "$work/$file" "$assets/$file"
    fi
done
