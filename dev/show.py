"""Shows change records to a person: show.py lines|summary|full, standard input to standard output.

    lines     from the sink `stdout` (one JSON object a line: topic, key, value, headers; other lines are left out) to
              topic, key and value parted by tabs, which the other two read
    summary   one short line a record: topic, operation, key, the columns before and after
    full      the last update, with every field
"""
import json
import shutil
import sys

OPERATIONS = {"c": "create", "u": "update", "d": "delete", "r": "read", "t": "truncate"}


def lines():
    for line in sys.stdin:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "topic" in record and "value" in record:
            print(record["topic"], compact(record.get("key")), compact(record["value"]), sep="\t")


def compact(part):
    return json.dumps(part, ensure_ascii=False, separators=(",", ":"))


def records():
    for line in sys.stdin:
        topic, key, value = line.rstrip("\n").split("\t")
        yield topic, json.loads(key), json.loads(value)


def row(columns):
    return "-" if columns is None else ", ".join(f"{name}={compact(cell)}" for name, cell in columns.items())


def summary():
    width = shutil.get_terminal_size((160, 0)).columns
    for topic, key, value in records():
        if value is None:
            text = f"{topic:<16} tombstone {compact(key)}"
        else:
            operation = OPERATIONS.get(value["op"], value["op"])
            text = f"{topic:<16} {operation:<9} {compact(key)}  {row(value['before'])}  ->  {row(value['after'])}"
        print(text if len(text) <= width else text[: width - 1] + "…")


def full():
    found = [record for record in records() if record[2] and record[2]["op"] == "u"]
    topic, key, value = found[-1]
    print(json.dumps({"topic": topic, "key": key, "value": value}, ensure_ascii=False, indent=2))


def main():
    modes = {"lines": lines, "summary": summary, "full": full}
    if len(sys.argv) != 2 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")
    modes[sys.argv[1]]()


if __name__ == "__main__":
    main()
