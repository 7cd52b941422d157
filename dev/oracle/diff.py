"""Compares two captures of the same SQL, record by record, topic by topic.

    diff.py [--ignore PATTERN]... OURS THEIRS

A capture has one JSON object a line: topic, key, value, headers. Each difference is printed as
`TOPIC #NUMBER PATH: ours | theirs`; the exit code is 1 where there is one, or where nothing was compared.

Not compared, since two connectors on the same binlog cannot share it: the envelope's own clock (ts_ms, ts_us, ts_ns),
source.version, and which UUID __debezium.context.runId holds. Of a snapshot's records also not: the clock, position and
snapshot marker of source, and blanks inside JSON text. Numbers are compared by their exact value and kind (1 and 1.0
differ), members by their order too. --ignore leaves out differences whose PATH, or TOPIC and PATH written together,
match a shell pattern: --ignore '*/source/ts_*'.
"""
import argparse
import fnmatch
import json
import re
import sys
from decimal import Decimal

UUID = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
CLOCK = ("ts_ms", "ts_us", "ts_ns")
PLACE = ("file", "pos", "row", "snapshot", "gtid", "server_id", "thread")
PRINTED_MAX = 200


class Number:
    """A number as it is written: a JSON parser's own would round and lose the kind."""

    def __init__(self, text):
        self.text = text
        self.value = Decimal(text)
        self.fractional = any(sign in text for sign in ".eE")

    def __eq__(self, other):
        return (
            isinstance(other, Number)
            and self.fractional == other.fractional
            and self.value == other.value
            and self.value.is_signed() == other.value.is_signed()
        )

    def __str__(self):
        return self.text


def parsed(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def read(path):
    """The records of a capture by topic, in order."""
    topics = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                record = parsed(line)
                topics.setdefault(record["topic"], []).append(comparable(record))
    return topics


def comparable(record):
    """The record without what is not compared."""
    value = record.get("value")
    envelope = payload(value)
    if isinstance(envelope, dict) and isinstance(envelope.get("source"), dict):
        source = envelope["source"]
        drop(envelope, CLOCK)
        drop(source, ("version",))
        if envelope.get("op") == "r":
            drop(source, CLOCK + PLACE)
            for name, cell in (envelope.get("after") or {}).items():
                envelope["after"][name] = without_blanks(cell)
    headers = record.get("headers") or {}
    run = payload(headers.get("__debezium.context.runId"))
    if isinstance(run, str) and UUID.fullmatch(run):
        headers["__debezium.context.runId"] = "a UUID"
    return {"key": record.get("key"), "value": value, "headers": headers}


def payload(part):
    """What a converter with schemas wraps."""
    return part["payload"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else part


def drop(members, names):
    for name in names:
        members.pop(name, None)


def without_blanks(cell):
    if isinstance(cell, str) and cell.startswith(("{", "[")):
        try:
            return shown(parsed(cell))
        except ValueError:
            return cell
    return cell


def shown(part):
    """Compact JSON, numbers as they were written."""
    if isinstance(part, Number):
        return part.text
    if isinstance(part, dict):
        return "{" + ",".join(f"{shown(name)}:{shown(inner)}" for name, inner in part.items()) + "}"
    if isinstance(part, list):
        return "[" + ",".join(map(shown, part)) + "]"
    return json.dumps(part, ensure_ascii=False)


def differences(ours, theirs, path=""):
    """Pairs of a path and what both sides hold there."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in dict.fromkeys([*theirs, *ours]):
            here = f"{path}/{name}"
            if name not in ours:
                yield here, "(absent)", shown(theirs[name])
            elif name not in theirs:
                yield here, shown(ours[name]), "(absent)"
            else:
                yield from differences(ours[name], theirs[name], here)
        if list(ours) != list(theirs) and set(ours) == set(theirs):
            yield f"{path}/(order)", ",".join(ours), ",".join(theirs)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (mine, other) in enumerate(zip(ours, theirs)):
            yield from differences(mine, other, f"{path}/{index}")
    elif type(ours) is not type(theirs) or ours != theirs:
        yield path, shown(ours), shown(theirs)


def compare(ours, theirs, ignored):
    """Every difference as text, and the number of records that both sides have."""
    found, compared = [], 0
    for topic in dict.fromkeys([*theirs, *ours]):
        mine, other = ours.get(topic, []), theirs.get(topic, [])
        if len(mine) != len(other):
            found.append(f"{topic}: {len(mine)} records | {len(other)} records")
        for number, pair in enumerate(zip(mine, other)):
            compared += 1
            for path, left, right in differences(*pair):
                if not any(fnmatch.fnmatchcase(text, glob) for text in (path, topic + path) for glob in ignored):
                    found.append(f"{topic} #{number} {path}: {left} | {right}")
    return found, compared


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ignore", action="append", default=[], metavar="PATTERN")
    arguments.add_argument("ours")
    arguments.add_argument("theirs")
    chosen = arguments.parse_args()
    found, compared = compare(read(chosen.ours), read(chosen.theirs), chosen.ignore)
    for difference in found[:PRINTED_MAX]:
        print(difference)
    if len(found) > PRINTED_MAX:
        print(f"(and {len(found) - PRINTED_MAX} more)")
    print(f"{compared} records compared, {len(found)} differences")
    return 1 if found or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
