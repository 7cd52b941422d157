//! Folders of configuration for the daemon.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::free_port;
use super::kafka::Kafka;
use super::mysql::Mysql;

/// A folder with `daemon.toml` and `databases/`, deleted when dropped.
#[derive(Debug)]
pub(crate) struct ConfigDir {
    dir: TempDir,
    http_port: u16,
}

impl ConfigDir {
    /// A folder whose daemon listens on a free port and follows nothing yet.
    pub(crate) fn new() -> ConfigDir {
        let dir = tempfile::Builder::new()
            .prefix("remora-config-")
            .tempdir()
            .unwrap();
        let http_port = free_port();
        let daemon = format!("[http]\nlisten = \"127.0.0.1:{http_port}\"\n");
        fs::write(dir.path().join("daemon.toml"), daemon).unwrap();
        fs::create_dir(dir.path().join("databases")).unwrap();
        ConfigDir { dir, http_port }
    }

    /// Writes `databases/NAME.toml`; an earlier one is replaced.
    pub(crate) fn database(&self, name: &str, toml: &str) {
        fs::write(
            self.dir
                .path()
                .join("databases")
                .join(format!("{name}.toml")),
            toml,
        )
        .unwrap();
    }

    /// Writes `databases/NAME.toml` for capture of all tables of one database (schema), from the server's oldest
    /// binlog, to Kafka.
    pub(crate) fn database_to_kafka(&self, name: &str, mysql: &Mysql, schema: &str, kafka: &Kafka) {
        let text = format!(
            "{}\n[kafka]\nbrokers = \"{}\"\n",
            source_toml(mysql, schema),
            kafka.brokers()
        );
        self.database(name, &text);
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where the daemon serves HTTP.
    pub(crate) fn http_port(&self) -> u16 {
        self.http_port
    }
}

/// What a database's file says about its server and tables: the sections of a sink and its store are to be added.
pub(crate) fn source_toml(mysql: &Mysql, schema: &str) -> String {
    format!(
        "start = \"earliest\"\n\n[mysql]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n\n\
         [mysql.tls]\nmode = \"disabled\"\n\n[capture]\ninclude = [\"{schema}\\\\..*\"]\n",
        mysql.port()
    )
}
