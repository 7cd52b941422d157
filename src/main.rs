//! The `remora` program: command line to library, results to exit codes.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use remora::check::{Report, check};
use remora::cli::{Cli, Command, ImportCommand, ImportDebeziumArgs, LedgerForm, ReplayArgs};
use remora::config::{Config, Daemon, LogFormat, Overrides, SinkOverride, load_with};
use remora::daemon::run_all;
use remora::import;
use remora::replay::replay;
use remora::sink::lines::LinesSink;
use remora::sink::{Deliveries, Sink, SinkError};
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
    };
    let config = match load_with(&dir, std::env::vars_os(), &overrides) {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("remora: cannot start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    if runs {
        start_log(&config.daemon);
        runtime.block_on(run(config))
    } else {
        runtime.block_on(report(&config))
    }
}

fn import_debezium(args: &ImportDebeziumArgs) -> ExitCode {
    let text = match args.file.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(&args.file),
    };
    let file = args.file.display();
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            eprintln!("remora: {file} cannot be read: {error}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let properties = match import::parse(&text) {
        Ok(properties) => properties,
        Err(error) => {
            eprintln!("remora: {file}: {error}");
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
