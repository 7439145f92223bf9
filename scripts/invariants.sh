#!/usr/bin/env bash
# The arrows of ARCHITECTURE.md that a tool can prove.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

failed=0
# refuse SENTENCE FOUND: whatever was found breaks the rule.
refuse() {
    [ -n "$2" ] || return 0
    printf '✗ %s\n' "$1" >&2
    printf '%s\n' "$2" >&2
    failed=1
}
# Like grep, but finding nothing is what we hope for.
find_in() { grep "$@" || [ $? = 1 ]; }
tree() { cargo tree --locked --edges normal,no-proc-macro --prefix none --format '{lib}' "$@" | sort --unique; }

# By name, so that a tree that cannot be drawn ends this.
engine="$(tree --package engine)"
store="$(tree --package store)"
refuse "the engine does I/O, or knows its callers:" \
    "$(find_in -Ex 'tokio|axum|sqlx.*|leptos.*|store|rand|getrandom' <<<"$engine")"
refuse "the store knows about HTTP or pages:" \
    "$(find_in -Ex 'axum|hyper|leptos.*|app' <<<"$store")"
refuse "SQL outside server/store:" \
    "$(find_in -rnE '\bsqlx(_macros)?::' --include='*.rs' app engine server/src examples)"

refuse "a migration that landed is not what it was; a change of the schema is a new file:" \
    "$(cd migrations && sha256sum --check --quiet landed.sha256 2>&1 || true)"
refuse "the command line's authority, or what only the intake may recall, is used elsewhere:" \
    "$(find_in -rnE 'Principal::command_line\(|recalled_exposures\(' --include='*.rs' app/src server/src \
        | find_in -vE '^server/src/(command/|intake/outcomes/recall\.rs:)')"
refuse "known people are counted past the census:" \
    "$(find_in -rnE '\.contexts\(\)' --include='*.rs' app/src server/src)"
refuse "a body is read past server/src/edge/body/:" \
    "$(find_in -rnE 'JsonRejection|Multipart|Form<|body::to_bytes|BodyExt|: Result<Json<|: Json<|body: Bytes' --include='*.rs' server/src | find_in -vE '^server/src/(edge/body|command/demo|guard|doors/dashboard/resend)')"
circles="$(scripts/circles.py engine/src app/src app/islands/src server/src)"
refuse "more than three files use each other:" "$circles"
# The framework does not escape what stands in elements of raw text; `ui/text_area.rs` does.
refuse "an element of raw text, or HTML from a string, outside app/src/ui/text_area.rs:" \
    "$(find_in -rnE --include='*.rs' \
        '^[^"]*<(textarea|noscript|script|style|iframe|xmp|plaintext)\b|inner_html|(^|[^._a-z])(textarea|noscript|script|style)\(' \
        app/src app/islands/src | find_in -vE '^app/src/ui/text_area\.rs:|^app/src/page/shell\.rs:[0-9]+: *(<script|><\/script>)$|^[^:]*:[0-9]+: *//')"
refuse "an address written into a page, which leads out of the path that a proxy shows; ask Here for it:" \
    "$(find_in -rnE --include='*.rs' '\b(href|src|action|formaction)=("/|format!|\{?format!)' app/src \
        | find_in -vE 'format!\("[{#]')"
refuse "a style attribute, which the policy of pages refuses:" \
    "$(find_in -rnE --include='*.rs' '\bstyle(:[a-z-]+)?=|"style"' app/src app/islands/src)"

# Files in backquotes or links, and functions (their names have three words or more) in backquotes.
security=(docs/security.md docs/asvs.md)
quoted="$(grep -ohE $'\x60[^\x60]+\x60' "${security[@]}" | tr -d $'\x60' | sort --unique)"
linked="$(grep -ohE '\]\([^)#:]+[)#]' "${security[@]}" | sed 's|^](|docs/|; s|.$||' | sort --unique)"
refuse "a document on security names a file that is not there:" \
    "$({ find_in -E '^[A-Za-z][A-Za-z0-9_./-]*\.(js|json|lock|md|rs|sh|sql|toml|ts)$' <<<"$quoted"; echo "$linked"; } \
        | while read -r file; do [ -e "$file" ] || echo "$file"; done)"
refuse "a document on security names a test that is not there:" \
    "$(comm -23 <(find_in -xE '[a-z0-9]+(_[a-z0-9]+){2,}' <<<"$quoted") \
        <(grep -rhoE 'fn [a-z0-9_]+' --include='*.rs' app engine server | cut -d' ' -f2 | sort --unique))"

[ "$failed" = 0 ] || exit 1
echo "The arrows hold."
