//! The command line: what arguments there are and what `--help` says.
//!
//! Takes the arguments, gives [`Cli`]; never runs anything. No argument holds a secret, since every user
//! of a machine can see the arguments of its processes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use regex::Regex;

use crate::config::{Overrides, SinkOverride, Start, TableLists, table_pattern};
use crate::replay::Replay;

/// The variable that names the folder where `--config` does not.
pub const CONFIG_VARIABLE: &str = "REMORA_CONFIG";
/// The folder where nothing names one.
pub const CONFIG_DEFAULT: &str = "config";

/// Follows MySQL's binlog as a replica and publishes each committed row change to Kafka, as Debezium
/// does.
#[derive(Debug, Parser)]
#[command(name = "remora", version, arg_required_else_help = true, after_long_help = GUIDE)]
#[command(after_help = "`remora --help` tells about files, environment and exit codes.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow all configured databases until SIGTERM or SIGINT
    ///
    /// A database that stops leaves the others running; /health on `http.listen` says why it stopped.
    #[command(after_long_help = GUIDE)]
    Run(RunArgs),
    /// Check configuration, servers, grants and Kafka, and change nothing
    ///
    /// Prints one line for each finding, with what to do about it.
    #[command(after_long_help = GUIDE)]
    Check(CheckArgs),
    /// Read binlog files without a server: records to standard output, a ledger of every byte to standard error
    ///
    /// The files are read in the given order, as a server would send them. Nothing is stored. Exit code 1 says
    /// that something stopped the reading: the last line tells what, where, and what to do.
    Replay(ReplayArgs),
    /// Take over from another program
    #[command(subcommand)]
    Import(ImportCommand),
}

/// What is taken over.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Print a Debezium MySQL connector's configuration as a file for databases/
    ///
    /// The TOML goes to standard output; what has no counterpart, and whether that matters, to standard error.
    /// Exit code 3 says that something is unsupported: records or behaviour would differ.
    Debezium(ImportDebeziumArgs),
    /// Store a Debezium connector's offset as the position of a database
    ///
    /// Stop the connector first. The next start of remora goes on where it stopped, in the middle of a transaction
    /// too. The server is asked whether it can be followed from there; nothing is stored where it cannot.
    Offsets(ImportOffsetsArgs),
}

/// `remora import offsets`.
#[derive(Debug, Args)]
pub struct ImportOffsetsArgs {
    /// The database: the name of its file, without .toml
    #[arg(value_name = "DATABASE")]
    pub database: String,
    /// The offset: its value as JSON, the answer of Connect's /connectors/NAME/offsets, or the file of a standalone worker; - for standard input
    #[arg(
        value_name = "FILE",
        required_unless_present = "topic",
        conflicts_with = "topic"
    )]
    pub file: Option<PathBuf>,
    /// Read it from this topic instead (offset.storage.topic of the worker), in the cluster of `kafka.brokers`
    #[arg(long, value_name = "TOPIC", requires = "connector")]
    pub topic: Option<String>,
    /// The connector's name in that topic
    #[arg(long, value_name = "NAME", requires = "topic")]
    pub connector: Option<String>,
    /// Replace a position that is stored already
    #[arg(long)]
    pub replace: bool,
    /// The folder of the configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `remora import debezium`.
#[derive(Debug, Args)]
pub struct ImportDebeziumArgs {
    /// The connector's properties, or its JSON as Connect takes it; - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Exit with 0 although something is unsupported
    #[arg(long)]
    pub lenient: bool,
}

/// `remora run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The folder of the configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Send all records there instead: no Kafka is needed
    ///
    /// One JSON object a line: {"topic":…,"key":…,"value":…,"headers":{…}}. Positions are kept apart
    /// from those of the configured sink, in state/NAME.stdout.position or PATH.NAME.position. `null`
    /// counts the records and drops them: how fast this server's binlog can be read.
    #[arg(long, value_name = "stdout|file=PATH|null", value_parser = sink)]
    pub sink: Option<SinkOverride>,
    /// Where databases without a stored position begin, instead of their key `start`
    #[arg(long, value_enum)]
    pub start: Option<StartArg>,
}

