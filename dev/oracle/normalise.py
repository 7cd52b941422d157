"""Replaces what two runs of the same SQL cannot share, and leaves every other byte as it is.

    normalise.py < RECORDS > RECORDS

Records are JSON objects, one a line: topic, key, value, headers, partition, timestamp. Clock readings and thread ids
become 0 (a timestamp only where it is not of the past, which SQL may have set), the connector's version VERSION, the binlog's name FILE, the run's id RUN-ID. GTIDs and positions become their number in order of
appearance, so that it still shows which records share a transaction or an event. A schema beside a payload stays where
it appears first, and is its number in order of appearance after that. Numbers, escapes and the order of
members stay as they are written: two normalised files can be compared as text.
"""
import re
import sys

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+|\s+')

CLOCKS = {
    ("value", *where, unit) for where in ((), ("source",)) for unit in ("ts_ms", "ts_us", "ts_ns")
}
SOURCE = ("value", "source")
TRANSACTIONS = {("key", "id"), ("value", "id"), ("value", "transaction", "id")}
TRANSACTION = re.compile(r'"(?:file=[^"]*,pos=\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?::\w+)?:\d+)"')
RUN = ("headers", "__debezium.context.runId")
# Milliseconds of 2025-01-01: the SQL of the cases has no later times of its own.
PAST = 1735689600000


def numbered(seen, found):
    return seen.setdefault(found, len(seen) + 1)


def is_schema(path):
    """Whether a converter with schemas puts one at this place of the record."""
    return path in (("key", "schema"), ("value", "schema")) or path[:1] == ("headers",) and path[2:] == ("schema",)


def unwrapped(path):
    """Where a member of the envelope stands that a transform has put beside the columns of a row or into a header."""
    name = path[1] if len(path) == 2 else ""
    if not name.startswith("__") or path == RUN:
        return path
    name = re.sub("^__(x_|h_)?(source_)?", "", name)
    return ("value", name[-5:]) if name.endswith(("ts_ms", "ts_us", "ts_ns")) else (*SOURCE, name)


def replacement(path, token, state):
    """What stands at this place of the record instead of the token."""
    if path[1:2] == ("payload",) and len(path) > 2:
        path = path[:1] + path[2:]
    if path == ("timestamp",) and int(token) >= PAST:
        return "0"
    path = unwrapped(path)
    if token == "null":
        return token
    if path in CLOCKS or path == (*SOURCE, "thread"):
        return "0"
    if path == (*SOURCE, "version"):
        return '"VERSION"'
    if path == (*SOURCE, "gtid") or path in TRANSACTIONS and TRANSACTION.fullmatch(token):
        return f'"GTID-{numbered(state["gtids"], token)}"'
    if path == (*SOURCE, "file"):
        state["file"] = token
        return '"FILE"'
    if path == (*SOURCE, "pos"):
        return str(numbered(state["positions"], (state["file"], token)))
    if path == RUN:
        return '"RUN-ID"'
    return token


def normalised(line, state):
    """One record. `stack` holds, for each open object, the member at hand, and None for an array."""
    parts, stack, name, schema = [], [], False, None
    for token in TOKEN.findall(line):
        if token == "{":
            if is_schema(tuple(stack)):
                schema = len(parts)
            stack.append("")
            name = True
        elif token == "[":
            stack.append(None)
            name = False
        elif token in "]}":
            stack.pop()
            if is_schema(tuple(stack)):
                text = "".join(parts[schema:])
                if text in state["schemas"]:
                    parts[schema:] = [f'"SCHEMA-{state["schemas"][text]}"']
                    continue
                numbered(state["schemas"], text)
        elif token == ",":
            name = bool(stack) and stack[-1] is not None
        elif token == ":":
            name = False
        elif name and token.startswith('"'):
            stack[-1] = token[1:-1]
        elif not token.isspace():
            token = replacement(tuple(stack), token, state)
        parts.append(token)
    return "".join(parts)


def main():
    sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    state = {"gtids": {}, "positions": {}, "schemas": {}, "file": None}
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(normalised(line, state))


if __name__ == "__main__":
    main()
