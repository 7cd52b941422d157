//! Tables and values of every type, from a seed: the same seed gives the same SQL everywhere.

use super::judge::Rule;

/// A column with the values that are tried in it, as SQL expressions.
pub(crate) struct Column {
    pub(crate) sql: String,
    pub(crate) rule: Rule,
    pub(crate) values: Vec<String>,
}

/// Columns `c0`, `c1`, … behind `id`.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<Column>,
}

/// What the server and the judge of a run can do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope {
    /// VECTOR: since MySQL 9.0.
    pub(crate) vectors: bool,
    /// Dates such as the 31st of February, which end Debezium's connector.
    pub(crate) impossible_dates: bool,
    /// Values of some 64 KiB and more, too large for a recorded file.
    pub(crate) large: bool,
}

/// The session that inserts.
pub(crate) const SESSION: &str = "SET NAMES utf8mb4; SET time_zone = '+00:00'; \
     SET sql_mode = 'ALLOW_INVALID_DATES,TIME_TRUNCATE_FRACTIONAL';";

/// A pseudo-random sequence (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    fn hex(&mut self, bytes: u64) -> String {
        (0..bytes)
            .map(|_| format!("{:02x}", self.below(256)))
            .collect()
    }

    fn text(&mut self, characters: u64) -> String {
        const SIGNS: [char; 14] = [
            'a',
            'Z',
            '9',
            ' ',
            '"',
            '\\',
            '\'',
            '\t',
            '\u{7f}',
            'é',
            '€',
            '한',
            '🐟',
            '\u{10ffff}',
        ];
        let signs = (0..characters).map(|_| SIGNS[self.below(14) as usize]);
        signs.collect()
    }
}

impl Column {
    fn new(sql: impl Into<String>, rule: Rule, values: Vec<String>) -> Column {
        Column {
            sql: sql.into(),
            rule,
            values,
        }
    }
}

impl Table {
    /// The statement that creates it.
    pub(crate) fn create(&self) -> String {
        let columns = self.columns.iter().enumerate();
        let columns: Vec<String> = columns
            .map(|(n, column)| format!("  c{n} {}", column.sql))
            .collect();
        format!(
            "CREATE TABLE {} (\n  id INT PRIMARY KEY,\n{}\n);",
            self.name,
            columns.join(",\n")
        )
    }

    /// Rows that have every value of every column, a row of NULLs where they are allowed, and an update that
    /// makes each row a before image too.
    pub(crate) fn fill(&self) -> String {
        let rows = self.columns.iter().map(|column| column.values.len()).max();
        let mut sql = String::new();
        for row in 0..rows.unwrap_or(0) {
            let values = self
                .columns
                .iter()
                .map(|column| column.values[row % column.values.len()].as_str());
            let values: Vec<&str> = values.collect();
            sql += &format!(
                "INSERT INTO {} VALUES ({row}, {});\n",
                self.name,
                values.join(", ")
            );
        }
        let nullable = !self
            .columns
            .iter()
            .any(|column| column.sql.contains("NOT NULL"));
        if nullable {
            let nulls = vec!["NULL"; self.columns.len()].join(", ");
            sql += &format!("INSERT INTO {} VALUES (-1, {nulls});\n", self.name);
        }
        sql
    }
}

/// All tables but those of charsets.
pub(crate) fn tables(seed: u64, scope: Scope) -> Vec<Table> {
    let mut random = Random::new(seed);
    let random = &mut random;
    let mut tables = vec![
        table("integers", integers(random)),
        table("decimals", decimals(random)),
        table("floats", floats(random)),
        table("bits", bits(random)),
        table("dates", dates(random, scope, "NULL")),
        table("required_dates", dates(random, scope, "NOT NULL")),
        table("times", times(random)),
        table("texts", texts(random)),
        table("bytes", bytes(random)),
        table("choices", choices(random)),
        table("documents", vec![documents(random), late_moments()]),
        table("shapes", shapes()),
    ];
    if scope.vectors {
        tables.push(table("vectors", vectors(random)));
    }
    if !scope.large {
        let large = ["65535", "65536", "70000", "17000", "16384", "i < 999"];
        let columns = tables.iter_mut().flat_map(|table| &mut table.columns);
        for column in columns.filter(|column| !column.sql.contains("INT")) {
            let is_large = |value: &String| {
                value.contains('(') && large.iter().any(|size| value.contains(size))
            };
            column.values.retain(|value| !is_large(value));
        }
    }
    tables
}

