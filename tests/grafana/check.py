"""Checks the dashboard and the rules in samples/grafana: a well formed model, and expressions over metrics and labels that there are.

usage: check.py [FILE.prom]

With a file that tracescan wrote of a sample, metrics and labels are those in it; without, those that are known.
"""

import json
import re
import sys
from pathlib import Path

import yaml

GRAFANA = Path(__file__).resolve().parents[2] / "samples" / "grafana"

PROBLEM = {"detector", "pattern_id", "service", "operation", "target", "status"}
ENTRY = {"service", "operation"}
METRICS = {
    "tracescan_problem_saving_seconds": PROBLEM,
    "tracescan_problem_saving_share": PROBLEM,
    "tracescan_problem_requests": PROBLEM,
    "tracescan_problem_failed_requests": PROBLEM,
    "tracescan_problem_wasted_seconds": PROBLEM,
    "tracescan_problems": {"detector", "status"},
    "tracescan_requests": set(),
    "tracescan_failed_requests": set(),
    "tracescan_spans": set(),
    "tracescan_traces": set(),
    "tracescan_request_time_seconds": set(),
    "tracescan_entry_duration_seconds": ENTRY | {"quantile"},
    "tracescan_entry_requests": ENTRY,
    "tracescan_entry_failed_requests": ENTRY,
    "tracescan_gate_failed": set(),
    "tracescan_input_complete": set(),
    "tracescan_last_run_timestamp_seconds": set(),
}
COLUMNS = 24


def metrics_of(file: Path) -> dict[str, set[str]]:
    """Metrics and their labels in Prometheus' text format."""
    metrics: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        if match := re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$", line):
            name, labels = match.groups()
            metrics.setdefault(name, set()).update(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', labels or ""))
    return metrics


def check_expression(expression: str, metrics: dict[str, set[str]], where: str) -> set[str]:
    """The labels that a metric in it may have, after a look at what it names."""
    names = set(re.findall(r"\btracescan_\w+", expression))
    assert names, f"{where}: {expression} asks for nothing"
    assert names <= set(metrics), f"{where}: no such metric: {names - set(metrics)}"
    for name, selector in re.findall(r"\b(tracescan_\w+)\s*\{([^}]*)\}", expression):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
        assert labels <= metrics[name], f"{where}: {name} has no label {labels - metrics[name]}"
    known = set().union(*(metrics[name] for name in names))
    for grouped in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression):
        labels = {label.strip() for label in grouped.split(",") if label.strip()}
        assert labels <= known, f"{where}: no label {labels - known}"
    assert expression.count("(") == expression.count(")") and expression.count("{") == expression.count("}"), f"{where}: {expression}"
    return known


def check_dashboard(metrics: dict[str, set[str]]) -> int:
    dashboard = json.loads((GRAFANA / "dashboard.json").read_text())
    assert dashboard["schemaVersion"] >= 39 and dashboard["id"] is None and dashboard["uid"] and dashboard["title"]
    inputs = {given["name"] for given in dashboard["__inputs"]}
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    assert inputs == {"DS_PROMETHEUS"}
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(ids) == len(set(ids)), "two panels have the same id"
    kinds = {required["id"] for required in dashboard["__requires"] if required["type"] == "panel"}
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    taken: dict[tuple[int, int], int] = {}
    expressions = 0
    for panel in panels:
        where = f"panel {panel['id']}, {panel['title']}"
        place = panel["gridPos"]
        assert place["w"] > 0 and place["h"] > 0 and place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS, where
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{where} lies on panel {taken.get((x, y))}"
                taken[x, y] = panel["id"]
        if panel["type"] == "row":
            continue
        assert panel["type"] in kinds, f"{where} is of a kind that is not required"
        assert panel["datasource"] == source and panel["description"], where
        assert panel["targets"], f"{where} asks for nothing"
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references)), where
        for target in panel["targets"]:
            assert target["datasource"] == source, where
            known = check_expression(target["expr"], metrics, where)
            named = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
            assert named <= known, f"{where}: the legend names {named - known}"
            used = set(re.findall(r"\$(\w+)", target["expr"]))
            assert used <= variables, f"{where}: no such variable: {used - variables}"
            expressions += 1
    for variable in dashboard["templating"]["list"]:
        assert variable["datasource"] == source
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
        assert label in metrics[metric], variable["name"]
    return expressions


def check_rules(metrics: dict[str, set[str]]) -> int:
    groups = yaml.safe_load((GRAFANA / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert "TracescanNewProblem" in {rule["alert"] for rule in rules}
    for rule in rules:
        known = check_expression(rule["expr"], metrics, rule["alert"])
        assert rule["labels"]["severity"] and rule["annotations"]["summary"], rule["alert"]
        named = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        assert named <= known, f"{rule['alert']} names {named - known}"
    return len(rules)


def main() -> None:
    metrics = METRICS
    if len(sys.argv) > 1:
        metrics = metrics_of(Path(sys.argv[1]))
        changed = {name for name in set(metrics) | set(METRICS) if metrics.get(name) != METRICS.get(name)}
        assert not changed, f"the list here says something else of {changed}"
    print(f"{check_dashboard(metrics)} expressions of the dashboard and {check_rules(metrics)} rules are over what there is")


if __name__ == "__main__":
    main()
