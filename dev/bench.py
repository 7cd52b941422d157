"""The parts of dev/bench that are easier in Python: the workload as SQL, the measure, the table.

    bench.py schema | touch | load INSERTS UPDATES      SQL on standard output; deterministic
    bench.py drain BROKERS TOPIC RECORDS PID NAME       waits until RECORDS more are in partition 0; one JSON line
    bench.py table FILE                                 medians of those lines, and the ratio
"""

import json
import os
import random
import statistics
import sys
import time

COLUMNS = (
    "id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, "
    "ts TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), amount DECIMAL(12,2) NOT NULL"
)


def load(inserts, updates, per_insert=100, per_update=1000):
    rng = random.Random(20)
    digits = lambda length: "".join(rng.choices("0123456789-", k=length))
    texts = [(digits(119), digits(59)) for _ in range(3000)]
    print("USE bench;")
    for start in range(0, inserts, per_insert):
        rows = []
        for _ in range(min(per_insert, inserts - start)):
            c, pad = rng.choice(texts)
            rows.append(f"({rng.getrandbits(31)},'{c}','{pad}',{rng.randrange(10**8) / 100:.2f})")
        print(f"INSERT INTO sbtest1 (k, c, pad, amount) VALUES {','.join(rows)};")
    for start in range(0, updates, per_update):
        last = min(start + per_update, updates)
        print(f"UPDATE sbtest1 SET k = k + 1, amount = amount + 1.5 WHERE id BETWEEN {start + 1} AND {last};")


def drain(brokers, topic, records, pid, name, limit=600):
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bench", "log_level": 0})
    began, base, high, first = time.monotonic(), None, 0, None
    while base is None or high < base + records:
        if time.monotonic() - began > limit:
            sys.exit(f"{name}: only {high - (base or 0)} of {records} records after {limit} s")
        try:
            high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=5, cached=False)[1]
        except KafkaException:
            high = 0
        # A topic that is not there yet is empty.
        base = high if base is None else base
        if first is None and high > base:
            first = (time.monotonic(), high)
        time.sleep(0.02)
    seconds = time.monotonic() - first[0]
    ticks = os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    figure = {
        "name": name,
        "records_per_s": round((high - first[1]) / seconds),
        "seconds": round(time.monotonic() - began, 2),
        "cpu_s": (int(fields[11]) + int(fields[12])) / ticks,
        "peak_rss_mb": peak // 1024,
    }
    print(json.dumps(figure), flush=True)


def table(path):
    runs = {}
    for line in open(path):
        figure = json.loads(line)
        runs.setdefault(figure.pop("name"), []).append(figure)
    medians = {name: {k: statistics.median(f[k] for f in figures) for k in figures[0]} for name, figures in runs.items()}
    print(f"\n{'median of ' + str(len(next(iter(runs.values())))) + ' rounds':<20}{'records/s':>12}{'CPU s':>8}{'peak MB':>9}")
    for name, m in medians.items():
        print(f"{name:<20}{m['records_per_s']:>12.0f}{m['cpu_s']:>8.1f}{m['peak_rss_mb']:>9.0f}")
    if len(medians) == 2:
        ours, theirs = medians["remora"], medians["debezium"]
        faster, smaller = ours["records_per_s"] / theirs["records_per_s"], theirs["peak_rss_mb"] / ours["peak_rss_mb"]
        print(f"remora: {faster:.1f} times the records a second in 1/{smaller:.0f} of the memory")


def main(arguments):
    match arguments:
        case ["schema"]:
            print(f"CREATE DATABASE bench; CREATE TABLE bench.sbtest1 ({COLUMNS}); CREATE TABLE bench.touched (id INT PRIMARY KEY);")
        case ["touch"]:
            print("INSERT INTO bench.touched VALUES (1);")
        case ["load", inserts, updates]:
            load(int(inserts), int(updates))
        case ["drain", brokers, topic, records, pid, name]:
            drain(brokers, topic, int(records), int(pid), name)
        case ["table", path]:
            table(path)
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
