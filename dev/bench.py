"""The parts of dev/bench that are easier in Python: the workloads as SQL, the machine, the table of the figures.

    bench.py schema                            SQL on standard output, deterministic: the drain's table and a touch of it
    bench.py load INSERTS UPDATES              the drain's rows
    bench.py shapes                            names of the shapes of rows, a line each
    bench.py growth TABLES                     names of the shapes that grow one thing, with at most so many tables
    bench.py shape-schema NAME                 SQL: the shape's tables, empty
    bench.py shape-load NAME BYTES             SQL: its rows, about so many bytes of binlog
    bench.py tables COUNT                      SQL: database `many` with so many tables
    bench.py machine COMMAND KEY=VALUE...      one JSON line: the machine, the versions, the command
    bench.py table FILE                        medians of the lines of a run, and ratios
"""

import json
import os
import platform
import random
import re
import statistics
import sys

COLUMNS = (
    "id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, "
    "ts TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), amount DECIMAL(12,2) NOT NULL"
)
ROWS_PER_INSERT, ROWS_PER_UPDATE = 100, 1000


def load(inserts, updates):
    rng = random.Random(20)
    digits = lambda length: "".join(rng.choices("0123456789-", k=length))
    texts = [(digits(119), digits(59)) for _ in range(3000)]
    print("USE bench;")
    for start in range(0, inserts, ROWS_PER_INSERT):
        rows = []
        for _ in range(min(ROWS_PER_INSERT, inserts - start)):
            c, pad = rng.choice(texts)
            rows.append(f"({rng.getrandbits(31)},'{c}','{pad}',{rng.randrange(10**8) / 100:.2f})")
        print(f"INSERT INTO sbtest1 (k, c, pad, amount) VALUES {','.join(rows)};")
    for start in range(0, updates, ROWS_PER_UPDATE):
        last = min(start + ROWS_PER_UPDATE, updates)
        print(f"UPDATE sbtest1 SET k = k + 1, amount = amount + 1.5 WHERE id BETWEEN {start + 1} AND {last};")


# HEX32(x) stands for 32 digits that differ with x: MySQL 9.6 lost MD5().
HEX32 = (re.compile(r"HEX32\(([^()]*)\)"), r"LEFT(SHA2(\1, 224), 32)")


# Columns of the wide shape, over and over: type, and a value that differs from row to row (`n` is the row's number).
MIXED = (
    ("INT", "n * {i}"),
    ("BIGINT UNSIGNED", "n * 1000003 + {i}"),
    ("VARCHAR(32)", "LEFT(HEX32(n + {i}), 20)"),
    ("DECIMAL(10,2)", "(n * {i}) % 10000000 / 100"),
    ("DATETIME(3)", "TIMESTAMP'2020-01-01 00:00:00' + INTERVAL n + {i} SECOND"),
    ("TINYINT", "(n + {i}) % 128"),
    ("DOUBLE", "SQRT(n + {i})"),
    ("DATE", "DATE'2020-01-01' + INTERVAL (n + {i}) % 1000 DAY"),
    ("ENUM('new','paid','sent')", "1 + (n + {i}) % 3"),
    ("TIMESTAMP", "IF((n + {i}) % 4 = 0, NULL, TIMESTAMP'2020-01-01 00:00:00' + INTERVAL n SECOND)"),
)
DOCUMENT = (
    "JSON_OBJECT('order', n, 'customer', JSON_OBJECT('name', HEX32(n), 'vip', n % 2 = 0, 'score', n / 7), 'lines', "
    "JSON_ARRAY(JSON_OBJECT('sku', LEFT(HEX32(n + 1), 12), 'count', n % 9, 'price', n % 1000 / 100e0), "
    "JSON_OBJECT('sku', LEFT(HEX32(n + 2), 12), 'count', n % 5, 'price', n % 777 / 100e0)), 'note', NULL)"
)
PRECISE = (
    ("DECIMAL(10,2)", "n % 10000000 / 100"),
    ("DECIMAL(18,4)", "-n * 1000003 / 10000"),
    ("DECIMAL(38,10)", "n * 12345678901234567.0123456789"),
    ("DATE", "DATE'2020-01-01' + INTERVAL n % 1000 DAY"),
    ("TIME(3)", "SEC_TO_TIME(n % 86400 + 0.125)"),
    ("DATETIME(6)", "TIMESTAMP'2020-01-01 00:00:00.123456' + INTERVAL n SECOND"),
    ("TIMESTAMP(6)", "TIMESTAMP'2020-01-01 00:00:00.654321' + INTERVAL n SECOND"),
    ("YEAR", "1990 + n % 100"),
)

