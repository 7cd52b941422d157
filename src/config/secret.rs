//! Files that only their owner may read: passwords and private keys.
//!
//! Takes a path, gives the text or why not. Never follows a file that other users can read or replace.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::Secret;

/// No password or key is near this size: a larger file is the wrong one.
const BYTES_MAX: u64 = 64 * 1024;

/// Why a private file is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretFileError {
    /// The operating system refuses.
    #[error("{path:?} cannot be read: {source}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    /// Users that are neither the owner nor in the group have access.
    #[error("{path:?} is open to every user of this machine (mode {mode:04o})")]
    Open { path: String, mode: u32 },
    /// Longer than any password.
    #[error("{path:?} holds more than {BYTES_MAX} bytes")]
    TooLong { path: String },
    /// Not text.
    #[error("{path:?} does not hold UTF-8 text")]
    NotText { path: String },
}

impl SecretFileError {
    /// What to do about it.
    pub(super) fn remedy(&self) -> String {
        match self {
            SecretFileError::Read { .. } => {
                "name a file that the user of this process can read".to_owned()
            }
            SecretFileError::Open { path, .. } => format!("run: chmod o= {path}"),
            SecretFileError::TooLong { .. } | SecretFileError::NotText { .. } => {
                "name the file that holds the secret and nothing else".to_owned()
            }
        }
    }
}

/// The text of a private file, without one newline at its end.
pub(super) fn read(path: &str) -> Result<Secret, SecretFileError> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| SecretFileError::Read {
            path: path.to_owned(),
            source,
        })?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > BYTES_MAX) {
        return Err(SecretFileError::TooLong {
            path: path.to_owned(),
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| SecretFileError::NotText {
        path: path.to_owned(),
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(
        text.strip_suffix('\r').unwrap_or(text).to_owned(),
    ))
}

/// Opens a private file. The mode is asked of the open file, so that nobody can swap it in between.
pub(super) fn open(path: &str) -> Result<File, SecretFileError> {
    let failed = |source| SecretFileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(Path::new(path)).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o007 != 0 {
        return Err(SecretFileError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &tempfile::TempDir, bytes: &[u8], mode: u32) -> String {
        let path = dir.path().join("secret");
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn one_newline_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        for (bytes, text) in [
            (&b"hunter2\n"[..], "hunter2"),
            (b"hunter2\r\n", "hunter2"),
            (b"hunter2", "hunter2"),
            (b" hunter2 \n\n", " hunter2 \n"),
            (b"", ""),
        ] {
            let path = file(&dir, bytes, 0o400);
            assert_eq!(read(&path).unwrap().reveal(), text);
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_chmod() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, b"hunter2", 0o644);
        let error = read(&path).unwrap_err();
        assert!(matches!(error, SecretFileError::Open { mode: 0o644, .. }));
        assert_eq!(error.remedy(), format!("run: chmod o= {path}"));
        assert!(!error.to_string().contains("hunter2"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(&path).unwrap().reveal(), "hunter2");
    }

    #[test]
    fn a_wrong_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(dir.path().join("absent").to_str().unwrap()),
            Err(SecretFileError::Read { .. })
        ));
        let path = file(&dir, &[0xff], 0o600);
        assert!(matches!(read(&path), Err(SecretFileError::NotText { .. })));
        let path = file(&dir, &vec![b'x'; 65_537], 0o600);
        assert!(matches!(read(&path), Err(SecretFileError::TooLong { .. })));
    }
}
