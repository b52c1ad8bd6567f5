#!/usr/bin/env bash
# Checks by programs of others what the tests in Rust cannot: samples for CI and Docker by schemas and linters, and the
# Prometheus report by Prometheus' own client. Takes the binary that `cargo test` has built, and a virtual environment.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
tracescan=$target/debug/tracescan
environment=$target/check-samples
if [[ ! -x $environment/bin/python ]]; then
    python3 -m venv "$environment"
fi
"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement tests/samples/requirements.txt

check_schema() {
    "$environment/bin/check-jsonschema" --quiet --builtin-schema "$@"
}
check_schema vendor.github-actions samples/ci/action.yml
check_schema vendor.github-workflows samples/ci/workflow.yml
check_schema vendor.gitlab-ci --data-transform gitlab-ci samples/ci/gitlab-ci.yml
"$environment/bin/shellcheck" samples/ci/gate.sh tests/samples/check.sh
"$environment/bin/hadolint" samples/docker/Dockerfile
"$environment/bin/python" tests/samples/prometheus.py "$tracescan"
echo "samples: schemas, shells, Dockerfile and Prometheus text are sound"
