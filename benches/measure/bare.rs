//! The limit: what a bare librdkafka producer reaches with remora's records, remora's settings and one partition,
//! while a second process reads the same binlog and throws it away. No tool on these servers can be faster.
//!
//! The producer's records are encoded before the clock starts, and kept in memory: of a long binlog every so many
//! batches, sent over and over.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use remora::config::{self, Database, Overrides, Sink};
use remora::pipeline::error::Error;
use remora::pipeline::run::delivering::context_headers;
use remora::pipeline::{Input, Outbox};
use remora::position::Position;
use remora::schema::definitions::Definitions;
use remora::sink::batch::{Batch, BatchSeq};
use remora::sink::kafka::producer_config;
use remora::sink::partition::partition_of;
use remora::source::chunk::Chunk;
use remora::source::file::BinlogFiles;
use remora::source::wire::{DumpFrom, DumpRequest, Wire};
use serde_json::{Value, json};

use crate::topic::{self, Ends};
use crate::watch::Watch;
use crate::{Failure, log};

/// Bytes of records that are kept.
const SAMPLE_BYTES: u64 = 512 << 20;
/// About how many bytes of records a byte of binlog becomes.
const GROWTH: u64 = 4;
/// The reader may be this far ahead of the producer.
const AHEAD_BYTES: u64 = 8 << 20;
/// What remora's sink counts for a record, and for a header, beside their bytes.
const RECORD_BYTES: usize = 256;
const HEADER_BYTES: usize = 64;
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(1);
/// How often the reader looks whether it may go on.
const PACE: Duration = Duration::from_millis(1);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);

/// Both processes, watched.
#[derive(Debug, clap::Args)]
pub(crate) struct Bare {
    /// The folder of remora's configuration, with one database
    #[arg(long)]
    config: PathBuf,
    /// Topic to make and to fill
    #[arg(long)]
    topic: String,
    /// Records to send
    #[arg(long)]
    records: u64,
    /// Producers, each with a partition of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    producers: i32,
    /// Seconds until this is given up
    #[arg(long, default_value_t = 3600)]
    limit: u64,
    /// The binlog's files, in order
    files: Vec<PathBuf>,
}

/// The producer: says `ready`, begins at the first line that it is told, stays until its input ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    #[arg(long)]
    config: PathBuf,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    records: u64,
    #[arg(long)]
    producers: i32,
    files: Vec<PathBuf>,
}

/// The reader: each line that it is told is a number of bytes up to which it may read; it ends with its input.
#[derive(Debug, clap::Args)]
pub(crate) struct Read {
    #[arg(long)]
    config: PathBuf,
    /// The binlog's first file
    file: String,
}

pub(crate) fn run(args: &Bare) -> Result<(), Failure> {
    let database = database(&args.config)?;
    let brokers = &kafka(&database)?.brokers;
    topic::create(brokers, &args.topic, args.producers)?;
    let binlog_bytes = total_bytes(&args.files)?;
    let first = args.files.first().and_then(|path| path.file_name());
    let first = first.ok_or("no binlog file is named")?.to_string_lossy();

    let config = args.config.as_os_str();
    let mut send = child("send", config)
        .arg("--topic")
        .arg(&args.topic)
        .arg("--records")
        .arg(args.records.to_string())
        .arg("--producers")
        .arg(args.producers.to_string())
        .args(&args.files)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut ready = String::new();
    let answers = send.stdout.take().ok_or("the producer has no output")?;
    BufReader::new(answers).read_line(&mut ready)?;
    let sample_bytes: u64 = ready
        .trim()
        .parse()
        .map_err(|_| "the producer has failed")?;
    let mut read = child("read", config).arg(&*first).spawn()?;

    let watch = Watch {
        name: match args.producers {
            1 => "bare".to_owned(),
            many => format!("bare, {many} producers"),
        },
        measure: "drain".to_owned(),
        records: args.records,
        pids: vec![send.id(), read.id()],
        from_start: false,
        limit: args.limit,
    };
    let ends = Ends::of_partitions(brokers, &args.topic, args.producers)?;
    tell(&mut send, 0)?;
    let mut line = watch.run(|| {
        let sent = ends.end();
        let share = sent as f64 / args.records.max(1) as f64;
        // A reader that has failed is noticed by the watch.
        let _ = tell(
            &mut read,
            (share * binlog_bytes as f64) as u64 + AHEAD_BYTES,
        );
        sent
    })?;
    // The records are what the tools get from the server: they are no memory of the producer.
    for key in ["peak_rss_mb", "rss_tenth_mb", "rss_end_mb"] {
        let with_records = line.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        let own = with_records - (sample_bytes >> 20) as f64;
        line.insert(key.to_owned(), json!(own.max(0.0)));
    }
    line.insert("sample_mb".to_owned(), json!(sample_bytes >> 20));
    for mut child in [send, read] {
        drop(child.stdin.take());
        child.wait()?;
    }
    println!("{}", Value::Object(line));
    Ok(())
}