fn table(name: &'static str, columns: Vec<Column>) -> Table {
    Table { name, columns }
}

fn strings<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

fn integers(random: &mut Random) -> Vec<Column> {
    let mut columns = Vec::new();
    for (name, bits) in [
        ("TINYINT", 8),
        ("SMALLINT", 16),
        ("MEDIUMINT", 24),
        ("INT", 32),
        ("BIGINT", 64),
    ] {
        let top = 1_i128 << (bits - 1);
        let mut values = vec![-top, top - 1, 0, -1, 1, -top + 1, top - 2];
        let mut unsigned = vec![0, 1, top - 1, top, top + 1, 2 * top - 2, 2 * top - 1];
        for _ in 0..20 {
            let value = i128::from(random.bits()) & (2 * top - 1);
            unsigned.push(value);
            values.push(value - top);
        }
        columns.push(Column::new(name, Rule::Integer, strings(values)));
        let rule = if bits == 64 {
            Rule::WrappedInteger
        } else {
            Rule::Integer
        };
        columns.push(Column::new(
            format!("{name} UNSIGNED"),
            rule,
            strings(unsigned),
        ));
    }
    columns.push(Column::new(
        "INT(6) ZEROFILL",
        Rule::Integer,
        strings([0_u32, 7, 1_234_567, u32::MAX]),
    ));
    columns.push(Column::new(
        "BOOLEAN",
        Rule::Integer,
        strings(["TRUE", "FALSE", "2", "-128", "127"]),
    ));
    columns.push(Column::new(
        "YEAR",
        Rule::Integer,
        strings([0, 1901, 1970, 1999, 2000, 2024, 2155]),
    ));
    columns
}

fn decimals(random: &mut Random) -> Vec<Column> {
    let shapes = [
        (1, 0),
        (1, 1),
        (5, 2),
        (9, 0),
        (9, 9),
        (10, 2),
        (18, 9),
        (19, 0),
        (20, 10),
        (30, 30),
        (38, 19),
        (65, 0),
        (65, 30),
    ];
    let mut columns = Vec::new();
    for (precision, scale) in shapes {
        let number = |digits: String| {
            let (whole, fraction) = digits.split_at(precision - scale);
            format!("0{whole}.{fraction}")
        };
        let smallest = number(format!("{:0>precision$}", 1));
        let largest = number("9".repeat(precision));
        let mut values = vec![
            "0".to_owned(),
            largest.clone(),
            format!("-{largest}"),
            smallest.clone(),
            format!("-{smallest}"),
        ];
        for turn in 0..20 {
            let digits = (0..precision).map(|_| char::from(b'0' + random.below(10) as u8));
            let sign = if turn % 2 == 0 { "" } else { "-" };
            values.push(format!("{sign}{}", number(digits.collect())));
        }
        let sql = format!("DECIMAL({precision},{scale})");
        columns.push(Column::new(
            sql,
            Rule::Decimal { scale },
            values.iter().map(|value| format!("'{value}'")).collect(),
        ));
    }
    let values = strings(["0", "999.99", "0.01"]);
    columns.push(Column::new(
        "DECIMAL(5,2) UNSIGNED",
        Rule::Decimal { scale: 2 },
        values,
    ));
    columns
}

