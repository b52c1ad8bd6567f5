"""Makes the inputs of the notebooks, runs each from top to bottom, and fails on any error and on a notebook that is too large to read on a
forge. With --save, keeps the outputs in the notebooks.

usage: execute.py TRACESCAN [--save]
"""

import base64
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 200_000


def run(tracescan: Path, scratch: Path, *arguments) -> None:
    done = subprocess.run([tracescan, *map(str, arguments)], cwd=scratch, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"tracescan {' '.join(map(str, arguments))}: {done.stderr}")


def night(tracescan: Path, scratch: Path, seed: int, anti_patterns: float) -> str:
    name = f"night{seed}.flat.parquet"
    run(tracescan, scratch, "generate", "--spans", 40_000, "--seed", seed, "--anti-patterns", anti_patterns, "-o", name)
    return name


def incident(tracescan: Path, scratch: Path) -> None:
    sample = ROOT / "samples" / "incident.otlp.jsonl.gz"
    run(tracescan, scratch, "analyze", sample, "--window", "12:01..12:02", "--output", "out", "--quiet")


def night_over_night(tracescan: Path, scratch: Path) -> None:
    run(tracescan, scratch, "analyze", night(tracescan, scratch, 1, 0.02), "--output", "before", "--quiet")
    today = night(tracescan, scratch, 2, 0.4)
    run(tracescan, scratch, "analyze", today, "--baseline", "before", "--output", "out", "--quiet")


def which_n_plus_one_first(tracescan: Path, scratch: Path) -> None:
    run(tracescan, scratch, "analyze", night(tracescan, scratch, 2, 0.4), "--output", "out", "--quiet")


def smaller(notebook) -> None:
    """Stores pictures with as many colours as charts have."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png")
            if picture:
                out = io.BytesIO()
                image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
                image.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
                output["data"]["image/png"] = base64.b64encode(out.getvalue()).decode()


def main() -> None:
    tracescan, save = Path(sys.argv[1]).resolve(), "--save" in sys.argv[2:]
    inputs = {make.__name__: make for make in (incident, night_over_night, which_n_plus_one_first)}
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert {notebook.stem for notebook in notebooks} == set(inputs), "each notebook has inputs, and the reverse"
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        stored = sum(len(cell.get("outputs", [])) for cell in notebook.cells)
        with tempfile.TemporaryDirectory() as scratch:
            inputs[path.stem](tracescan, Path(scratch))
            # Raises what a cell raises.
            resources = {"metadata": {"path": scratch}}
            client = NotebookClient(notebook, timeout=300, resources=resources, record_timing=False)
            client.extra_arguments = ["--log-level=ERROR"]
            client.execute()
        pictures = sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
        errors = [output for cell in notebook.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"]
        assert pictures >= 2 and not errors, f"{path.name}: {pictures} pictures, {errors}"
        if save:
            smaller(notebook)
            nbformat.write(notebook, path)
        assert save or stored, f"{path.name} has no stored outputs"
        assert path.stat().st_size < MOST_BYTES, f"{path.name} has {path.stat().st_size:,} bytes, and {MOST_BYTES:,} are the most"
        print(f"{path.name}: {pictures} pictures, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