fn child(role: &str, config: &std::ffi::OsStr) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg(role)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::piped());
    command
}

fn tell(child: &mut Child, number: u64) -> Result<(), Failure> {
    let input = child.stdin.as_mut().ok_or("a process has no input")?;
    Ok(writeln!(input, "{number}")?)
}

fn total_bytes(files: &[PathBuf]) -> Result<u64, Failure> {
    let mut total = 0;
    for file in files {
        total += std::fs::metadata(file)?.len();
    }
    Ok(total)
}

fn database(dir: &Path) -> Result<Database, Failure> {
    let config = config::load_with(dir, [], &Overrides::default())?;
    let mut databases = config.databases.into_iter();
    databases
        .next()
        .ok_or_else(|| "no database is configured".into())
}

fn kafka(database: &Database) -> Result<&config::Kafka, Failure> {
    match &database.sink {
        Sink::Kafka(kafka) => Ok(kafka),
        Sink::Stdout | Sink::File(_) | Sink::Null => Err("the sink must be kafka".into()),
    }
}

/// Keeps every so many of the batches.
struct Keeping {
    every: u64,
    kept: Vec<Batch>,
    unacked: Vec<BatchSeq>,
}

impl Outbox for Keeping {
    fn send(&mut self, mut batch: Batch) -> Result<Batch, Error> {
        self.unacked.push(batch.seq);
        if !batch.seq.0.is_multiple_of(self.every) {
            return Ok(batch);
        }
        batch.bytes.shrink_to_fit();
        batch.records.shrink_to_fit();
        self.kept.push(batch);
        Ok(Batch::default())
    }

    fn store(
        &mut self,
        _position: &Position,
        _definitions: Option<&Arc<Definitions>>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// The records of the binlog, or of a part of it spread evenly.
fn encode(database: &Database, files: &[PathBuf]) -> Result<Vec<Batch>, Failure> {
    let mut outbox = Keeping {
        every: (total_bytes(files)? * GROWTH).div_ceil(SAMPLE_BYTES).max(1),
        kept: Vec::new(),
        unacked: Vec::new(),
    };
    let mut state = log::state(
        &database.topic_prefix,
        database.capture.tables.include.clone(),
    );
    let mut log = BinlogFiles::new(files.iter().cloned());
    let mut chunk = Chunk::default();
    while log.read(&mut chunk)? {
        let input = Input::Events {
            chunk: &chunk,
            now_ns: 1_700_000_000_000_000_000,
        };
        state.handle(input, &mut outbox)?;
        while let Some(seq) = outbox.unacked.pop() {
            state.handle(Input::Acked(seq), &mut outbox)?;
        }
    }
    if outbox.kept.is_empty() {
        return Err("the binlog has no rows of the captured tables".into());
    }
    Ok(outbox.kept)
}

/// Ends the process where a record is not delivered: the figure would be of something else.
struct Delivered;

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            eprintln!("measure send: {error}");
            std::process::exit(1);
        }
    }
}

