"""Asks each file in queries/ twice, by `tracescan query` and in DuckDB, and fails where rows or their order differ.

usage: duckdb_agrees.py TRACESCAN
"""

import csv
import io
import json
import math
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "before"


def analyzed(tracescan: Path, spans: Path, directory: Path) -> Path:
    """The output directory of a run over `spans`."""
    subprocess.run([tracescan, "analyze", spans, "--output", directory, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return directory


def night(tracescan: Path, directory: Path, seed: int, anti_patterns: float) -> Path:
    """The output directory of a made-up night."""
    spans = directory / f"night{seed}.flat.parquet"
    arguments = ["generate", "--spans", "20000", "--seed", str(seed), "--anti-patterns", str(anti_patterns), "-o", spans]
    subprocess.run([tracescan, *arguments], check=True, stderr=subprocess.DEVNULL)
    return analyzed(tracescan, spans, directory / f"night{seed}")


def run_rows(value, names=()):
    """The values of a `run.json` as `tracescan query` has them in its table `run`."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from run_rows(part, (*names, name))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from run_rows(part, (*names, str(place)))
    else:
        number = float(value) if isinstance(value, (bool, int, float)) else None
        yield names[0], ".".join(names[1:]), number, value if isinstance(value, str) else None


def add_views(connection, directory: Path, schema: str) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for file in sorted(directory.glob("*.parquet")):
        connection.execute(f"CREATE VIEW {schema}.{file.stem} AS SELECT * FROM '{file}'")
    connection.execute(f"CREATE TABLE {schema}.run (section VARCHAR, name VARCHAR, value DOUBLE, text VARCHAR)")
    rows = list(run_rows(json.loads((directory / "run.json").read_text())))
    connection.executemany(f"INSERT INTO {schema}.run VALUES (?, ?, ?, ?)", rows)


def of_duckdb(today: Path, before: Path, sql: str) -> list[list]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    add_views(connection, today, "main")
    add_views(connection, before, BEFORE)
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [names, *(list(row) for row in cursor.fetchall())]


def of_tracescan(tracescan: Path, today: Path, before: Path, file: Path) -> list[list]:
    command = [tracescan, "query", today, "-f", file, "--with", f"{BEFORE}={before}", "--format", "json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    # Without rows, JSON has no names either.
    return [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []


def is_same(ours, theirs) -> bool:
    if isinstance(theirs, datetime):
        # Both hold microseconds.
        ours = datetime.fromisoformat(ours[:26].rstrip("Z")).replace(tzinfo=timezone.utc)
        return ours == theirs.astimezone(timezone.utc)
    if isinstance(ours, (int, float)) and theirs is not None:
        return math.isclose(ours, float(theirs), rel_tol=1e-9, abs_tol=1e-9)
    return ours == theirs


def main() -> None:
    tracescan = Path(sys.argv[1]).resolve()
    files = sorted((ROOT / "queries").glob("*.sql"))
    assert len(files) >= 15, files
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        sample = analyzed(tracescan, ROOT / "samples" / "incident.flat.parquet", scratch / "incident")
        healthy = analyzed(tracescan, ROOT / "samples" / "healthy.flat.parquet", scratch / "healthy")
        nights = [night(tracescan, scratch, 1, 0.02), night(tracescan, scratch, 2, 0.3)]
        pairs = [(sample, healthy), (nights[1], nights[0])]
        # A real system that has hardly anything to find, where other projects' data lies beside this one.
        real = ROOT.parent / "shared" / "data" / "real" / "robot-shop.flat.parquet"
        if real.exists():
            pairs.append((analyzed(tracescan, real, scratch / "robot-shop"), healthy))
        else:
            print(f"skipped: {real} is not there")
        for today, before in pairs:
            for file in files:
                ours = of_tracescan(tracescan, today, before, file)
                theirs = of_duckdb(today, before, file.read_text())
                theirs = theirs if len(theirs) > 1 else []
                same = len(ours) == len(theirs) and all(
                    len(left) == len(right) and all(map(is_same, left, right)) for left, right in zip(ours, theirs)
                )
                print(f"{'same' if same else 'DIFFERENT'}: {file.name} on {today.name}, {max(0, len(ours) - 1)} rows")
                if not same or (not ours and today.name != "robot-shop"):
                    failed += 1
                    text = io.StringIO()
                    csv.writer(text).writerows([["tracescan"], *ours[:6], ["duckdb"], *theirs[:6]])
                    print(text.getvalue())
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
