//! The settings that a statement ran under: the status variables of a QUERY event.
//!
//! Takes their bytes, gives what the meaning of a DDL statement depends on. Layout: `Query_log_event`,
//! MySQL 5.6 to 9.7, each variable a code and a value whose length the code says. A code that is not known
//! ends the reading, as in the server, since its length is not known either: what comes behind it keeps
//! its default. Never read for BEGIN.

use crate::cursor::{Cursor, Short};

/// What a statement's meaning depends on beside its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `sql_mode` as bits.
    pub sql_mode: u64,
    /// Collation id of `character_set_client`: how the text is encoded.
    pub client_collation: Option<u16>,
    /// Collation id of `collation_server`.
    pub server_collation: Option<u16>,
    /// Collation id of the default database.
    pub database_collation: Option<u16>,
    /// `default_collation_for_utf8mb4` as a collation id.
    pub utf8mb4_collation: Option<u16>,
    /// `explicit_defaults_for_timestamp`; `None` where the server does not log it (before 8.0).
    pub explicit_defaults_for_timestamp: Option<bool>,
}

/// `"` quotes names.
pub const ANSI_QUOTES: u64 = 1 << 2;
/// A backslash is a character like any other.
pub const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

/// Reads the variables.
///
/// # Errors
/// [`Short`] where a value ends early.
pub fn settings(status: &[u8]) -> Result<Settings, Short> {
    let mut cursor = Cursor::new(status);
    let mut settings = Settings::default();
    while !cursor.is_empty() {
        match cursor.u8()? {
            1 => settings.sql_mode = cursor.u64()?,
            4 => {
                settings.client_collation = Some(cursor.u16()?);
                cursor.u16()?; // of the connection
                settings.server_collation = Some(cursor.u16()?);
            }
            8 => settings.database_collation = Some(cursor.u16()?),
            16 => settings.explicit_defaults_for_timestamp = Some(cursor.u8()? != 0),
            18 => settings.utf8mb4_collation = Some(cursor.u16()?),
            code => {
                if !pass_over(&mut cursor, code)? {
                    break;
                }
            }
        }
    }
    Ok(settings)
}

/// Passes over a variable that does not matter here; `false` where its length is not known.
fn pass_over(cursor: &mut Cursor<'_>, code: u8) -> Result<bool, Short> {
    match code {
        // Flags of the session, and the time that the connection to the source has been up.
        0 | 3 | 10 => drop(cursor.u32()?),
        // The catalog, with and without a NUL behind it, and the time zone.
        2 => {
            let length = usize::from(cursor.u8()?);
            cursor.take(length.saturating_add(1))?;
        }
        5 | 6 => text(cursor)?,
        7 => drop(cursor.u16()?),
        9 | 17 => drop(cursor.u64()?),
        // The invoker: user and host.
        11 => {
            text(cursor)?;
            text(cursor)?;
        }
        // Databases that the statement touches, each with a NUL behind it; 254 stands for too many.
        12 => {
            let count = cursor.u8()?;
            for _ in 0..if count == 254 { 0 } else { count } {
                while cursor.u8()? != 0 {}
            }
        }
        13 => drop(cursor.take(3)?),
        19 | 20 => drop(cursor.u8()?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn text(cursor: &mut Cursor<'_>) -> Result<(), Short> {
    let length = usize::from(cursor.u8()?);
    cursor.take(length).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As a server 9.7 logs them for a CREATE TABLE.
    fn sample() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0, 0];
        bytes.push(1);
        bytes.extend_from_slice(&(NO_BACKSLASH_ESCAPES | ANSI_QUOTES).to_le_bytes());
        bytes.extend_from_slice(b"\x06\x03std");
        bytes.extend_from_slice(&[4, 45, 0, 45, 0, 0xff, 0]);
        bytes.extend_from_slice(b"\x0c\x02ab\0c\0");
        bytes.extend_from_slice(&[8, 8, 0]);
        bytes.extend_from_slice(&[17, 9, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[18, 0xff, 0, 16, 1, 19, 0, 20, 0]);
        bytes
    }

    #[test]
    fn reads_what_matters_and_passes_over_the_rest() {
        let expected = Settings {
            sql_mode: NO_BACKSLASH_ESCAPES | ANSI_QUOTES,
            client_collation: Some(45),
            server_collation: Some(255),
            database_collation: Some(8),
            utf8mb4_collation: Some(255),
            explicit_defaults_for_timestamp: Some(true),
        };
        assert_eq!(settings(&sample()), Ok(expected));
        assert_eq!(settings(&[]), Ok(Settings::default()));
        // A variable of a later server, and what stands behind it.
        assert_eq!(settings(&[99, 8, 1, 0]), Ok(Settings::default()));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0usize..60) {
            let _ = settings(&bytes);
            let whole = sample();
            let _ = settings(&whole[..cut.min(whole.len())]);
        }
    }
}
