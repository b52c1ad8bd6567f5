#!/usr/bin/env python3
"""Measures tracescan beside its floor and its peers, on generated data, and writes RESULTS.md next to this file.

    python3 tests/bench/run.py [--spans 1,10] [--runs 3] [--formats flat,hex,…] [--no-peers]

Sizes are millions of spans. Builds what it needs, generates data once into target/bench, installs the peers with pinned
versions into a venv there. Every figure is the median of several runs of the whole process, files in the page cache.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "bench"
TRACESCAN = ROOT / "target" / "release" / "tracescan"
FLOOR = ROOT / "target" / "release" / "examples" / "floor"
PEERS = ["duckdb==1.5.4", "polars==1.38.1", "pyarrow==22.0.0"]
# The newest version that Rust 1.95 builds. It reads no Parquet and no OTLP files, and nothing above 100 MB.
SENTINEL = "0.7.8"
SENTINEL_SPANS = 100_000
# Millions of spans above which only flat Parquet is measured; 100 million in JSON lines are 50 GB.
MOST_IN_ALL_FORMATS = 10

FORMATS = {
    "flat": ("spans.flat.parquet", "flat Parquet, binary ids"),
    "hex": ("spans.hex.parquet", "flat Parquet, hex ids"),
    "clickhouse": ("spans.otel_traces.parquet", "ClickHouse otel_traces, attribute maps"),
    "canonical": ("spans.canonical.parquet", "canonical Parquet"),
    "proto": ("spans.binpb", "OTLP protobuf"),
    "proto.zst": ("spans.binpb.zst", "OTLP protobuf, zstd"),
    "json": ("spans.jsonl", "OTLP JSON lines"),
    "json.gz": ("spans.jsonl.gz", "OTLP JSON lines, gzip"),
}

# Questions that people ask of a warehouse instead, on the flat file with binary ids.
DUCKDB = {
    "N+1 count and parent-child join": """
        SELECT count(*) FROM (SELECT trace_id, service_name, "server.address", count(*) AS calls FROM spans
            WHERE kind = 'client' GROUP BY ALL HAVING calls > 5);
        SELECT count(*) FROM (SELECT p.service_name AS caller, c.service_name AS callee, count(*) FROM spans c
            JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id
            WHERE p.service_name <> c.service_name GROUP BY ALL);""",
    "recursive chain depth": """
        WITH RECURSIVE below AS (
            SELECT trace_id, span_id, 0 AS depth FROM spans WHERE parent_span_id IS NULL
            UNION ALL
            SELECT c.trace_id, c.span_id, b.depth + 1 FROM spans c
            JOIN below b ON c.trace_id = b.trace_id AND c.parent_span_id = b.span_id)
        SELECT max(depth), count(*) FROM below;""",
}

POLARS = """
import sys, polars as pl
spans = pl.scan_parquet(sys.argv[1]).select("trace_id", "span_id", "parent_span_id", "service_name", "kind", "server.address")
print(spans.filter(pl.col("kind") == "client").group_by("trace_id", "service_name", "server.address").len()
      .filter(pl.col("len") > 5).select(pl.len()).collect(engine="streaming").item())
parents = spans.select("trace_id", pl.col("span_id").alias("parent_span_id"), pl.col("service_name").alias("caller"))
print(spans.join(parents, on=["trace_id", "parent_span_id"]).group_by("caller", "service_name").len()
      .select(pl.len()).collect(engine="streaming").item())
