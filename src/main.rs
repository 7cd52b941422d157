//! The `remora` program: command line to library, results to exit codes.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use remora::check::{Report, check};
use remora::cli::{
    Cli, Command, ImportCommand, ImportDebeziumArgs, ImportOffsetsArgs, LedgerForm, ReplayArgs,
};
use remora::config::{Config, Daemon, LogFormat, Overrides, SinkOverride, load_with};
use remora::daemon::run_all;
use remora::error::Classify;
use remora::import;
use remora::replay::replay;
use remora::sink::lines::LinesSink;
use remora::sink::{Deliveries, Sink, SinkError};
use remora::takeover::{self, TakeoverError};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

/// librdkafka's allocations too: a record is made of several of them on the sink's thread and given back on the thread of
/// the delivery reports, which costs the C library's allocator more than twice the time (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A database stopped by itself, or a check found something.
const FAILED: u8 = 1;
/// The arguments or the configuration are wrong.
const MISCONFIGURED: u8 = 2;
/// Something has no counterpart here.
const UNSUPPORTED: u8 = 3;

fn main() -> ExitCode {
    let (dir, overrides, runs) = match Cli::parse().command {
        Command::Run(args) => {
            let overrides = args.overrides();
            (args.config.dir, overrides, true)
        }
        Command::Check(args) => (args.config.dir, Overrides::default(), false),
        Command::Replay(args) => return replay_files(&args),
        Command::Import(ImportCommand::Debezium(args)) => return import_debezium(&args),
        Command::Import(ImportCommand::Offsets(args)) => return import_offsets(&args),
    };
    let (config, runtime) = match begin(&dir, &overrides) {
        Ok(both) => both,
        Err(code) => return code,
    };
    if runs {
        start_log(&config.daemon);
        runtime.block_on(run(config))
    } else {
        runtime.block_on(report(&config))
    }
}

/// The configuration, and what runs tasks; what is wrong is said already.
fn begin(dir: &Path, overrides: &Overrides) -> Result<(Config, Runtime), ExitCode> {
    let config = load_with(dir, std::env::vars_os(), overrides).map_err(|errors| {
        eprintln!("{errors}");
        ExitCode::from(MISCONFIGURED)
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        eprintln!("remora: cannot start: {error}");
        ExitCode::from(FAILED)
    })?;
    Ok((config, runtime))
}

fn import_offsets(args: &ImportOffsetsArgs) -> ExitCode {
    let (config, runtime) = match begin(&args.config.dir, &Overrides::default()) {
        Ok(both) => both,
        Err(code) => return code,
    };
    let mut databases = config.databases.iter();
    let Some(database) = databases.find(|database| database.name == args.database) else {
        let dir = args.config.dir.display();
        eprintln!("remora: {dir} has no database {:?}", args.database);
        return ExitCode::from(MISCONFIGURED);
    };
    let bytes = match args.file.as_deref().map(read_bytes).transpose() {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(code) => return code,
    };
    let taken = runtime.block_on(async {
        let offset = match (&args.topic, &args.connector) {
            (Some(topic), Some(connector)) => {
                takeover::from_topic(database, topic, connector).await?
            }
            (None, _) | (_, None) => import::offsets::read(&bytes, &database.topic_prefix)?,
        };
        takeover::store(database, offset.position.clone(), args.replace).await?;
        Ok::<_, TakeoverError>(offset)
    });
    let offset = match taken {
        Ok(offset) => offset,
        Err(error) => {
            let remedy = error.remedy().map(|remedy| format!("; {remedy}"));
            eprintln!(
                "remora: {}: {error}{}",
                database.name,
                remedy.unwrap_or_default()
            );
            return ExitCode::from(FAILED);
        }
    };
    let position = &offset.position;
    eprintln!(
        "{}: the next start goes on at {}",
        database.name, position.end
    );
    if let Some(partial) = position.partial {
        eprintln!(
            "{} events and {} rows of the transaction there are delivered already",
            partial.events, partial.rows
        );
    }
    if offset.incremental_snapshot {
        eprintln!("the connector's incremental snapshot was not finished, and does not go on");
    }
    ExitCode::SUCCESS
}

/// What a file holds; what is wrong with it is said already.
fn read_bytes(path: &Path) -> Result<Vec<u8>, ExitCode> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        false => std::fs::read(path),
    };
    read.map_err(|error| {
        eprintln!("remora: {} cannot be read: {error}", path.display());
        ExitCode::from(MISCONFIGURED)
    })
}

/// The same as text.
fn read_text(path: &Path) -> Result<String, ExitCode> {
    String::from_utf8(read_bytes(path)?).map_err(|_| {
        eprintln!("remora: {} is not UTF-8", path.display());
        ExitCode::from(MISCONFIGURED)
    })
}

fn import_debezium(args: &ImportDebeziumArgs) -> ExitCode {
    let text = match read_text(&args.file) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let properties = match import::parse(&text) {
        Ok(properties) => properties,
        Err(error) => {
            eprintln!("remora: {}: {error}", args.file.display());
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let import = import::debezium(properties);
    for finding in &import.findings {
        eprintln!("{finding}");
    }
    if let Err(error) = std::io::stdout().write_all(import.toml.as_bytes()) {
        eprintln!("remora: standard output: {error}");
        return ExitCode::from(FAILED);
    }
    match import.is_partial() && !args.lenient {
        true => ExitCode::from(UNSUPPORTED),
        false => ExitCode::SUCCESS,
    }
}

/// How long the last lines may take to be written and synced.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

fn replay_files(args: &ReplayArgs) -> ExitCode {
    let mut sink = match open_sink(args) {
        Ok(sink) => sink,
        Err(error) => {
            eprintln!("remora: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let report = replay(&args.replay(), &mut |batch| match &mut sink {
        Some(sink) => sink.send(batch),
        None => Ok(()),
    });
    let closed = sink.map_or(Ok(()), |mut sink| {
        sink.close(Instant::now() + CLOSE_TIMEOUT)
    });
    match args.ledger {
        LedgerForm::Text => eprintln!("{report}"),
        LedgerForm::Json => eprintln!("{}", report.to_json()),
    }
    if let Err(error) = &closed {
        eprintln!("remora: {error}");
    }
    if closed.is_err() || report.failure.is_some() {
        return ExitCode::from(FAILED);
    }
    ExitCode::SUCCESS
}

fn open_sink(args: &ReplayArgs) -> Result<Option<LinesSink>, SinkError> {
    if args.quiet {
        return Ok(None);
    }
    // The sink's close says whether everything is out: nobody waits for single batches.
    let deliveries: Deliveries = Arc::new(drop);
    Ok(Some(match &args.sink {
        SinkOverride::Stdout => LinesSink::stdout(&[], deliveries),
        SinkOverride::File(path) => LinesSink::file(path.as_ref(), &[], deliveries)?,
        SinkOverride::Null => return Ok(None),
    }))
}

async fn run(config: Config) -> ExitCode {
    match run_all(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "ended");
            ExitCode::from(FAILED)
        }
    }
}

async fn report(config: &Config) -> ExitCode {
    let Report { findings, advice } = check(config).await;
    for line in advice {
        eprintln!("{line}");
    }
    if findings.is_empty() {
        eprintln!(
            "{} databases checked: nothing to report",
            config.databases.len()
        );
        return ExitCode::SUCCESS;
    }
    for finding in findings {
        eprintln!("{finding}");
    }
    ExitCode::from(FAILED)
}

/// The log goes to standard error: standard output may be a sink.
fn start_log(daemon: &Daemon) {
    let filter = EnvFilter::try_new(&daemon.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match daemon.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}
