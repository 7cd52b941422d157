//! The parts of `dev/bench` that must be quick or exact: each command makes one measurement and prints one JSON line.
//!
//! Takes servers and processes that dev/bench has started; never starts or stops a server itself.

#![expect(
    clippy::print_stdout,
    reason = "the line of figures is what this program is for"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bare;
mod decode;
mod drain;
mod latency;
#[path = "../log.rs"]
mod log;
mod process;
mod start;
mod topic;
mod watch;

/// Whatever ends a measurement: told to a person, who starts it again.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(name = "measure")]
struct Cli {
    /// Cargo passes this to whatever it runs as a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Version of the librdkafka that is linked
    Versions,
    /// Binlog files in memory through decoder and encoder
    Decode(decode::Args),
    /// How fast a tool fills a topic
    Drain(drain::Drain),
    /// How fast remora reads into its null sink, as its metrics say
    Null(drain::Null),
    /// A bare producer of remora's records, beside a reader of the binlog
    Bare(bare::Bare),
    /// The producer of `bare`
    Send(bare::Send),
    /// The reader of `bare`
    Read(bare::Read),
    /// From a commit to a consumer
    Latency(latency::Args),
    /// From the start of a program to its first record
    Start(start::Args),
    /// Makes a topic of one partition
    Create(topic::Args),
    /// Deletes a topic, and waits until it is gone
    Forget(topic::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        // `cargo bench` runs every benchmark; this one has nothing to measure without servers.
        None => {
            eprintln!("measure: see dev/bench");
            return ExitCode::SUCCESS;
        }
        Some(Command::Versions) => {
            println!("{}", rdkafka::util::get_rdkafka_version().1);
            Ok(())
        }
        Some(Command::Decode(args)) => decode::run(&args),
        Some(Command::Drain(args)) => drain::run(&args),
        Some(Command::Null(args)) => drain::run_null(&args),
        Some(Command::Bare(args)) => bare::run(&args),
        Some(Command::Send(args)) => bare::send(&args),
        Some(Command::Read(args)) => bare::read(&args),
        Some(Command::Latency(args)) => latency::run(&args),
        Some(Command::Start(args)) => start::run(args),
        Some(Command::Create(args)) => topic::create(&args.brokers, &args.topic, 1),
        Some(Command::Forget(args)) => topic::forget(&args.brokers, &args.topic),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The middle one of some figures; 0 of none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
