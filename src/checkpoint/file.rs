//! The position in a file of its own, for one host.
//!
//! Takes a path; gives a [`Store`] that replaces the file as a whole: write beside it, sync, rename,
//! sync the folder. It never leaves half a record under the path, and never runs twice on one path.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use super::store::Store;
use super::store::StoreError;

/// Only the owner reads and writes: table and column names are in the position.
const MODE: u32 = 0o600;

/// A record in a file, guarded by a lock file beside it for as long as this lives.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    beside: PathBuf,
    folder: PathBuf,
    /// The lock goes with the handle.
    _lock: File,
}

impl FileStore {
    /// Makes the folder where it is missing and takes the lock.
    ///
    /// # Errors
    /// Another process has the lock, or the file system refuses.
    pub fn open(path: &Path) -> Result<FileStore, StoreError> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        fs::create_dir_all(&folder).map_err(|source| failed("create", &folder, source))?;
        let lock_path = with_suffix(path, ".lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(&lock_path)
            .map_err(|source| failed("open", &lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(FileStore {
                path: path.to_owned(),
                beside: with_suffix(path, ".new"),
                folder,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: lock_path }),
            Err(TryLockError::Error(source)) => Err(failed("lock", &lock_path, source)),
        }
    }
}

impl Store for FileStore {
    fn load(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::read(&self.path) {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", &self.path, source)),
        }
    }

    fn save(&mut self, record: &[u8]) -> Result<(), StoreError> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&self.beside)
            .map_err(|source| failed("open", &self.beside, source))?;
        file.write_all(record)
            .map_err(|source| failed("write", &self.beside, source))?;
        file.sync_all()
            .map_err(|source| failed("sync", &self.beside, source))?;
        fs::rename(&self.beside, &self.path)
            .map_err(|source| failed("rename to", &self.path, source))?;
        // The new name is only durable once the folder is.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed("sync", &self.folder, source))
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::Classify;
    use crate::error::Fault;

    #[test]
    fn a_record_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/shop.position");
        let mut store = FileStore::open(&path).unwrap();
        assert_eq!(store.load().unwrap(), None);
        store.save(b"a long first record").unwrap();
        store.save(b"second").unwrap();
        assert_eq!(store.load().unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        drop(store);
        let mut store = FileStore::open(&path).unwrap();
        assert_eq!(store.load().unwrap().as_deref(), Some(&b"second"[..]));
    }

    #[test]
    fn what_a_crash_left_beside_the_record_is_not_read_and_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        FileStore::open(&path).unwrap().save(b"whole").unwrap();
        fs::write(with_suffix(&path, ".new"), b"ha").unwrap();
        let mut store = FileStore::open(&path).unwrap();
        assert_eq!(store.load().unwrap().as_deref(), Some(&b"whole"[..]));
        store.save(b"next").unwrap();
        assert_eq!(store.load().unwrap().as_deref(), Some(&b"next"[..]));
        assert!(!with_suffix(&path, ".new").exists());
    }

    #[test]
    fn a_second_instance_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        let first = FileStore::open(&path).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Operator);
        assert!(
            error.to_string().starts_with("duplicate instance"),
            "{error}"
        );
        drop(first);
        FileStore::open(&path).unwrap();
    }

    #[test]
    fn a_failed_save_is_the_operators_and_keeps_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        let mut store = FileStore::open(&path).unwrap();
        store.save(b"kept").unwrap();
        // A folder in the way of the file beside: fails for any user, root included.
        fs::create_dir(with_suffix(&path, ".new")).unwrap();
        let error = store.save(b"lost").unwrap_err();
        assert_eq!(error.fault(), Fault::Operator);
        assert!(error.remedy().unwrap().contains("position.new"));
        assert_eq!(store.load().unwrap().as_deref(), Some(&b"kept"[..]));
    }

    #[test]
    fn a_full_disk_is_an_error_of_the_save() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        let mut store = FileStore::open(&path).unwrap();
        store.save(b"kept").unwrap();
        std::os::unix::fs::symlink("/dev/full", with_suffix(&path, ".new")).unwrap();
        let error = store.save(b"lost").unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Io {
                    operation: "write",
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(store.load().unwrap().as_deref(), Some(&b"kept"[..]));
    }

    #[test]
    fn a_path_that_is_a_folder_is_not_an_empty_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        fs::create_dir(&path).unwrap();
        let error = FileStore::open(&path).unwrap().load().unwrap_err();
        assert_eq!(error.fault(), Fault::Operator);
    }
}
