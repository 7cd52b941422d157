//! The real Debezium on Kafka Connect: one standalone worker with one connector.

use std::fs;
use std::path::PathBuf;

use super::kafka::Kafka;
use super::leash::Leash;
use super::mysql::Mysql;
use super::{free_port, script};

/// A running worker.
#[derive(Debug)]
pub(crate) struct Connect {
    leash: Leash,
}

impl Connect {
    /// A worker whose connector follows one database of the server under a topic prefix, with further properties such
    /// as `snapshot.mode=no_data`; it reads the binlog on return.
    pub(crate) fn start(
        kafka: &Kafka,
        mysql: &Mysql,
        prefix: &str,
        database: &str,
        settings: &[String],
    ) -> Connect {
        let leash = Leash::start("connect", |dir| {
            let command = vec![
                script("connect").display().to_string(),
                dir.display().to_string(),
                free_port().to_string(),
                kafka.port().to_string(),
                mysql.port().to_string(),
                prefix.to_owned(),
                database.to_owned(),
            ];
            [command, settings.to_vec()].concat()
        });
        Connect { leash }
    }

    /// Stops it in order.
    pub(crate) fn stop(&self) {
        self.leash.stop();
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill9(&self) {
        self.leash.kill9();
    }

    /// The file of its offsets.
    pub(crate) fn offsets(&self) -> PathBuf {
        self.leash.dir().join("offsets")
    }

    /// The connector's configuration.
    pub(crate) fn properties(&self) -> String {
        fs::read_to_string(self.leash.dir().join("connector.properties")).unwrap()
    }
}
