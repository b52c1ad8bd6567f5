#!/usr/bin/env bash
# Runs the gate over traces and writes its reports to OUT; action.yml runs it, and so can any other CI.
#
#   TRACES    files, directories or globs, one a line
#   CONFIG    configuration file; empty for tracescan.toml, if there is one
#   BASELINE  output directory of the run to compare with; empty, or not there, for none
#   FAIL_ON   what fails the run: any, new, worse, budget, detectors; separated by commas
#   OUT       directory for the reports [tracescan-report]
#
# Exits with 0 whatever the gate says, so that reports can be uploaded: the exit code of tracescan is in OUT/exit-code and, on
# GitHub, the output `exit-code`.
set -euo pipefail

out=${OUT:-tracescan-report}
mkdir -p "$out"
rm -f "$out"/report.* "$out/exit-code"

arguments=(analyze --quiet --output "$out/tables")
for extension in html md sarif xml github codequality.json; do
    arguments+=(--report "$out/report.$extension")
done
if [[ -n ${CONFIG:-} ]]; then
    arguments+=(--config "$CONFIG")
fi
fail_on=${FAIL_ON:-}
if [[ -n ${BASELINE:-} && -f $BASELINE/run.json ]]; then
    arguments+=(--baseline "$BASELINE")
elif [[ ,$fail_on, == *,new,* || ,$fail_on, == *,worse,* ]]; then
    # The first run has nothing to be compared with.
    echo "tracescan: no baseline in '${BASELINE:-}': new and worse are left out of the gate"
    fail_on=$(tr ',' '\n' <<<"$fail_on" | grep -vxE 'new|worse' | paste -sd, - || true)
fi
if [[ -n $fail_on ]]; then
    arguments+=(--fail-on "$fail_on")
fi
arguments+=(--)
while IFS= read -r input; do
    if [[ -n ${input//[[:space:]]/} ]]; then
        arguments+=("$input")
    fi
done <<<"${TRACES:?names no traces}"

code=0
tracescan "${arguments[@]}" || code=$?

if [[ -f $out/report.github ]]; then
    cat "$out/report.github"
fi
if [[ -n ${GITHUB_STEP_SUMMARY:-} && -f $out/report.md ]]; then
    cat "$out/report.md" >>"$GITHUB_STEP_SUMMARY"
fi
echo "$code" >"$out/exit-code"
if [[ -n ${GITHUB_OUTPUT:-} ]]; then
    {
        echo "exit-code=$code"
        echo "reports=$out"
    } >>"$GITHUB_OUTPUT"
fi