"""


# Starts its arguments and says, on the last line of standard error, how they ended, seconds, and peak bytes. A process of its
# own, because what starts a process counts as that one's first memory.
MEASURE = """
import os, sys, time
since = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)
print("", os.waitstatus_to_exitcode(status), time.perf_counter() - since, usage.ru_maxrss * 1024, file=sys.stderr)
"""


def seconds_of(command, **options):
    """Wall seconds and peak bytes of a process that must succeed."""
    command = [sys.executable, "-c", MEASURE, *map(str, command)]
    process = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
    code, seconds, peak = process.stderr.splitlines()[-1].split()
    if process.returncode != 0 or code != "0":
        raise RuntimeError(f"{command}: {process.stderr[-2000:]}")
    return float(seconds), int(peak)


def median_of(measured):
    """Median seconds and largest peak."""
    return statistics.median(seconds for seconds, _ in measured), max(peak for _, peak in measured)


def in_turns(command, other, runs, **options_of_other):
    """Of both commands median seconds and peak bytes, and the median of how many times as long the first takes. They run in
    turns, because what else a machine does changes from minute to minute."""
    measured = [(seconds_of(command), seconds_of(other, **options_of_other)) for _ in range(runs)]
    ratio = statistics.median(own / others for (own, _), (others, _) in measured)
    return *map(median_of, zip(*measured)), ratio


def generated(name, millions):
    path = WORK / f"{millions}m" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"generating {path}", file=sys.stderr)
        spans = str(int(millions * 1_000_000))
        subprocess.run([TRACESCAN, "generate", "--spans", spans, "--seed", "1", "-o", path], check=True)
    # Into the page cache, and not into this process: its own memory would count as that of what it starts.
    subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)
    return path


def analyze(path, *more):
    return [TRACESCAN, "analyze", path, "--output", WORK / "out", *more]


def phases_of(path, runs, more=()):
    """Median seconds by phase, of the whole process, and peak bytes."""
    out = WORK / "out"
    command = analyze(path, *more)
    seconds, peak, phases = [], 0, {}
    for _ in range(runs):
        wall, used = seconds_of(command)
        seconds.append(wall)
        peak = max(peak, used)
        for phase, value in json.loads((out / "run.json").read_text())["phases"].items():
            phases.setdefault(phase, []).append(value)
    spans = json.loads((out / "run.json").read_text())["totals"]["spans"]
    return statistics.median(seconds), peak, {name: statistics.median(values) for name, values in phases.items()}, spans


def peer_python():
    venv = WORK / "venv"
    if not (venv / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "--quiet", *PEERS], check=True)
    return venv / "bin" / "python"


def peers_of(path, runs, threads):
    """Of each peer's work on the flat file: name, median seconds, peak bytes, and tracescan's time over that."""
    python = peer_python()
    found = []
    for name, queries in DUCKDB.items():
        script = (
            "import duckdb, sys\n"
            f"db = duckdb.connect(); db.execute('SET threads = {threads}')\n"
            "db.execute(f\"CREATE VIEW spans AS SELECT * FROM read_parquet('{sys.argv[1]}')\")\n"
            f"for query in {queries!r}.split(';'):\n    print(db.execute(query).fetchall()) if query.strip() else None\n"
        )
        _, theirs, ratio = in_turns(analyze(path), [python, "-c", script, path], runs)
        found.append((f"DuckDB: {name}", *theirs, ratio))
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
    _, theirs, ratio = in_turns(analyze(path), [python, "-c", POLARS, path], runs, env=environment)
    found.append(("Polars (Python): N+1 count and join", *theirs, ratio))
    return found


def jaeger_document(path, spans):
    """The form of Jaeger's API with the traces of the first `spans` spans of OTLP JSON lines."""
    kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"]
    traces = {}

    def tag(attribute):
        (kind, value), = attribute["value"].items()
        names = {"stringValue": "string", "intValue": "int64", "doubleValue": "float64", "boolValue": "bool"}
        return {"key": attribute["key"], "type": names[kind], "value": int(value) if kind == "intValue" else value}

    taken = 0
    for line in path.open():
        if taken >= spans:
            break
        for resource in json.loads(line)["resourceSpans"]:
            service = next(a["value"]["stringValue"] for a in resource["resource"]["attributes"] if a["key"] == "service.name")
            for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                taken += 1
                trace = traces.setdefault(span["traceId"], {"traceID": span["traceId"], "spans": [], "processes": {}})
                trace["processes"][service] = {"serviceName": service, "tags": []}
                tags = [tag(attribute) for attribute in span.get("attributes", [])]
                tags.append({"key": "span.kind", "type": "string", "value": kinds[span.get("kind", 0)]})
                if span.get("status", {}).get("code") == 2:
                    tags.append({"key": "error", "type": "bool", "value": True})
                start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
                parent = span.get("parentSpanId")
                reference = {"refType": "CHILD_OF", "traceID": span["traceId"], "spanID": parent}
                trace["spans"].append({
                    "traceID": span["traceId"], "spanID": span["spanId"], "operationName": span["name"],
                    "references": [reference] if parent else [], "startTime": start // 1000,
                    "duration": (end - start) // 1000, "tags": tags, "logs": [], "processID": service,
                })
    return {"data": list(traces.values())}, taken


