//! The position in a file of its own, for one host, with its parts in files beside it.
//!
//! Takes a path; gives a [`Store`] that replaces a file as a whole: write beside it, sync, rename,
//! sync the folder. It never leaves half a record under a name, and never runs twice on one path.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use super::store::Contents;
use super::store::POSITION;
use super::store::Store;
use super::store::StoreError;

/// Only the owner reads and writes: table and column names are in the position.
const MODE: u32 = 0o600;

/// Between the path and the name of a part.
const PART: &str = ".part-";
/// Behind a name while its file is written.
const NEW: &str = ".new";

/// Records in files, guarded by a lock file beside them for as long as this lives.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
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
                folder,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: lock_path }),
            Err(TryLockError::Error(source)) => Err(failed("lock", &lock_path, source)),
        }
    }
}

impl FileStore {
    fn path_of(&self, name: &str) -> PathBuf {
        match name {
            POSITION => self.path.clone(),
            part => with_suffix(&self.path, &format!("{PART}{part}")),
        }
    }

    /// The name of the part that a file holds; `None` for any other file.
    fn part_of(&self, file: &OsStr) -> Option<String> {
        let stem = self.path.file_name()?.to_str()?;
        let part = file.to_str()?.strip_prefix(stem)?.strip_prefix(PART)?;
        (!part.ends_with(NEW)).then(|| part.to_owned())
    }

    fn parts(&self) -> io::Result<Vec<String>> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            parts.extend(self.part_of(&entry?.file_name()));
        }
        Ok(parts)
    }

    /// A new or removed name is only durable once the folder is.
    fn sync_folder(&self) -> Result<(), StoreError> {
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed("sync", &self.folder, source))
    }
}

impl Store for FileStore {
    fn load(&mut self) -> Result<Contents, StoreError> {
        let parts = self.parts();
        let mut names = parts.map_err(|source| failed("list", &self.folder, source))?;
        names.push(POSITION.to_owned());
        let mut contents = Contents::new();
        for name in names {
            let path = self.path_of(&name);
            match fs::read(&path) {
                Ok(record) => drop(contents.insert(name, record)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(failed("read", &path, source)),
            }
        }
        Ok(contents)
    }

    fn save(&mut self, name: &str, record: Option<&[u8]>) -> Result<(), StoreError> {
        let path = self.path_of(name);
        let Some(record) = record else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(failed("remove", &path, error))
                }
                Ok(()) | Err(_) => self.sync_folder(),
            };
        };
        let beside = with_suffix(&path, NEW);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&beside)
            .map_err(|source| failed("open", &beside, source))?;
        file.write_all(record)
            .map_err(|source| failed("write", &beside, source))?;
        file.sync_all()
            .map_err(|source| failed("sync", &beside, source))?;
        fs::rename(&beside, &path).map_err(|source| failed("rename to", &path, source))?;
        self.sync_folder()
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

    fn position(store: &mut FileStore) -> Option<Vec<u8>> {
        store.load().unwrap().remove(POSITION)
    }

    #[test]
    fn parts_stand_beside_the_position_and_go_when_they_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        let mut store = FileStore::open(&path).unwrap();
        store.save("tables.7.0", Some(b"seven")).unwrap();
        store.save("tables.8.0", Some(b"eight")).unwrap();
        store.save(POSITION, Some(b"place")).unwrap();
        // Another database's files in the same folder are none of ours, nor is what a crash left.
        fs::write(folder.path().join("position2.part-tables.9.0"), b"x").unwrap();
        fs::write(folder.path().join("position.part-tables.9.0.new"), b"x").unwrap();
        store.save("tables.7.0", None).unwrap();
        store.save("tables.7.0", None).unwrap();
        let contents = store.load().unwrap();
        let names: Vec<&str> = contents.keys().map(String::as_str).collect();
        assert_eq!(names, [POSITION, "tables.8.0"]);
    }

    #[test]
    fn a_record_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/shop.position");
        let mut store = FileStore::open(&path).unwrap();
        assert_eq!(position(&mut store), None);
        store.save(POSITION, Some(b"a long first record")).unwrap();
        store.save(POSITION, Some(b"second")).unwrap();
        assert_eq!(position(&mut store).as_deref(), Some(&b"second"[..]));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        drop(store);
        let mut store = FileStore::open(&path).unwrap();
        assert_eq!(position(&mut store).as_deref(), Some(&b"second"[..]));
    }

    #[test]
    fn what_a_crash_left_beside_the_record_is_not_read_and_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        FileStore::open(&path)
            .unwrap()
            .save(POSITION, Some(b"whole"))
            .unwrap();
        fs::write(with_suffix(&path, ".new"), b"ha").unwrap();
        let mut store = FileStore::open(&path).unwrap();
        assert_eq!(position(&mut store).as_deref(), Some(&b"whole"[..]));
        store.save(POSITION, Some(b"next")).unwrap();
        assert_eq!(position(&mut store).as_deref(), Some(&b"next"[..]));
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
        store.save(POSITION, Some(b"kept")).unwrap();
        // A folder in the way of the file beside: fails for any user, root included.
        fs::create_dir(with_suffix(&path, ".new")).unwrap();
        let error = store.save(POSITION, Some(b"lost")).unwrap_err();
        assert_eq!(error.fault(), Fault::Operator);
        assert!(error.remedy().unwrap().contains("position.new"));
        assert_eq!(position(&mut store).as_deref(), Some(&b"kept"[..]));
    }

    #[test]
    fn a_full_disk_is_an_error_of_the_save() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        let mut store = FileStore::open(&path).unwrap();
        store.save(POSITION, Some(b"kept")).unwrap();
        std::os::unix::fs::symlink("/dev/full", with_suffix(&path, ".new")).unwrap();
        let error = store.save(POSITION, Some(b"lost")).unwrap_err();
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
        assert_eq!(position(&mut store).as_deref(), Some(&b"kept"[..]));
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