# Name: columns beside the id, about how many bytes a row has in the binlog.
SHAPES = {
    "narrow": ((("INT", "n"),), 9),
    "sbtest": (
        (
            ("INT NOT NULL", "n * 7919 % 2147483647"),
            ("CHAR(120) NOT NULL", "RPAD(CONCAT(HEX32(n), HEX32(n + 1), HEX32(n + 2)), 119, '-')"),
            ("CHAR(60) NOT NULL", "RPAD(HEX32(n + 3), 59, '-')"),
            ("TIMESTAMP(6) NOT NULL", "TIMESTAMP'2020-01-01 00:00:00.654321' + INTERVAL n SECOND"),
            ("DECIMAL(12,2) NOT NULL", "n % 10000000 / 100"),
        ),
        203,
    ),
    "wide": (tuple((kind, value.format(i=i)) for i in range(20) for kind, value in MIXED), 1500),
    "json": ((("JSON", DOCUMENT),), 330),
    "blob": ((("BLOB", "REPEAT(UNHEX(HEX32(n)), 128)"),), 2060),
    "latin1": ((("TEXT CHARACTER SET latin1", "REPEAT(CONCAT(LEFT(HEX32(n), 15), 'é'), 32)"),), 520),
    "decimal": (PRECISE, 62),
}
# What grows while the rest stays: the names say how far.
GROWTH = {
    **{f"columns-{n}": ((("INT", "n"),) * n, 5 + 4 * n + n // 8) for n in (1, 10, 50, 200)},
    **{f"value-{n}": ((("MEDIUMTEXT", f"RPAD(HEX32(n), {n}, '-')"),), n + 12) for n in (100, 1000, 10000, 100000)},
    **{f"transaction-{n}": ((("CHAR(100)", "RPAD(HEX32(n), 100, '-')"),), 130 + 400 // n) for n in (1, 10, 1000, 100000)},
    **{f"tables-{n}": ((("CHAR(100)", "RPAD(HEX32(n), 100, '-')"),), 170) for n in (1, 100, 1000, 10000)},
}
# Rows of the table of numbers: as many can be in one transaction.
NUMBERS = 100_000


def growth(tables):
    return [name for name in GROWTH if not name.startswith("tables-") or grown(name, "tables") <= tables]


def grown(name, what, otherwise=1):
    found = re.fullmatch(rf"{what}-(\d+)", name)
    return int(found[1]) if found else otherwise


def shape_schema(name):
    columns, _ = {**SHAPES, **GROWTH}[name]
    listed = ", ".join(f"c{i} {kind}" for i, (kind, _) in enumerate(columns))
    print(
        "SET sql_log_bin = 0; SET cte_max_recursion_depth = 1000000; CREATE DATABASE IF NOT EXISTS shapes; USE shapes; "
        "CREATE TABLE IF NOT EXISTS numbers (n INT PRIMARY KEY); INSERT IGNORE INTO numbers WITH RECURSIVE r(n) AS "
        f"(SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n + 1 < {NUMBERS}) SELECT n FROM r;"
    )
    for table in range(grown(name, "tables")):
        print(f"CREATE TABLE t{table} (id INT PRIMARY KEY, {listed});")


def shape_load(name, size):
    columns, row_bytes = {**SHAPES, **GROWTH}[name]
    tables = grown(name, "tables")
    rows = max(30, size // row_bytes)
    per_statement = grown(name, "transaction", 10 if name.startswith("tables-") else 1000)
    if name.startswith("tables-"):
        # Each table comes by, and the same rows in the same statements whatever their number.
        rows = max(rows, tables * per_statement)
    print("USE shapes;")
    for number, start in enumerate(range(0, rows, per_statement)):
        count = min(per_statement, rows - start)
        values = HEX32[0].sub(HEX32[1], ", ".join(value for _, value in columns))
        print(
            f"INSERT INTO t{number % tables} SELECT n, {values} FROM (SELECT n + {start} n FROM numbers "
            f"WHERE n < {count}) numbered;"
        )
    if name == "sbtest":
        for start in range(0, rows // 2, ROWS_PER_UPDATE):
            last = min(start + ROWS_PER_UPDATE, rows // 2)
            print(f"UPDATE t0 SET c0 = c0 + 1, c4 = c4 + 1.5 WHERE id >= {start} AND id < {last};")
    if size < 1_000_000 and tables == 1:
        # A recorded sample has deletes too.
        print("DELETE FROM t0 WHERE id < 5;")


def many(count):
    print("CREATE DATABASE many; USE many;")
    for table in range(count):
        print(f"CREATE TABLE t{table} (id INT PRIMARY KEY, v VARCHAR(20));")
    print("INSERT INTO t0 VALUES (0, 'first');")


def machine(command, settings):
    def field(path, pattern):
        with open(path) as file:
            found = re.search(pattern, file.read())
        return found[1].strip() if found else None

    line = {
        "measure": "machine",
        "cores": os.cpu_count(),
        "memory_gb": round(int(field("/proc/meminfo", r"MemTotal:\s*(\d+)")) / 2**20, 1),
        "cpu": field("/proc/cpuinfo", r"model name\s*:(.*)"),
        "kernel": platform.release(),
        "system": field("/etc/os-release", r'PRETTY_NAME="(.*)"'),
        **dict(setting.split("=", 1) for setting in settings),
        "command": command,
    }
    print(json.dumps(line))


# What the table shows of each measure, in this order, where a line has it: key, heading, digits behind the point.
SHOWN = (
    ("rows_per_s", "rows/s", 0),
    ("binlog_mb_per_s", "binlog MB/s", 0),
    ("json_mb_per_s", "JSON MB/s", 0),
    ("framing_mb_per_s", "framing MB/s", 0),
    ("encode_rows_per_s", "w/o framing", 0),
    ("records_per_s", "records/s", 0),
    ("seconds", "seconds", 2),
    ("cpu_s", "CPU s", 1),
    ("commits_per_s", "commits/s", 0),
    ("p50_ms", "p50 ms", 2),
    ("p99_ms", "p99 ms", 2),
    ("p999_ms", "p99.9 ms", 2),
    ("logged_p50_ms", "logged p50", 2),
    ("logged_p99_ms", "logged p99", 2),
    ("first_ms", "first ms", 0),
    ("peak_rss_mb", "peak MB", 0),
    ("rss_slope_kb", "KB/M rows", 0),
)


def table(path):
    runs = {}
    with open(path) as file:
        for line in file:
            figure = json.loads(line)
            if figure["measure"] != "machine":
                runs.setdefault(figure["measure"], {}).setdefault(figure["name"], []).append(figure)
    for measure, names in runs.items():
        medians = {name: median(figures) for name, figures in names.items()}
        shown = [(key, *rest) for key, *rest in SHOWN if any(key in m for m in medians.values())]
        print(f"\n{measure} (median of {max(len(figures) for figures in names.values())})")
        print(f"{'':<24}" + "".join(f"{heading:>13}" for _, heading, _ in shown))
        for name, m in medians.items():
            cells = (f"{m[key]:>13,.{digits}f}" if m.get(key) is not None else f"{'':>13}" for key, _, digits in shown)
            print(f"{name:<24}" + "".join(cells))
        ratios(names)
        threads(names)


def median(figures):
    keys = [key for key, _, _ in SHOWN if any(figure.get(key) is not None for figure in figures)]
    return {key: statistics.median(f[key] for f in figures if f.get(key) is not None) for key in keys}


def ratios(names):
    """Ratios of figures of the same round: from one quarter of an hour to the next the machine differs too much."""
    ours = names.get("remora", [])

    def ratio(theirs, key):
        pairs = [(a[key], b[key]) for a, b in zip(ours, theirs) if a.get(key) and b.get(key)]
        return statistics.median(a / b for a, b in pairs) if pairs else None

    for other in ("bare", "debezium-tuned", "debezium"):
        theirs = names.get(other, [])
        rate, cpu, memory = (ratio(theirs, key) for key in ("records_per_s", "cpu_s", "peak_rss_mb"))
        if rate and cpu and memory:
            print(
                f"remora to {other}, median of the rounds' ratios: {rate:.2f} times the records a second, "
                f"1/{1 / cpu:.1f} of the CPU seconds, 1/{1 / memory:.1f} of the memory"
            )


def threads(names):
    for name, figures in names.items():
        found = {}
        for figure in figures:
            for thread, seconds in figure.get("threads", {}).items():
                found.setdefault(thread, []).append(seconds)
        if found:
            listed = sorted(((statistics.median(s), thread) for thread, s in found.items()), reverse=True)
            print(f"threads of {name}, CPU s: " + ", ".join(f"{thread} {seconds:.1f}" for seconds, thread in listed))


def main(arguments):
    match arguments:
        case ["schema"]:
            print(f"CREATE DATABASE bench; CREATE TABLE bench.sbtest1 ({COLUMNS});")
        case ["load", inserts, updates]:
            load(int(inserts), int(updates))
        case ["shapes"]:
            print("\n".join(SHAPES))
        case ["growth", tables]:
            print("\n".join(growth(int(tables))))
        case ["shape-schema", name]:
            shape_schema(name)
        case ["shape-load", name, size]:
            shape_load(name, int(size))
        case ["tables", count]:
            many(int(count))
        case ["machine", command, *settings]:
            machine(command, settings)
        case ["table", path]:
            table(path)
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