impl RunArgs {
    /// What these arguments set above the files.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            sink: self.sink.clone(),
            start: self.start.map(|start| match start {
                StartArg::Now => Start::Now,
                StartArg::Earliest => Start::Earliest,
            }),
        }
    }
}

/// `remora check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The folder of the configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `remora replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Binlog files, in the order of the log
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the records go, one JSON object a line
    #[arg(long, value_name = "stdout|file=PATH|null", value_parser = sink, default_value = "stdout")]
    pub sink: SinkOverride,
    /// Give no records, only the ledger
    #[arg(long)]
    pub quiet: bool,
    /// How the ledger looks
    #[arg(long, value_enum, default_value = "text")]
    pub ledger: LedgerForm,
    /// Start of each topic
    #[arg(long, value_name = "PREFIX", default_value = "replay")]
    pub topic_prefix: String,
    /// Tables to capture, as `capture.include`: a regular expression on database.table; may be repeated
    #[arg(long, value_name = "PATTERN", value_parser = table_pattern)]
    pub include: Vec<Regex>,
    /// Tables to leave out, as `capture.exclude`; may be repeated
    #[arg(long, value_name = "PATTERN", value_parser = table_pattern)]
    pub exclude: Vec<Regex>,
    /// Give each record its change id as the header __remora.id
    #[arg(long)]
    pub ids: bool,
}

impl ReplayArgs {
    /// What is to be read, and how.
    pub fn replay(&self) -> Replay {
        Replay {
            files: self.files.clone(),
            topic_prefix: self.topic_prefix.clone(),
            tables: TableLists {
                include: self.include.clone(),
                exclude: self.exclude.clone(),
                ..TableLists::default()
            },
            ids: self.ids,
        }
    }
}

/// How the ledger is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LedgerForm {
    /// A table
    Text,
    /// One JSON object
    Json,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Folder with daemon.toml and databases/NAME.toml [default: $REMORA_CONFIG, or config]
    #[arg(
        long = "config",
        value_name = "DIR",
        default_value_os_t = config_dir(std::env::var_os(CONFIG_VARIABLE)),
        hide_default_value = true
    )]
    pub dir: PathBuf,
}

/// Where to begin, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StartArg {
    /// After the last transaction that the server has executed
    Now,
    /// At the oldest transaction that the server's binlogs still hold
    Earliest,
}

const GUIDE: &str = "\
Configuration:
  DIR/daemon.toml           what holds for the process; optional
  DIR/databases/NAME.toml   one database each; example.toml lists every key and is never read

Environment:
  A variable stands above the file. Its name is REMORA__, the file's name, the tables and the key, in
  capitals, with two underscores between; '-' and '.' of a file's name become '_'.
    databases/shop-eu.toml, [mysql.tls] mode    REMORA__SHOP_EU__MYSQL__TLS__MODE=required
    the password of that database               REMORA__SHOP_EU__MYSQL__PASSWORD=...
    daemon.toml, [http] listen                  REMORA__DAEMON__HTTP__LISTEN=0.0.0.0:9187
    [kafka.properties] \"sasl.password\"          REMORA__SHOP_EU__KAFKA__PROPERTIES__SASL_PASSWORD=...
  A list has commas between its entries (a comma itself is \\,). A variable that names no database or no
  key is an error. REMORA_CONFIG names the folder where --config does not.
  Passwords come from files (mysql.password_file, kafka.properties_files) or from the environment;
  never from an argument, and never from the text of a configuration file.

Exit codes:
  0  run: stopped as asked; check: nothing to report; replay: read to the end
  1  run: a database stopped by itself; check: at least one finding; replay: stopped before the end
  2  the arguments or the configuration are wrong
  3  import: something is unsupported

Example:
  cp config/databases/example.toml config/databases/shop.toml    # then edit it
  export REMORA__SHOP__MYSQL__PASSWORD=...
  remora check
  remora run --sink stdout --start now
";

/// The folder, where no argument names it.
fn config_dir(variable: Option<OsString>) -> PathBuf {
    let named = variable.filter(|value| !value.is_empty());
    named.map_or_else(|| PathBuf::from(CONFIG_DEFAULT), PathBuf::from)
}

