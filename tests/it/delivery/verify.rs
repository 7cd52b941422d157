//! What must hold of the topics after a load, whatever happened meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::support::kafka::Record;

/// One record, reduced to what the checks look at.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) table: String,
    pub(crate) partition: i32,
    pub(crate) key: Vec<u8>,
    /// The row after the change; `None` where it is gone.
    pub(crate) row: Option<Value>,
    pub(crate) id: String,
}

/// Figures of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) records: usize,
    pub(crate) changes: usize,
    pub(crate) transactions: usize,
    pub(crate) duplicates: usize,
}

impl Seen {
    pub(crate) fn of(record: &Record) -> Seen {
        let header = |(name, value): &(String, Option<Vec<u8>>)| {
            (name == "__remora.id").then(|| String::from_utf8(value.clone().unwrap()).unwrap())
        };
        let value = record.value_json();
        let gone = value.is_null() || value["op"] == "d";
        Seen {
            table: record.topic.rsplit('.').next().unwrap().to_owned(),
            partition: record.partition,
            key: record.key.clone().unwrap(),
            row: (!gone).then(|| value["after"].clone()),
            id: record.headers.iter().find_map(header).expect("a change id"),
        }
    }
}

/// Checks records, given partition by partition in order of offset.
///
/// `tables`: each table's rows as the server has them. `truth`: rows per transaction, as another reader of the
/// binlog counts them. Gives the first thing that is wrong.
pub(crate) fn verify(
    seen: &[Seen],
    tables: &BTreeMap<String, BTreeSet<String>>,
    truth: &BTreeMap<String, u64>,
) -> Result<Report, String> {
    let mut folded: BTreeMap<String, HashMap<&[u8], &Value>> = BTreeMap::new();
    let mut rows: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut last: HashMap<(&str, i32), (u64, u64, u64)> = HashMap::new();
    let (mut ids, mut duplicates) = (BTreeSet::new(), 0);
    for record in seen {
        let table = folded.entry(record.table.clone()).or_default();
        match &record.row {
            Some(row) => _ = table.insert(&record.key, row),
            None => _ = table.remove(record.key.as_slice()),
        }
        if !ids.insert(record.id.as_str()) {
            duplicates += 1;
            continue;
        }
        let (group, order) = parse(&record.id)?;
        rows.entry(group.to_owned()).or_default().insert(order.1);
        let before = last.insert((&record.table, record.partition), order);
        if before.is_some_and(|before| before >= order) {
            return Err(format!("{} came first after {before:?}", record.id));
        }
    }
    for (group, count) in truth {
        let found = rows.get(group).map_or(0, BTreeSet::len) as u64;
        let complete = rows
            .get(group)
            .is_none_or(|r| r.iter().copied().eq(0..*count));
        if found != *count || !complete {
            return Err(format!(
                "transaction {group} has {count} rows and {found} came"
            ));
        }
    }
    if let Some(group) = rows.keys().find(|group| !truth.contains_key(*group)) {
        return Err(format!("transaction {group} is not in the binlog"));
    }
    for (table, server) in tables {
        let empty = HashMap::new();
        let ours = folded.get(table).unwrap_or(&empty).values();
        let ours: BTreeSet<String> = ours.map(|row| row.to_string()).collect();
        if ours != *server {
            let (more, less) = (
                ours.difference(server).count(),
                server.difference(&ours).count(),
            );
            return Err(format!(
                "{table}: {more} rows too many or other, {less} missing"
            ));
        }
    }
    Ok(Report {
        records: seen.len(),
        changes: ids.len(),
        transactions: rows.len(),
        duplicates,
    })
}

/// `group/row/part`, and its order: number of the group, row, part.
fn parse(id: &str) -> Result<(&str, (u64, u64, u64)), String> {
    let bad = || format!("{id} is no change id");
    let mut parts = id.rsplitn(3, '/');
    let mut next = || parts.next().ok_or_else(bad);
    let (part, row, group) = (next()?, next()?, next()?);
    let number = |text: &str| text.parse::<u64>().map_err(|_| bad());
    let (file, last) = group.rsplit_once(':').ok_or_else(bad)?;
    // Without GTIDs the group is file:offset, and files count up.
    let file = file
        .rsplit('.')
        .next()
        .and_then(|n| n.parse::<u64>().ok())
        .unwrap_or(0);
    Ok((
        group,
        ((file << 40) + number(last)?, number(row)?, number(part)?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: &str, key: &str, row: Option<i64>) -> Seen {
        let (table, key) = ("t".to_owned(), key.as_bytes().to_vec());
        let row = row.map(|v| serde_json::json!({ "v": v }));
        Seen {
            table,
            partition: 0,
            key,
            row,
            id: id.to_owned(),
        }
    }

    fn check(seen: &[Seen], rows: &[i64], truth: &[(&str, u64)]) -> Result<Report, String> {
        let rows = rows.iter().map(|v| format!("{{\"v\":{v}}}")).collect();
        let tables = [("t".to_owned(), rows)].into();
        verify(
            seen,
            &tables,
            &truth.iter().map(|(g, n)| ((*g).to_owned(), *n)).collect(),
        )
    }

    #[test]
    fn a_good_run_passes_and_every_fault_is_noticed() {
        let good = [
            seen("u:1/0/0", "a", Some(1)),
            seen("u:1/1/0", "b", Some(2)),
            seen("u:2/0/0", "a", Some(3)),
        ];
        let truth = [("u:1", 2), ("u:2", 1)];
        assert_eq!(check(&good, &[2, 3], &truth).unwrap().duplicates, 0);
        let replayed = [&good[..2], &good[..]].concat();
        assert_eq!(check(&replayed, &[2, 3], &truth).unwrap().duplicates, 2);

        let missing = check(&good[1..], &[2, 3], &truth).unwrap_err();
        assert!(missing.contains("u:1 has 2 rows"), "{missing}");
        let swapped = [good[0].clone(), good[2].clone(), good[1].clone()];
        assert!(
            check(&swapped, &[2, 3], &truth)
                .unwrap_err()
                .contains("came first after")
        );
        assert!(
            check(&good, &[2, 4], &truth)
                .unwrap_err()
                .contains("1 missing")
        );
        let unknown = check(&good, &[2, 3], &truth[..1]).unwrap_err();
        assert!(unknown.contains("not in the binlog"), "{unknown}");
        let lost = check(&good, &[2, 3], &[("u:1", 2), ("u:2", 1), ("u:3", 1)]).unwrap_err();
        assert!(lost.contains("u:3"), "{lost}");
        let stale = [&good[..], &good[..1]].concat();
        assert!(check(&stale, &[2, 3], &truth).is_err());
    }
}