fn floats(random: &mut Random) -> Vec<Column> {
    let mut single = strings([
        "0",
        "-0.0e0",
        "1",
        "-1.5",
        "0.1",
        "3.402823466e38",
        "-3.402823466e38",
        "1.17549435e-38",
        "1e-45",
        "-2.8e-45",
        "9.8e-44",
        "16777216",
        "9999999",
        "1e7",
        "0.001",
        "0.00099999",
        "123456.789",
    ]);
    let mut double = strings([
        "0",
        "-0.0e0",
        "1",
        "-1.5",
        "0.1",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "2.2250738585072014e-308",
        "5e-324",
        "-1e-323",
        "9007199254740993",
        "9999999.999999998",
        "1e7",
        "0.001",
        "9.999999999999999e-4",
        "1e21",
        "123456789012345680000",
    ]);
    for _ in 0..40 {
        let value = f32::from_bits(random.bits() as u32);
        single.push(if value.is_finite() {
            format!("{value:e}")
        } else {
            "2".to_owned()
        });
        let value = f64::from_bits(random.bits());
        double.push(if value.is_finite() {
            format!("{value:e}")
        } else {
            "2".to_owned()
        });
    }
    let digits = strings(["0", "-999.9999", "0.1", "123.4567", "0.0001"]);
    vec![
        Column::new("FLOAT", Rule::Float, single),
        Column::new("DOUBLE", Rule::Double, double),
        Column::new("FLOAT(7,4)", Rule::Float, digits.clone()),
        Column::new("DOUBLE(20,10)", Rule::Double, digits.clone()),
        Column::new("FLOAT(30)", Rule::Double, digits),
    ]
}

fn bits(random: &mut Random) -> Vec<Column> {
    let column = |bits: u32| {
        let all = u64::MAX >> (64 - bits);
        let mut values = vec![0, all, 1, 1 << (bits - 1)];
        values.extend((0..4).map(|_| random.bits() & all));
        Column::new(format!("BIT({bits})"), Rule::Bit, strings(values))
    };
    [1, 2, 7, 8, 9, 16, 17, 33, 63, 64].map(column).into()
}

fn quoted(values: Vec<String>) -> Vec<String> {
    values.iter().map(|value| format!("'{value}'")).collect()
}

fn days(random: &mut Random, scope: Scope) -> Vec<String> {
    let mut days = strings([
        "1000-01-01",
        "9999-12-31",
        "1970-01-01",
        "1969-12-31",
        "2000-02-29",
        "1900-02-28",
        "1582-10-04",
        "1582-10-15",
        "0000-00-00",
        "2024-00-00",
        "2024-05-00",
        "2024-00-05",
        "0000-05-01",
        "0001-01-01",
        "0069-12-31",
        "0070-01-01",
        "0099-12-31",
        "0100-01-01",
    ]);
    if scope.impossible_dates {
        days.extend(strings(["2024-02-30", "2023-02-29", "2024-04-31"]));
    }
    for _ in 0..8 {
        let (year, month) = (1 + random.below(9999), 1 + random.below(12));
        days.push(format!("{year:04}-{month:02}-{:02}", 1 + random.below(28)));
    }
    days
}

fn dates(random: &mut Random, scope: Scope, null: &str) -> Vec<Column> {
    let days = days(random, scope);
    let clock = [
        "00:00:00.000000",
        "23:59:59.999999",
        "12:34:56.000001",
        "01:02:03.100000",
        "00:00:00.009999",
    ];
    let moments: Vec<String> = days
        .iter()
        .enumerate()
        .map(|(n, day)| format!("{day} {}", clock[n % clock.len()]))
        .collect();
    let mut stamps = strings([
        "1970-01-01 00:00:01.000000",
        "2038-01-19 03:14:07.999999",
        "0000-00-00 00:00:00",
        "2000-02-29 23:59:59.999999",
    ]);
    for _ in 0..8 {
        let hour = format!("{:02}:{:02}", random.below(24), random.below(60));
        stamps.push(format!(
            "{}-{:02}-{:02} {hour}:{:02}.{:06}",
            1971 + random.below(60),
            1 + random.below(12),
            1 + random.below(28),
            random.below(60),
            random.below(1_000_000)
        ));
    }
    let null_allowed = null == "NULL";
    let mut columns = vec![Column::new(
        format!("DATE {null}"),
        Rule::Date { null_allowed },
        quoted(days),
    )];
    for digits in 0..=6 {
        let rule = Rule::DateTime {
            digits,
            null_allowed,
        };
        let sql = format!("DATETIME({digits}) {null}");
        columns.push(Column::new(sql, rule, quoted(moments.clone())));
        let rule = Rule::Timestamp { null_allowed };
        let sql = format!("TIMESTAMP({digits}) {null}");
        columns.push(Column::new(sql, rule, quoted(stamps.clone())));
    }
    columns
}

