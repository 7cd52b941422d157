//! From the start of a program to its first record: the rows wait in the binlog already, the consumer too.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::topic::{self, Follower};
use crate::{Failure, process};

const TIMEOUT: Duration = Duration::from_secs(300);

/// One start.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the tool, and of what it has to do
    #[arg(long)]
    name: String,
    #[arg(long)]
    brokers: String,
    /// The topic of the first record
    #[arg(long)]
    topic: String,
    /// Its output goes to DIR/log, its process id to DIR/pid
    #[arg(long)]
    dir: PathBuf,
    /// The command is a script that starts the tool and writes DIR/pid itself
    #[arg(long)]
    script: bool,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    topic::create(&args.brokers, &args.topic, 1)?;
    let follower = Follower::new(&args.brokers, &args.topic)?;
    fs::create_dir_all(&args.dir)?;
    let output = File::create(args.dir.join("start.log"))?;
    let mut words = args.command.iter();
    let program = words.next().ok_or("no program")?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    if !args.script {
        fs::write(args.dir.join("pid"), child.id().to_string())?;
    }
    let first = follower.next(TIMEOUT, |_| began.elapsed());
    let pid = match args.script {
        true => fs::read_to_string(args.dir.join("pid"))?.trim().parse()?,
        false => child.id(),
    };
    let peak = process::memory_kb(pid, "VmHWM") / 1024;
    stop(&mut child, args.script)?;
    let Some(first) = first else {
        let log = args.dir.join("start.log");
        return Err(format!("no record within {TIMEOUT:?}; see {}", log.display()).into());
    };
    let line = json!({
        "measure": "start",
        "name": args.name,
        "first_ms": first.as_millis() as u64,
        "peak_rss_mb": peak,
    });
    println!("{line}");
    Ok(())
}

/// A script ends by itself, and what it started is its caller's; a program stores its position and ends.
fn stop(child: &mut Child, script: bool) -> Result<(), Failure> {
    if !script {
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
    }
    child.wait()?;
    Ok(())
}
