//! Which partition a record goes to: the Java client's rule, so that records of one key meet those of
//! other producers.
//!
//! Takes key bytes and a partition count; gives a partition. It never depends on which partitions have
//! a leader: the answer for a key changes only with the count.

/// The partition of a key: murmur2 of its bytes, the sign bit cleared, modulo the count
/// (`BuiltInPartitioner.partitionForKey` of the Java client). A count below 1 gives 0.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff)
        .checked_rem(partitions.max(1))
        .unwrap_or(0)
}

/// MurmurHash2 with the seed of Kafka's `Utils.murmur2`. Words are little-endian.
fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // The reference implementation folds the length in as 32 bits; a key is far shorter.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the hash is defined on the low 32 bits"
    )]
    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (shift, byte) in [0, 8, 16].into_iter().zip(tail) {
            hash ^= u32::from(*byte) << shift;
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes and partitions (of 3, 12 and 50) as `org.apache.kafka.common.utils.Utils` of
    /// kafka-clients 4.1.0 gives them.
    const JAVA: &[(&str, i32, [i32; 3])] = &[
        ("", 275_646_681, [0, 9, 31]),
        ("a", -1_563_381_124, [1, 4, 24]),
        ("ab", 316_155_434, [2, 2, 34]),
        ("abc", 479_470_107, [0, 3, 7]),
        ("abcd", -1_323_649_548, [2, 8, 0]),
        ("abcde", 461_995_741, [1, 1, 41]),
        ("21", -973_932_308, [0, 0, 40]),
        ("foobar", -790_332_482, [0, 6, 16]),
        (r#"{"id":1}"#, -56_768_732, [0, 0, 16]),
        (r#"{"id":1004}"#, -1_854_425_783, [0, 9, 15]),
        (r#"{"id":9223372036854775807}"#, 1_515_818_023, [1, 7, 23]),
        (
            r#"{"order_number":10001,"line":7}"#,
            1_244_491_011,
            [0, 3, 11],
        ),
        (r#"{"name":"Zoë"}"#, -1_095_258_070, [1, 10, 28]),
        ("shop.shop.orders", -363_163_884, [2, 8, 14]),
    ];

    #[test]
    fn hashes_and_partitions_are_those_of_the_java_client() {
        for (key, hash, partitions) in JAVA {
            assert_eq!(murmur2(key.as_bytes()), *hash, "{key}");
            for (count, partition) in [3, 12, 50].into_iter().zip(partitions) {
                assert_eq!(
                    partition_of(key.as_bytes(), count),
                    *partition,
                    "{key} of {count}"
                );
            }
            assert_eq!(partition_of(key.as_bytes(), 1), 0);
            assert_eq!(partition_of(key.as_bytes(), 0), 0);
        }
    }

    #[test]
    fn bytes_beyond_ascii_are_unsigned() {
        let all: Vec<u8> = (0..=255).collect();
        for (length, hash) in [
            (1, -311_467_685),
            (2, -1_177_224_669),
            (3, 1_883_754_278),
            (255, -40_751_598),
            (256, -1_948_347_274),
        ] {
            assert_eq!(murmur2(&all[256 - length..]), hash, "last {length} bytes");
        }
    }
}