fn sink(text: &str) -> Result<SinkOverride, String> {
    match text.strip_prefix("file=") {
        Some(path) if !path.is_empty() => Ok(SinkOverride::File(path.to_owned())),
        None if text == "stdout" => Ok(SinkOverride::Stdout),
        None if text == "null" => Ok(SinkOverride::Null),
        Some(_) | None => Err("expected stdout, null, or file= and a path".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn run(arguments: &[&str]) -> Result<RunArgs, clap::Error> {
        let all = ["remora", "run"].iter().chain(arguments);
        match Cli::try_parse_from(all)?.command {
            Command::Run(run) => Ok(run),
            Command::Check(_) | Command::Replay(_) | Command::Import(_) => panic!("asked for run"),
        }
    }

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sink_and_start_become_overrides() {
        assert_eq!(run(&[]).unwrap().overrides(), Overrides::default());
        let overrides = run(&["--sink", "stdout", "--start", "earliest"])
            .unwrap()
            .overrides();
        assert_eq!(overrides.sink, Some(SinkOverride::Stdout));
        assert_eq!(overrides.start, Some(Start::Earliest));
        let overrides = run(&["--sink=file=out=1.jsonl"]).unwrap().overrides();
        assert_eq!(
            overrides.sink,
            Some(SinkOverride::File("out=1.jsonl".to_owned()))
        );
        let overrides = run(&["--sink=null"]).unwrap().overrides();
        assert_eq!(overrides.sink, Some(SinkOverride::Null));
        for wrong in ["kafka", "file", "file=", "stdout=x", ""] {
            let error = run(&["--sink", wrong]).unwrap_err();
            assert_eq!(
                (error.kind(), error.exit_code()),
                (ErrorKind::ValueValidation, 2)
            );
        }
    }

    #[test]
    fn the_folder_comes_from_argument_then_environment_then_default() {
        assert_eq!(
            run(&["--config", "a"]).unwrap().config.dir,
            PathBuf::from("a")
        );
        assert_eq!(config_dir(Some("b".into())), PathBuf::from("b"));
        assert_eq!(config_dir(Some("".into())), PathBuf::from("config"));
        assert_eq!(config_dir(None), PathBuf::from("config"));
    }

    #[test]
    fn replay_takes_files_and_tables() {
        let parse = |arguments: &[&str]| {
            let all = ["remora", "replay"].iter().chain(arguments);
            match Cli::try_parse_from(all)?.command {
                Command::Replay(replay) => Ok::<_, clap::Error>(replay),
                Command::Check(_) | Command::Run(_) | Command::Import(_) => {
                    panic!("asked for replay")
                }
            }
        };
        let plain = parse(&["a.1", "a.2"]).unwrap();
        assert_eq!(
            (plain.sink.clone(), plain.quiet),
            (SinkOverride::Stdout, false)
        );
        let replay = plain.replay();
        assert_eq!(replay.files, [PathBuf::from("a.1"), PathBuf::from("a.2")]);
        assert_eq!(replay.topic_prefix, "replay");
        let tables = ["a", "--include", r"shop\..*", "--exclude=shop.log"];
        let tables = parse(&tables).unwrap().replay().tables;
        let include = &tables.include[0];
        assert!(include.is_match("Shop.t") && !include.is_match("shopt"));
        assert_eq!(tables.exclude.len(), 1);
        for wrong in [&[][..], &["a", "--include=shop"], &["a", "--ledger=xml"]] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }

    #[test]
    fn help_tells_environment_and_exit_codes() {
        let mut command = Cli::command();
        command.build();
        for name in ["run", "check"] {
            let help = command
                .find_subcommand_mut(name)
                .unwrap()
                .render_long_help()
                .to_string();
            for word in [
                "REMORA__SHOP_EU__MYSQL__PASSWORD",
                "Exit codes:",
                "REMORA_CONFIG",
            ] {
                assert!(help.contains(word), "{name} does not tell of {word}");
            }
        }
        assert!(
            command
                .render_long_help()
                .to_string()
                .contains("Exit codes:")
        );
    }

    #[test]
    fn wrong_usage_exits_with_2() {
        for arguments in [
            &["remora"][..],
            &["remora", "fly"],
            &["remora", "run", "--password=x"],
        ] {
            assert_eq!(Cli::try_parse_from(arguments).unwrap_err().exit_code(), 2);
        }
    }
}
