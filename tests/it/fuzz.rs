//! Bytes that nobody writes: the inputs that the fuzzer kept, and damage of every kind in what real servers wrote.
//!
//! Nothing here can pass by doing nothing: each target's own rules are checked inside it (see `remora::fuzzing`).

use std::fs;
use std::path::PathBuf;

use remora::event::Payload;
use remora::fuzzing::{TARGETS, Target, find};
use remora::position::GtidSet;
use remora::source::payload::{Inflater, Limits};

use crate::binlogs::{read, recorded};
use crate::support::root;

fn target(name: &str) -> &'static Target {
    find(name).unwrap()
}

/// Every recorded file's bytes.
fn logs() -> Vec<Vec<u8>> {
    let folder = root().join("tests/data/binlogs");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Seeds of a target, without repeats.
fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = logs().iter().flat_map(|log| (target.seeds)(log)).collect();
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Cuts the seed at each byte, and sets each byte to each of a few values.
fn damage(target: &Target, seed: &[u8]) -> usize {
    let mut runs = 0;
    let mut run = |bytes: &[u8]| {
        (target.run)(bytes);
        runs += 1;
    };
    run(seed);
    for at in 0..seed.len() {
        run(&seed[..at]);
        let mut damaged = seed.to_vec();
        for value in [0, 1, 0x7f, 0x80, 0xfb, 0xfc, 0xfe, 0xff] {
            damaged[at] = value;
            run(&damaged);
        }
    }
    runs
}

#[test]
fn what_the_fuzzer_kept_still_passes() {
    let corpus = root().join("fuzz/corpus");
    for target in TARGETS {
        let name = target.name;
        let text = fs::read_to_string(corpus.join(format!("{name}.hex"))).unwrap();
        for line in text.lines() {
            (target.run)(&bytes(line));
        }
        println!("{name}: {} inputs", text.lines().count());
        assert!(!text.is_empty(), "{name}");
    }
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(find(name).is_some(), "no target has the name of {name}");
    }
}

/// What a line of hexadecimal digits says.
fn bytes(line: &str) -> Vec<u8> {
    let digit = |sign: &u8| u8::try_from((*sign as char).to_digit(16).unwrap()).unwrap();
    let pairs = line.as_bytes().chunks(2);
    pairs
        .map(|pair| digit(&pair[0]) << 4 | digit(&pair[1]))
        .collect()
}

/// Truncated, lying in a count, a size or a bitmap, without a TABLE_MAP: an error, never a panic or a read beyond the end.
#[test]
fn f54_malformed_events() {
    for name in ["event", "table_map", "rows"] {
        let seeds = seeds(target(name));
        let runs: usize = seeds
            .iter()
            .map(|seed| damage(target(name), &seed[..seed.len().min(400)]))
            .sum();
        println!("{name}: {} seeds, {runs} inputs", seeds.len());
        assert!(runs > 2_000, "{name}");
    }
    // Whole files, one event missing, or out of its place: the ledger has every byte, and nothing panics.
    let stream = target("stream");
    let mut runs = 0;
    for log in logs() {
        let parts = events(&(stream.seeds)(&log).concat());
        for skipped in 0..parts.len() {
            let mut left = parts.clone();
            let moved = left.remove(skipped);
            (stream.run)(&left.concat());
            left.push(moved);
            (stream.run)(&left.concat());
            runs += 2;
        }
    }
    println!("stream: {runs} inputs");
    assert!(runs > 500);
}

