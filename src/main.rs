//! The `remora` program: command line to library, results to exit codes.

use std::process::ExitCode;

use clap::Parser;
use remora::check::check;
use remora::cli::{Cli, Command};
use remora::config::{Config, Daemon, LogFormat, Overrides, load_with};
use remora::daemon::run_all;
use tracing_subscriber::EnvFilter;

/// A database stopped by itself, or a check found something.
const FAILED: u8 = 1;
/// The arguments or the configuration are wrong.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (dir, overrides) = match &cli.command {
        Command::Run(args) => (&args.config.dir, args.overrides()),
        Command::Check(args) => (&args.config.dir, Overrides::default()),
    };
    let config = match load_with(dir, std::env::vars_os(), &overrides) {
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
    match cli.command {
        Command::Run(_) => {
            start_log(&config.daemon);
            runtime.block_on(run(config))
        }
        Command::Check(_) => runtime.block_on(report(&config)),
    }
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
    let findings = check(config).await;
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