fn times(random: &mut Random) -> Vec<Column> {
    let mut values = strings([
        "838:59:59",
        "-838:59:59",
        "838:59:58.999999",
        "-838:59:58.999999",
        "00:00:00",
        "00:00:00.000001",
        "-00:00:00.000001",
        "-00:00:01.000000",
        "23:59:59.999999",
        "24:00:00",
        "-01:02:03.400000",
    ]);
    for turn in 0..20 {
        values.push(format!(
            "{}{:02}:{:02}:{:02}.{:06}",
            if turn % 2 == 0 { "" } else { "-" },
            random.below(838),
            random.below(60),
            random.below(60),
            random.below(1_000_000)
        ));
    }
    let column = |digits: usize| {
        Column::new(
            format!("TIME({digits})"),
            Rule::Time,
            quoted(values.clone()),
        )
    };
    (0..=6).map(column).collect()
}

/// Text as a literal that no sql_mode changes.
fn literal(text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("_utf8mb4 x'{hex}'")
}

fn texts(random: &mut Random) -> Vec<Column> {
    let mut values = strings([
        "",
        "a",
        " ",
        "a  ",
        "  a",
        "\0",
        "\"\\/",
        "\r\n\t\u{8}\u{c}",
        "🐟",
    ]);
    values.push((1..32).map(char::from).take(20).collect());
    values.push("\u{7f}\u{80}\u{2028}\u{ffff}\u{10000}".to_owned());
    values.extend((0..8).map(|_| random.text(10)));
    let small: Vec<String> = values.iter().map(|value| literal(value)).collect();
    let column = |sql: &str, long: &str| {
        let mut values = small.clone();
        values.extend(long.split('|').filter(|l| !l.is_empty()).map(str::to_owned));
        Column::new(sql, Rule::Text, values)
    };
    vec![
        column("CHAR(20)", ""),
        column("CHAR(255)", "REPEAT(_utf8mb4 x'c3a9', 255)"),
        column("VARCHAR(20)", ""),
        column("VARCHAR(63)", "REPEAT('x', 63)"),
        column("VARCHAR(64)", "REPEAT(_utf8mb4 x'f09f909f', 64)"),
        column(
            "VARCHAR(300)",
            "REPEAT('x', 256)|REPEAT(_utf8mb4 x'ed959c', 300)",
        ),
        column("TINYTEXT", "REPEAT('x', 255)"),
        column("TEXT", "REPEAT('x', 256)|REPEAT('y', 65535)"),
        column("MEDIUMTEXT", "REPEAT('z', 65536)"),
        column("LONGTEXT", "REPEAT(_utf8mb4 x'f09f909f', 17000)"),
    ]
}

fn bytes(random: &mut Random) -> Vec<Column> {
    let mut small = strings(["", "00", "6100", "ff", "2000", "0000000000000001"]);
    small.extend((0..6).map(|_| {
        let length = 1 + random.below(8);
        random.hex(length)
    }));
    let small: Vec<String> = small.iter().map(|hex| format!("x'{hex}'")).collect();
    let column = |sql: &str, long: &str| {
        let mut values = small.clone();
        values.extend(long.split('|').filter(|l| !l.is_empty()).map(str::to_owned));
        Column::new(sql, Rule::Bytes, values)
    };
    vec![
        column("BINARY(8)", ""),
        column("BINARY(255)", "REPEAT(x'ab', 255)"),
        column("CHAR(9) CHARACTER SET binary", ""),
        column("VARBINARY(8)", ""),
        column("VARBINARY(255)", "REPEAT(x'00', 255)"),
        column("VARBINARY(256)", "REPEAT(x'ff', 256)"),
        column("TINYBLOB", "REPEAT(x'01', 255)"),
        column("BLOB", "REPEAT(x'02', 256)|REPEAT(x'03', 65535)"),
        column("MEDIUMBLOB", "REPEAT(x'04', 65536)"),
        column("LONGBLOB", "REPEAT(x'05', 70000)"),
    ]
}