pub(crate) fn send(args: &Send) -> Result<(), Failure> {
    let database = database(&args.config)?;
    let headers = context_headers(&database);
    let batches = encode(&database, &args.files)?;
    let count: usize = batches.iter().map(|batch| batch.records.len()).sum();
    let bytes: usize = batches.iter().map(|batch| batch.bytes.len()).sum();
    let kafka = kafka(&database)?;
    let mut config = producer_config(kafka, "measure");
    // librdkafka counts keys and values; remora's budget counts headers and what a record costs beside.
    let header_bytes = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + HEADER_BYTES);
    let beside = RECORD_BYTES + header_bytes.sum::<usize>();
    let record = bytes / count.max(1);
    let many = usize::try_from(args.producers)?;
    let queue = kafka.in_flight_bytes_max / many / (record + beside) * record;
    config.set(
        "queue.buffering.max.kbytes",
        (queue / 1024).max(1).to_string(),
    );
    let producers: Vec<ThreadedProducer<Delivered>> = (0..many)
        .map(|_| config.create_with_context(Delivered))
        .collect::<Result<_, _>>()?;
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
    // The peak counts from here (`man proc_pid_clear_refs`).
    std::fs::write("/proc/self/clear_refs", "5")?;
    println!(
        "{}",
        bytes + count * size_of::<remora::sink::batch::Record>()
    );
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    // Whoever started this may be gone before it is done.
    let watcher = thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let mut left = args.records;
    for batch in batches.iter().cycle() {
        for record in &batch.records {
            if left == 0 {
                for producer in &producers {
                    producer.flush(FLUSH_TIMEOUT)?;
                }
                return watcher.join().map_err(|_| "the watcher panicked".into());
            }
            let key = record.key.map(|span| batch.bytes_of(span));
            let partition = partition_of(key.unwrap_or_default(), args.producers);
            let producer = producers
                .get(usize::try_from(partition)?)
                .ok_or("a partition without a producer")?;
            let mut message = BaseRecord::to(&args.topic)
                .partition(partition)
                .headers(headers.clone());
            message.key = key;
            message.payload = record.value.map(|span| batch.bytes_of(span));
            enqueue(producer, message)?;
            left -= 1;
        }
    }
    Ok(())
}

fn enqueue(
    producer: &ThreadedProducer<Delivered>,
    mut message: BaseRecord<'_, [u8], [u8]>,
) -> Result<(), Failure> {
    loop {
        match producer.send(message) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                message = back;
                thread::sleep(QUEUE_FULL_WAIT);
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

pub(crate) fn read(args: &Read) -> Result<(), Failure> {
    let database = database(&args.config)?;
    let mysql = &database.mysql;
    let request = DumpRequest {
        // remora's own id would end remora's dump.
        server_id: mysql.server_id ^ 1,
        replica_uuid: "00000000-0000-0000-0000-000000000001".to_owned(),
        heartbeat: mysql.heartbeat,
        net_write_timeout: mysql.net_write_timeout,
        event_bytes_max: mysql.event_bytes_max,
        from: DumpFrom::File {
            name: args.file.clone(),
            position: 4,
        },
    };
    let allowed = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&allowed);
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            told.store(line.trim().parse().unwrap_or(0), Ordering::Relaxed);
        }
        // Behind the end of the binlog the server says nothing: only this ends the wait for it.
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let wire = Wire::connect(mysql).await?;
        let mut stream = wire.dump(&request).await?;
        let mut chunk = Chunk::default();
        let mut read = 0;
        loop {
            while read >= allowed.load(Ordering::Relaxed) {
                tokio::time::sleep(PACE).await;
            }
            stream.read(&mut chunk).await?;
            read += chunk.event_bytes() as u64;
        }
    })
}
