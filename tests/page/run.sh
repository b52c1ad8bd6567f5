#!/usr/bin/env bash
# Makes HTML reports of the samples and tries them in a headless Chromium: tests/page/run.sh [BINARY].
# Needs Node.js with npm, and Chromium (CHROMIUM=path, if it is not /usr/bin/chromium).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tracescan=$(realpath "${1:-$root/target/debug/tracescan}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$root"/tests/page/package.json "$root"/tests/page/browser.mjs "$work"
(cd "$work" && npm install --no-audit --no-fund --silent)

cd "$root"
"$tracescan" analyze samples/healthy.flat.parquet -q --output "$work/before" --report "$work/healthy.html" >"$work/said"
"$tracescan" analyze samples/incident.otlp.jsonl.gz -q --window 12:01..12:03 --baseline "$work/before" --fail-on any \
    --trace-url jaeger:https://jaeger.example --output "$work/after" --report "$work/incident.html" >"$work/said" 2>&1 ||
    test $? -eq 1
"$tracescan" compare "$work/before" "$work/after" --report "$work/compared.html" >"$work/said"
node tests/page/hostile.mjs >"$work/hostile.jsonl"
"$tracescan" analyze "$work/hostile.jsonl" -q --report "$work/hostile.html" >"$work/said"
node "$work/browser.mjs" "$work/incident.html" "$work/healthy.html" "$work/compared.html" "$work/hostile.html"