fn choices(random: &mut Random) -> Vec<Column> {
    let many: Vec<String> = (1..=300).map(|n| format!("'label {n}'")).collect();
    let members: Vec<String> = (1..=64).map(|n| format!("'m{n}'")).collect();
    let mut sets = strings([0, 1, u64::MAX, 1 << 63, 5]);
    sets.extend((0..6).map(|_| random.bits().to_string()));
    vec![
        Column::new(
            "ENUM('a','b,c','d''e','é','🐟')",
            Rule::Text,
            strings(["1", "2", "3", "4", "5", "'nonsense'"]),
        ),
        Column::new(
            format!("ENUM({})", many.join(",")),
            Rule::Text,
            strings([1, 255, 256, 257, 300]),
        ),
        Column::new(
            "ENUM('größe','') CHARACTER SET latin1",
            Rule::Text,
            strings(["1", "2", "''", "'none'"]),
        ),
        Column::new(
            "SET('a','b c','é')",
            Rule::Text,
            strings(["0", "1", "7", "'b c,é'", "''"]),
        ),
        Column::new(format!("SET({})", members.join(",")), Rule::Text, sets),
    ]
}

fn documents(random: &mut Random) -> Column {
    let mut texts = strings([
        "null",
        "true",
        "false",
        "\"\"",
        "{}",
        "[]",
        "[[]]",
        "{\"a\":{}}",
        "\"text\"",
        "1.5",
        "-0.0",
        "1e100",
        "1e-10",
        "5e-324",
        "1.7976931348623157e308",
        "0.1",
        "123456789.125",
        "18446744073709551616",
        "[null,true,false,0,\"\"]",
    ]);
    let edges = [15, 16, 31, 32, 63, 64].map(|bits: u32| 1_i128 << bits);
    for edge in edges {
        texts.extend(strings([edge - 1, edge]));
        if edge <= 1 << 63 {
            texts.extend(strings([-edge]));
        }
    }
    texts.push(r#""quote \" back \\ slash / \b\f\n\r\t \u0001 \u007f é 한 🐟""#.to_owned());
    texts.push(r#"{"":1,"b":2,"a":3,"aa":4,"é":5,"\n":6}"#.to_owned());
    texts.push(format!("{}{}", "[".repeat(100), "]".repeat(100)));
    texts.push(format!("{}1{}", "{\"k\":".repeat(100), "}".repeat(100)));
    texts.extend((0..40).map(|_| document(random, 4)));
    let mut values: Vec<String> = texts.iter().map(|text| literal(text)).collect();
    values.extend(strings([
        "CAST(CAST('1.10' AS DECIMAL(10,2)) AS JSON)",
        "JSON_ARRAY(CAST('-99999999999999999999999999999999999.999999999999999999999999999999' AS DECIMAL(65,30)))",
        "JSON_ARRAY(CAST('0.000000000000000000000000000001' AS DECIMAL(30,30)), CAST(7 AS DECIMAL(65,0)))",
        "JSON_ARRAY(CAST('2024-02-29' AS DATE), CAST('12:34:56.5' AS TIME(6)), CAST('838:59:59' AS TIME))",
        "JSON_ARRAY(CAST('2024-02-29 12:34:56.250000' AS DATETIME(6)), CAST('1000-01-01' AS DATETIME))",
        "JSON_ARRAY(TIMESTAMP('2024-02-29 12:34:56'), CAST(2024 AS YEAR))",
        "JSON_ARRAY(x'DEADBEEF', CAST(x'00ff' AS BINARY(4)), CAST('' AS BINARY))",
        "CAST(x'00ff' AS JSON)",
        "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'))",
        "JSON_ARRAY(CAST(18446744073709551615 AS UNSIGNED), CAST(-9223372036854775808 AS SIGNED))",
        "JSON_OBJECT('long', REPEAT('x', 70000))",
        "JSON_OBJECT(REPEAT('k', 65535), 1, 'b', JSON_ARRAY(REPEAT('y', 127), REPEAT('z', 128), REPEAT('z', 16384)))",
        "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
         SELECT JSON_OBJECTAGG(CONCAT('key number ', i), JSON_ARRAY(i, i * 70000, -i, REPEAT('v', i % 99))) FROM n)",
    ]));
    Column::new("JSON", Rule::Json, values)
}

/// Of which Debezium makes something else.
fn late_moments() -> Column {
    let values = strings([
        "JSON_ARRAY(CAST('9999-12-31 23:59:59' AS DATETIME), CAST('9999-12-31' AS DATE))",
        "JSON_ARRAY(CAST('-01:02:03.5' AS TIME(6)), CAST('-838:59:59' AS TIME))",
        "JSON_ARRAY(CAST('-00:00:00.000001' AS TIME(6)))",
    ]);
    Column::new("JSON", Rule::Json, values)
}

/// A random document.
fn document(random: &mut Random, depth: u64) -> String {
    let kinds = if depth == 0 { 5 } else { 7 };
    match random.below(kinds) {
        0 => "null".to_owned(),
        1 => "true".to_owned(),
        2 => (random.bits() as i64 >> random.below(64)).to_string(),
        3 => {
            let value = f64::from_bits(random.bits());
            if value.is_finite() {
                format!("{value:e}")
            } else {
                "0.5".to_owned()
            }
        }
        4 => {
            let length = random.below(12);
            serde_json::to_string(&random.text(length)).unwrap()
        }
        5 => {
            let items: Vec<String> = (0..random.below(5))
                .map(|_| document(random, depth - 1))
                .collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let member = |n: u64| {
                format!(
                    "\"{n}{}\":{}",
                    "k".repeat(n as usize),
                    document(random, depth - 1)
                )
            };
            let members: Vec<String> = (0..4).map(member).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

fn shapes() -> Vec<Column> {
    let kinds = [
        ("POINT", "POINT(1.5 -2.25)|POINT(0 0)|POINT(1e300 -1e-300)"),
        (
            "LINESTRING",
            "LINESTRING(0 0,1 1)|LINESTRING(0 0,1 1,2 0,-3 5)",
        ),
        (
            "POLYGON",
            "POLYGON((0 0,0 4,4 4,4 0,0 0))|POLYGON((0 0,0 9,9 9,9 0,0 0),(1 1,1 2,2 2,2 1,1 1))",
        ),
        ("MULTIPOINT", "MULTIPOINT(0 0,1 1)"),
        ("MULTILINESTRING", "MULTILINESTRING((0 0,1 1),(2 2,3 3))"),
        (
            "MULTIPOLYGON",
            "MULTIPOLYGON(((0 0,0 1,1 1,0 0)),((5 5,5 6,6 6,5 5)))",
        ),
        (
            "GEOMETRYCOLLECTION",
            "GEOMETRYCOLLECTION EMPTY|GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1),GEOMETRYCOLLECTION(POINT(3 4)))",
        ),
    ];
    let mut any = Vec::new();
    let mut columns = Vec::new();
    for (kind, texts) in kinds {
        let mut values = Vec::new();
        for text in texts.split('|') {
            for srid in [0, 3857, 4326] {
                // Latitudes end at 90.
                if srid != 4326 || !text.contains("1e300") {
                    values.push(format!("ST_GeomFromText('{text}', {srid})"));
                }
            }
        }
        any.extend(values.iter().take(3).cloned());
        let rule = if kind == "POINT" {
            Rule::Point
        } else {
            Rule::Geometry
        };
        columns.push(Column::new(kind, rule, values));
    }
    columns.push(Column::new("GEOMETRY", Rule::Geometry, any));
    columns.push(Column::new(
        "POINT SRID 4326",
        Rule::Point,
        strings(["ST_GeomFromText('POINT(48.85 2.35)', 4326)"]),
    ));
    columns
}

fn vectors(random: &mut Random) -> Vec<Column> {
    let mut of = |dimensions: usize| {
        let values = (0..4).map(|_| {
            let numbers: Vec<String> = (0..dimensions)
                .map(|_| format!("{:e}", random.below(2000) as f32 / 7.0 - 100.0))
                .collect();
            format!("STRING_TO_VECTOR('[{}]')", numbers.join(","))
        });
        let values = values.collect();
        Column::new(format!("VECTOR({dimensions})"), Rule::Vector, values)
    };
    let mut columns: Vec<Column> = [1, 3, 100].into_iter().map(&mut of).collect();
    columns[0].values = strings([
        "STRING_TO_VECTOR('[1e38]')",
        "STRING_TO_VECTOR('[-1.5e-38]')",
        "STRING_TO_VECTOR('[0]')",
        "STRING_TO_VECTOR('[1e7]')",
    ]);
    columns
}