/// The parts of the target `stream`'s input.
fn events(input: &[u8]) -> Vec<Vec<u8>> {
    let (mut parts, mut rest) = (Vec::new(), input);
    while rest.len() >= 4 {
        let length = 4 + usize::from(u16::from_le_bytes([rest[2], rest[3]]));
        let (part, after) = rest.split_at(length.min(rest.len()));
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

/// A damaged payload, with a checksum that fits: an error at its place, or the same records; never a part in silence.
#[test]
fn f23_damaged_compressed_transactions() {
    let log = fs::read(recorded("compressed")).unwrap();
    let (whole, _) = read(vec![recorded("compressed")]);
    let start = payload_at(&log);
    let end = start + u32::from_le_bytes(log[start + 9..start + 13].try_into().unwrap()) as usize;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.binlog");
    let (mut errors, mut same) = (0, 0);
    for at in start + 19..end - 4 {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = log.clone();
            damaged[at] ^= flip;
            let crc = crc32fast::hash(&damaged[start..end - 4]).to_le_bytes();
            damaged[end - 4..end].copy_from_slice(&crc);
            fs::write(&path, &damaged).unwrap();
            let (values, report) = read(vec![path.clone()]);
            match report.failure {
                Some(failure) => {
                    let said = failure.to_string();
                    assert!(said.contains("damaged.binlog:"), "byte {at}: {said}");
                    assert!(values.len() < whole.len(), "byte {at}");
                    errors += 1;
                }
                // The bytes have no checksum of their own inside: values may differ, their number may not.
                None => {
                    assert_eq!(values.len(), whole.len(), "byte {at}");
                    same += 1;
                }
            }
        }
    }
    println!("{errors} errors, {same} read to the end");
    assert!(errors > 500);
    let _ = damage(target("payload"), &seeds(target("payload"))[0]);
}

/// A little that inflates to much more than it says: given up as soon as it says so.
#[test]
fn f23_compression_bombs() {
    let limits = Limits {
        event_bytes_max: 1 << 20,
        transaction_bytes_max: 1 << 30,
    };
    let zeros = zstd::stream::encode_all(&vec![0; 64 << 20][..], 3).unwrap();
    let mut event = vec![0; 64 << 20];
    event[9..13].copy_from_slice(&(64u32 << 20).to_le_bytes());
    let large = zstd::stream::encode_all(&event[..], 3).unwrap();
    assert!(zeros.len() < 10_000 && large.len() < 10_000);
    let check = |bytes: &[u8], inflated_bytes: u64, words: &str| {
        let payload = Payload {
            compressed: true,
            inflated_bytes,
            bytes,
        };
        let mut buffer = Vec::new();
        let result = Inflater::new(&payload, limits)
            .and_then(|mut inflater| inflater.next_event(&mut buffer));
        let said = result.unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
        assert!(
            buffer.capacity() <= 2 << 20,
            "{} bytes were taken for it",
            buffer.capacity()
        );
    };
    check(&zeros, 1 << 10, "an event of 0 bytes");
    check(&large, 64 << 20, "an event of 67108864 bytes");
    check(&large, 1 << 40, "exceeds the limit");
    check(&large, u64::MAX, "exceeds the limit");
}

fn payload_at(log: &[u8]) -> usize {
    let mut at = 4;
    while log[at + 4] != 40 {
        at += u32::from_le_bytes(log[at + 9..at + 13].try_into().unwrap()) as usize;
    }
    at
}

/// Offsets outside of the document, huge counts, deep nesting: an error in bounded time and memory.
#[test]
fn f55_malformed_json_documents() {
    let json = target("jsonb");
    let deep = |depth: usize| {
        // Each level is an array of one element whose offset points behind its own head.
        let mut document = vec![0x02];
        for level in 1..=depth {
            let left = u16::try_from((depth - level) * 7 + 7 + 2).unwrap_or(u16::MAX);
            let kind = if level == depth { 0x05 } else { 0x02 };
            document.extend_from_slice(&[1, 0]);
            document.extend_from_slice(&left.to_le_bytes());
            document.extend_from_slice(&[kind, 7, 0]);
        }
        document.extend_from_slice(&[0, 0]);
        document
    };
    for depth in [1, 50, 100, 101, 200, 5000] {
        (json.run)(&deep(depth));
    }
    let mut out = Vec::new();
    assert!(remora::decode::jsonb::write_json(&mut out, &deep(50)).is_ok());
    assert!(
        remora::decode::jsonb::write_json(&mut out, &deep(200)).is_err(),
        "deeper than MySQL allows"
    );
    let mut seeds = seeds(json);
    assert!(seeds.len() >= 3, "documents of real servers");
    for absurd in [
        &b"\x02\xff\xff\xff\xff"[..],
        b"\x03\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x0c\xff\xff\xff\xff\xffx",
        b"\x0f\xf6\x08\x0d\x02\x80\x00\x00\x00\x01\x00",
    ] {
        seeds.push(absurd.to_vec());
    }
    let runs: usize = seeds.iter().map(|seed| damage(json, seed)).sum();
    println!("{runs} documents");
    assert!(runs > 300);
}

/// Sets that claim more servers or intervals than they have bytes: an error before anything is allocated for them.
#[test]
fn f56_absurd_counts_of_gtids() {
    let header = |count: u64| count.to_le_bytes();
    let uuid = [0x3e; 16];
    let absurd: [Vec<u8>; 6] = [
        header(u64::MAX).to_vec(),
        header((1 << 48) - 1).to_vec(),
        [&header(1)[..], &uuid, &header(u64::MAX)].concat(),
        // The tagged form: the count in the middle, a tag longer than any.
        header((1 << 56) | (u64::MAX >> 16 << 8) | 1).to_vec(),
        [&header((1 << 56) | (1 << 8) | 1)[..], &uuid, &[0xff; 9]].concat(),
        [
            &header((1 << 56) | (1 << 8) | 1)[..],
            &uuid,
            &[80],
            &[b'a'; 40],
        ]
        .concat(),
    ];
    for bytes in &absurd {
        assert!(GtidSet::decode(bytes).is_err(), "{bytes:?}");
        (target("gtid_set").run)(bytes);
    }
    // Numbers at the end of their range.
    let ends = [
        &header(1)[..],
        &uuid,
        &header(2),
        &header(1),
        &header(u64::MAX),
        &header(5),
        &header(0),
    ]
    .concat();
    assert_eq!(GtidSet::decode(&ends).unwrap().count(), u64::MAX - 1);
    (target("gtid_set").run)(&ends);
    let seeds = seeds(target("gtid_set"));
    let runs: usize = seeds
        .iter()
        .map(|seed| damage(target("gtid_set"), seed))
        .sum();
    println!("{} seeds, {runs} inputs", seeds.len());
    assert!(runs > 1000);
}
