#!/usr/bin/env python3
"""Writes traces of ten spans as OTLP JSON lines, in which one part of every span is its own, or equal everywhere.

    python3 tests/bench/unique.py {names,destinations,urls} [--equal] [--spans 1000000] > spans.jsonl
    tracescan convert spans.jsonl -o spans.parquet

What is analysed should take at most 1.5 times as long as the same with `--equal`. Each is compared with its own equal ones: of calls to
one host or one kind of topic every trace has more than five, which are findings in both, and findings cost time too.
"""

import argparse
import hashlib
import sys

SPANS_OF_TRACE = 10
START = 1_700_000_000_000_000_000


def word(number):
    """A word of letters that no other number has: a path of digits would be templated."""
    digits = hashlib.blake2b(str(number).encode(), digest_size=6).hexdigest()
    return digits.translate(str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst"))


def span_of(what, is_equal, trace, place, number):
    own = 0 if is_equal else number
    name = f"work {word(own)}" if what == "names" else "work"
    destination = f"orders.{word(own)}" if what == "destinations" else "orders.all"
    url = f"http://api.example.com/items/{word(own)}" if what == "urls" else "http://api.example.com/items/all"
    attributes = {
        1: {"messaging.system": "kafka", "messaging.destination.name": destination},
        2: {"http.request.method": "GET", "url.full": url},
    }[1 if what == "destinations" or place % 2 and what != "urls" else 2]
    said = ",".join(f'{{"key":"{key}","value":{{"stringValue":"{value}"}}}}' for key, value in attributes.items())
    parent = f'"parentSpanId":"{trace * SPANS_OF_TRACE + 1:016x}",' if place else ""
    start = START + trace * 1_000_000 + place * 50_000
    end = START + trace * 1_000_000 + (900_000 if place == 0 else place * 50_000 + 40_001)
    kind = 2 if place == 0 else 4 if "messaging.system" in attributes else 3
    return (
        f'{{"traceId":"{trace + 1:032x}","spanId":"{number + 1:016x}",{parent}"name":"{name}","kind":{kind},'
        f'"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":[{said}]}}'
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["names", "destinations", "urls"])
    parser.add_argument("--equal", action="store_true", help="give all spans the value of the first")
    parser.add_argument("--spans", type=int, default=1_000_000)
    arguments = parser.parse_args()
    resource = '{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}'
    traces = arguments.spans // SPANS_OF_TRACE
    for first in range(0, traces, 50):
        spans = (
            span_of(arguments.what, arguments.equal, trace, place, trace * SPANS_OF_TRACE + place)
            for trace in range(first, min(first + 50, traces))
            for place in range(SPANS_OF_TRACE)
        )
        line = f'{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{",".join(spans)}]}}]}}]}}\n'
        sys.stdout.write(line)


if __name__ == "__main__":
    main()