def beside_sentinel(runs, threads):
    """Seconds and peak of perf-sentinel and of tracescan on one file in Jaeger's form, the ratio, and its number of spans."""
    peers = WORK / "peers"
    sentinel = peers / "bin" / "perf-sentinel"
    if not sentinel.exists():
        install = ["cargo", "install", "--quiet", "perf-sentinel", "--version", SENTINEL, "--no-default-features"]
        subprocess.run([*install, "--root", peers], check=True)
    file = WORK / "jaeger.json"
    document, spans = jaeger_document(generated(FORMATS["json"][0], 1), SENTINEL_SPANS)
    file.write_text(json.dumps(document, separators=(",", ":")))
    config = WORK / "sentinel.toml"
    config.write_text("[daemon]\nmax_payload_size = 104857600\n")
    command = [sentinel, "analyze", "--input", file, "--config", config, "--format", "json"]
    ours, theirs, ratio = in_turns(analyze(file, "--threads", str(threads)), command, runs)
    return theirs, ours, ratio, spans


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) // (1 << 20)
    return f"{os.cpu_count()} × {model}, {memory} GiB, {platform.system()} {platform.release()}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--spans", default="1,10", help="millions of spans, ascending, with commas between [1,10]")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--formats", default=",".join(FORMATS))
    arguments.add_argument("--no-peers", action="store_true")
    arguments = arguments.parse_args()
    sizes = [float(size) if "." in size else int(size) for size in arguments.spans.split(",")]
    wanted = arguments.formats.split(",")
    subprocess.run(["cargo", "build", "--release", "--bin", "tracescan", "--example", "floor"], cwd=ROOT, check=True)
    version = subprocess.run([TRACESCAN, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    lines = [
        "# Measured",
        "",
        "Written by `tests/bench/run.py`; not to be edited.",
        "",
        f"{version}, {arguments.runs} runs each, medians of whole processes, files in the page cache. {machine()}.",
        "",
        "The floor is arrow-rs decoding the columns that are needed and doing nothing else, or reading the bytes once. Ratios at the",
        "end are medians of pairs that ran in turns.",
        "",
        "| input | million spans | s | M spans/s | MB/s | read s | analyse s | rank s | peak MB | bytes a span | floor s | times the floor |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    whole, floors, peaks = {}, {}, {}
    for millions in sizes:
        for key in wanted if millions <= MOST_IN_ALL_FORMATS else ["flat"]:
            name, title = FORMATS[key]
            path = generated(name, millions)
            seconds, peak, phases, spans = phases_of(path, arguments.runs)
            floor = statistics.median(
                float(subprocess.run([FLOOR, path], capture_output=True, text=True, check=True).stdout.split()[0])
                for _ in range(arguments.runs)
            )
            whole[key, millions], floors[key, millions] = seconds, floor
            peaks[key, millions] = peak
            lines.append(
                f"| {title} | {spans / 1e6:.1f} | {seconds:.2f} | {spans / seconds / 1e6:.2f} "
                f"| {path.stat().st_size / seconds / 1e6:.0f} | {phases['read']:.2f} | {phases['analyse']:.2f} "
                f"| {phases['rank']:.2f} | {peak / 1e6:.0f} | {peak / spans:.0f} | {floor:.2f} | {seconds / floor:.1f} |"
            )
            print(lines[-1], file=sys.stderr)
    if "flat" in wanted:
        largest = max(size for size in sizes if size <= MOST_IN_ALL_FORMATS)
        flat = generated(FORMATS["flat"][0], largest)
        two, two_peak = whole["flat", largest], peaks["flat", largest]
        _, (one, _), of_one = in_turns(analyze(flat), analyze(flat, "--threads", "1"), arguments.runs)
        limited = analyze(flat, "--memory-limit", "512MiB")
        _, (limited, limited_peak), of_limited = in_turns(analyze(flat), limited, arguments.runs)
        lines += [
            "",
            f"Flat Parquet, {largest} million spans: one thread {one:.2f} s, all threads {two:.2f} s ({1 / of_one:.2f} times as "
            f"fast); with `--memory-limit 512MiB` {limited:.2f} s and {limited_peak / 1e6:.0f} MB.",
        ]
        growth = {}
        for fewer, more in zip(sizes, sizes[1:]):
            small, large = (analyze(generated(FORMATS["flat"][0], millions)) for millions in (fewer, more))
            _, _, growth[more] = in_turns(large, small, arguments.runs)
            lines.append(f"{more / fewer:.0f} times the {fewer} million spans take {growth[more]:.1f} times as long.")
        if sizes[-1] > largest:
            most = generated(FORMATS["flat"][0], sizes[-1])
            seconds, peak, phases, spans = phases_of(most, 1, ["--memory-limit", "2GiB"])
            lines.append(
                f"{spans / 1e6:.0f} million spans with `--memory-limit 2GiB`: {seconds:.1f} s (read {phases['read']:.1f}, analyse "
                f"{phases['analyse']:.1f}) and {peak / 1e6:.0f} MB."
            )
        ratios = [
            ("the floor, flat Parquet with binary ids", two / floors["flat", largest]),
            ("one thread", of_one),
            ("no memory limit, with `--memory-limit 512MiB`", 1 / of_limited),
        ]
        for fewer, more in zip(sizes, sizes[1:]):
            ratios.append((f"{more / fewer:.0f} times fewer spans, {more} million", growth[more]))
        if not arguments.no_peers:
            lines += ["", f"## Peers, flat Parquet with binary ids, {largest} million spans", ""]
            lines += ["| what | s | peak MB |", "|---|---:|---:|"]
            lines.append(f"| tracescan: all detectors | {two:.2f} | {two_peak / 1e6:.0f} |")
            for name, seconds, peak, ratio in peers_of(flat, arguments.runs, os.cpu_count()):
                lines.append(f"| {name} | {seconds:.2f} | {peak / 1e6:.0f} |")
                ratios.append((name, ratio))
                print(lines[-1], file=sys.stderr)
            (theirs, their_peak), (ours, our_peak), ratio, spans = beside_sentinel(arguments.runs, os.cpu_count())
            lines += ["", f"## perf-sentinel {SENTINEL}, Jaeger JSON, {spans} spans", ""]
            lines += ["| what | s | peak MB |", "|---|---:|---:|"]
            lines.append(f"| tracescan: all detectors | {ours:.2f} | {our_peak / 1e6:.0f} |")
            lines.append(f"| perf-sentinel: N+1 in one trace, redundant calls, fan-out | {theirs:.2f} | {their_peak / 1e6:.0f} |")
            ratios.append((f"perf-sentinel, Jaeger JSON, {spans} spans", ratio))
        lines += ["", "## Ratios", "", "| time of tracescan over that of | ratio |", "|---|---:|"]
        lines += [f"| {name} | {ratio:.2f} |" for name, ratio in ratios]
    (Path(__file__).parent / "RESULTS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
