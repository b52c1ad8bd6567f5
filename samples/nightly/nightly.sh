#!/bin/sh
# Analyses the spans of a night, compares them with the night before, and keeps the last nights.
#
#   nightly.sh SPANS RESULTS [NIGHTS [GATES]]
#
# SPANS is what tracescan reads: a file, a directory, a pattern or a URL. RESULTS/YYYY-MM-DD holds the results of each night,
# RESULTS/latest is a link to the last one. NIGHTS (14) are kept. GATES (new,worse,budget) is what --fail-on takes. Other settings
# are those of tracescan.toml in the working directory. The exit code is that of tracescan: 1 if a gate has tripped, 2 if
# something could not be read.
set -eu

spans=$1
results=$2
nights=${3:-14}
gates=${4:-new,worse,budget}
tonight=$(date -u +%Y-%m-%d)
mkdir -p "$results"

# The last night that was analysed to the end, which run.json tells; a second run of a night compares with the one before it too.
baseline=
for night in "$results"/20??-??-??; do
  if [ -f "$night/run.json" ] && [ "$(basename "$night")" != "$tonight" ]; then
    baseline=$night
  fi
done

code=0
if [ -n "$baseline" ]; then
  tracescan analyze "$spans" --output "$results/$tonight" --baseline "$baseline" --fail-on "$gates" || code=$?
else
  # The first night has nothing to be compared with: it is the baseline of the second.
  tracescan analyze "$spans" --output "$results/$tonight" || code=$?
fi

if [ -f "$results/$tonight/run.json" ]; then
  ln -sfn "$tonight" "$results/latest"
  # Names of nights are in the order of time: all but the last ones go.
  ls -d "$results"/20??-??-?? | sort -r | tail -n "+$((nights + 1))" | while read -r old; do
    rm -rf -- "$old"
  done
fi
exit "$code"
