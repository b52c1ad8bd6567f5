"""Reads the Prometheus report with Prometheus' own client, of a sample and of names that mean harm."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

NAMES = ['a"b\\c\nd', "\r\n# HELP x", '} 1\nx{y="', "\u2028\u202e\x00\x1b", "# TYPE x counter", "{0}", "x" * 10_000]


def hostile_spans() -> str:
    def span(number: int, name: str) -> str:
        start = 1_700_000_000_000_000_000 + number
        body = {
            "traceId": f"{number + 1:032x}",
            "spanId": f"{number + 1:016x}",
            "name": name,
            "kind": 2,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 1_000_000),
            "status": {"code": 2},
        }
        service = {"key": "service.name", "value": {"stringValue": name}}
        resource = {"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [body]}]}
        return json.dumps({"resourceSpans": [resource]})

    return "\n".join(span(number, name) for number, name in enumerate(NAMES))


def families(tracescan: str, source: str, folder: Path) -> dict:
    report = folder / "report.prom"
    subprocess.run([tracescan, "analyze", source, "--quiet", "--report", str(report)], check=True, stdout=subprocess.DEVNULL)
    return {family.name: family for family in text_string_to_metric_families(report.read_bytes().decode())}


def main() -> None:
    tracescan = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hostile.jsonl").write_text(hostile_spans())
        for source in ["samples/incident.otlp.jsonl.gz", str(folder / "hostile.jsonl")]:
            found = families(tracescan, source, folder)
            assert all(family.type == "gauge" for family in found.values()), found
            assert all(sample.timestamp is None for family in found.values() for sample in family.samples)
            problems = found["tracescan_problem_requests"].samples
            services = {sample.labels["service"] for sample in problems}
            assert len(problems) >= len(NAMES), problems
            if "hostile" in source:
                assert len(services) == len(NAMES), services
                assert 'a"b\\c\nd' in services and "x" * 10_000 in services, services


main()
