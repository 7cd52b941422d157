//! Ties a server's life to the test's: takes a command that starts it, gives its folder, never outlives the test.
//!
//! A destructor is not enough: a static has none, and a test that is killed runs none. So the server belongs to
//! `dev/leash`, a shell script whose standard input is a pipe that only this process holds. When the process ends,
//! for whatever reason, the system closes the pipe and the script stops the server and deletes its folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::script;

/// A folder with a server in it; dropping it stops the server and deletes the folder.
#[derive(Debug)]
pub(crate) struct Leash {
    keeper: Child,
    /// Its end is what the keeper waits for.
    pipe: Option<ChildStdin>,
    dir: PathBuf,
}

impl Leash {
    /// Runs the command, whose last argument names the folder's use, and waits until it returns.
    ///
    /// `command` gets the folder. A command that fails fails the test with what it printed.
    pub(crate) fn start(name: &str, command: impl FnOnce(&Path) -> Vec<String>) -> Leash {
        let prefix = format!("remora-{name}-");
        let dir = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir()
            .unwrap()
            .keep();
        let said = tempfile::tempfile().unwrap();
        let mut keeper = Command::new(script("leash"))
            .arg("--remove")
            .arg(&dir)
            .args(command(&dir))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said.try_clone().unwrap())
            // An interrupt from the terminal goes to the test alone; its end is the signal for the keeper.
            .process_group(0)
            .spawn()
            .unwrap();
        let pipe = keeper.stdin.take();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let leash = Leash { keeper, pipe, dir };
        assert_eq!(
            line.trim(),
            "ready",
            "{name} did not start:\n{}",
            text_of(said)
        );
        leash
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stops the server as its operator would, and waits until it is gone.
    pub(crate) fn stop(&self) {
        run(script("stop"), [&self.dir]);
    }

    /// Kills the server with SIGKILL and waits until it is gone.
    pub(crate) fn kill9(&self) {
        run(script("stop"), [OsStr::new("--kill"), self.dir.as_os_str()]);
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // A destructor that fails while a test fails would hide why.
        let _ = self.keeper.wait();
    }
}

/// Runs a program to its end; one that fails fails the test with what it printed.
pub(super) fn run(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) {
    let said = tempfile::tempfile().unwrap();
    let status = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said.try_clone().unwrap())
        // What it starts must outlive an interrupt that is meant for the test, whose keeper ends it.
        .process_group(0)
        .status()
        .unwrap();
    assert!(
        status.success(),
        "{:?} failed:\n{}",
        program.as_ref(),
        text_of(said)
    );
}

fn text_of(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
