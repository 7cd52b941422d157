//! The folder and the environment: which files there are, and which variables belong to which.
//!
//! Takes a folder, variables and arguments; gives the checked configuration or every finding. A file
//! `databases/example.toml` is documentation and never read.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::layer::{Context, Layers, PREFIX, SEPARATOR};
use super::raw::{RawDaemon, RawDatabase};
use super::{
    CheckpointStore, Config, ConfigErrors, Daemon, Database, Finding, Overrides, Place, Sink,
    SinkOverride, Start, check, keys, similar,
};

/// The part of a variable's name that stands for `daemon.toml`.
const DAEMON_STEM: &str = "DAEMON";
/// The file of `databases/` that is documentation.
const EXAMPLE_STEM: &str = "example";
/// No file of ours is near this size.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Variables by the part of the name that says which file they stand above.
type Variables = BTreeMap<String, HashMap<String, String>>;

/// One file of `databases/`, read and checked.
struct Loaded {
    path: PathBuf,
    stem: String,
    /// `None` only where remora's own tables disagree, which is a finding.
    database: Option<Database>,
    context: Context,
}

/// Reads everything.
pub(super) fn read(
    dir: &Path,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    overrides: &Overrides,
) -> Result<Config, ConfigErrors> {
    let mut findings = Vec::new();
    if let Err(error) = fs::read_dir(dir) {
        let problem = format!("the folder cannot be read: {error}");
        findings.push(finding(
            dir,
            problem,
            "name the folder of the configuration by --config DIR",
        ));
        return Err(ConfigErrors { findings });
    }
    let mut variables = group(environment, &mut findings);
    let daemon_variables = variables.remove(DAEMON_STEM).unwrap_or_default();
    let daemon = daemon(&dir.join("daemon.toml"), daemon_variables, &mut findings);

    let mut loaded: Vec<Loaded> = Vec::new();
    for path in database_files(&dir.join("databases"), &mut findings) {
        if let Some(file) = database(path, &loaded, &variables, overrides, &mut findings) {
            loaded.push(file);
        }
    }
    check_unique(&mut loaded);
    let mut unknown = unknown_databases(&variables, &loaded);

    let mut databases = Vec::new();
    for file in loaded {
        databases.extend(file.database);
        findings.extend(file.context.into_findings());
    }
    findings.append(&mut unknown);
    match daemon {
        Some(daemon) if findings.is_empty() => Ok(Config { daemon, databases }),
        Some(_) | None => Err(ConfigErrors { findings }),
    }
}

/// Our variables, by file. Names that are almost ours are findings, as they would do nothing.
fn group(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    findings: &mut Vec<Finding>,
) -> Variables {
    let mut variables = Variables::new();
    let ours: BTreeMap<OsString, OsString> = environment
        .into_iter()
        .filter(|(name, _)| name.to_string_lossy().to_uppercase().starts_with(PREFIX))
        .collect();
    for (name, value) in ours {
        let shown = name.to_string_lossy().into_owned();
        let mut report = |problem: &str, remedy: &str| {
            findings.push(Finding {
                place: Place::Variable(shown.clone()),
                key: None,
                problem: problem.to_owned(),
                remedy: remedy.to_owned(),
            });
        };
        let upper = !shown.contains(|c: char| c.is_lowercase());
        let stem = shown
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once(SEPARATOR));
        match (stem, value.into_string()) {
            (_, Err(_)) => report("its value is not UTF-8 text", "correct the value"),
            (Some((stem, key)), Ok(value)) if upper && !key.is_empty() => {
                variables
                    .entry(stem.to_owned())
                    .or_default()
                    .insert(shown, value);
            }
            (Some(_) | None, Ok(_)) => report(
                "is not the name of a setting",
                "write it in capitals, as REMORA__NAME__SECTION__KEY",
            ),
        }
    }
    variables
}

fn daemon(
    path: &Path,
    variables: HashMap<String, String>,
    findings: &mut Vec<Finding>,
) -> Option<Daemon> {
    let mut layers = Layers::new(keys::DAEMON, path.to_owned(), DAEMON_STEM);
    match text(path) {
        Ok(text) => layers.add_file(&text),
        // The file is optional: every key of it has a default.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => findings.push(unreadable(path, &error)),
    }
    layers.add_variables(variables);
    let (raw, mut context) = layers.merge::<RawDaemon>();
    let daemon = raw.map(|raw| check::daemon(raw, &mut context));
    findings.extend(context.into_findings());
    daemon
}

/// The files of `databases/` that configure a database, by name.
fn database_files(dir: &Path, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    let entries = match fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => {
            let problem = format!("the folder cannot be read: {error}");
            let remedy = "make it, with one file NAME.toml per database";
            findings.push(finding(dir, problem, remedy));
            return Vec::new();
        }
    };
    let hidden = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .map(|entry| entry.path())
        // Editors and Kubernetes keep hidden files beside the real ones.
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter(|path| !hidden(path))
        .filter(|path| path.file_stem().is_none_or(|stem| stem != EXAMPLE_STEM))
        .collect();
    paths.sort();
    if paths.is_empty() {
        let problem = "no database is configured (example.toml is only documentation)".to_owned();
        findings.push(finding(
            dir,
            problem,
            "copy example.toml to NAME.toml and edit it",
        ));
    }
    paths
}

fn database(
    path: PathBuf,
    loaded: &[Loaded],
    variables: &Variables,
    overrides: &Overrides,
    findings: &mut Vec<Finding>,
) -> Option<Loaded> {
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let stem = variable_stem(&name);
    if let Some(problem) = name_problem(&name, &stem, loaded) {
        findings.push(finding(&path, problem, "rename the file"));
    }
    let text = match text(&path) {
        Ok(text) => text,
        Err(error) => {
            findings.push(unreadable(&path, &error));
            return None;
        }
    };
    let mut layers = Layers::new(keys::database(), path.clone(), &stem);
    layers.add_file(&text);
    layers.add_variables(variables.get(&stem).cloned().unwrap_or_default());
    layers.add_arguments(&arguments(&name, overrides));
    let (raw, mut context) = layers.merge::<RawDatabase>();
    let mut database = raw.map(|raw| check::database(&name, raw, &mut context));
    if let (Some(database), Some(SinkOverride::Null)) = (&mut database, &overrides.sink) {
        database.sink = Sink::Null;
    }
    Some(Loaded {
        path,
        stem,
        database,
        context,
    })
}

/// How a file's name stands in the names of variables.
fn variable_stem(name: &str) -> String {
    name.to_uppercase().replace(['-', '.'], "_")
}

/// What is wrong with the name of a file.
fn name_problem(name: &str, stem: &str, loaded: &[Loaded]) -> Option<String> {
    // Single separators only, so that `__` in a variable can mean one thing.
    let well_formed = name
        .split(['-', '.', '_'])
        .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric()));
    if !well_formed {
        return Some(
            "the name must be letters and digits, with single '-', '.' or '_' between".to_owned(),
        );
    }
    if stem == DAEMON_STEM {
        return Some(format!(
            "the name is taken: {PREFIX}{DAEMON_STEM} stands for daemon.toml"
        ));
    }
    let other = loaded.iter().find(|other| other.stem == stem)?;
    Some(format!(
        "its variables would be those of {}: {PREFIX}{stem}",
        other.path.display()
    ))
}

/// What the command line sets for one database.
fn arguments(name: &str, overrides: &Overrides) -> Vec<(&'static str, String)> {
    let mut arguments = Vec::new();
    match &overrides.sink {
        Some(SinkOverride::Stdout) => {
            arguments.push(("sink.type", "stdout".to_owned()));
            arguments.push(("checkpoint.path", format!("state/{name}.stdout.position")));
        }
        Some(SinkOverride::File(path)) => {
            arguments.push(("sink.type", "file".to_owned()));
            arguments.push(("sink.path", path.clone()));
            arguments.push(("checkpoint.path", format!("{path}.{name}.position")));
        }
        Some(SinkOverride::Null) => {
            // Records are lost there, so no file has a word for it: see `database`.
            arguments.push(("sink.type", "stdout".to_owned()));
            arguments.push(("checkpoint.path", format!("state/{name}.null.position")));
        }
        None => {}
    }
    if overrides.sink.is_some() {
        arguments.push(("checkpoint.store", "file".to_owned()));
    }
    match overrides.start {
        Some(Start::Now) => arguments.push(("start", "now".to_owned())),
        Some(Start::Earliest) => arguments.push(("start", "earliest".to_owned())),
        None => {}
    }
    arguments
}

/// Two databases must not share a stored position, nor look like one replica.
fn check_unique(loaded: &mut [Loaded]) {
    for index in 1..loaded.len() {
        let (earlier, rest) = loaded.split_at_mut(index);
        let Some(Loaded {
            database: Some(this),
            context,
            ..
        }) = rest.first_mut()
        else {
            continue;
        };
        for other in earlier.iter() {
            let Some(that) = &other.database else {
                continue;
            };
            let path = other.path.display();
            if this.topic_prefix == that.topic_prefix {
                let problem = format!("{:?} is that of {path} too", this.topic_prefix);
                let remedy = "give each database its own: the stored position is found by it";
                context.report("topic_prefix", &problem, remedy);
            }
            if let Some(shared) = shared_checkpoint(this, that) {
                let problem = format!("{shared:?} is that of {path} too");
                context.report("checkpoint.path", &problem, "give each database its own");
            }
            let server = |database: &Database| {
                (
                    database.mysql.host.to_lowercase(),
                    database.mysql.port,
                    database.mysql.server_id,
                )
            };
            if server(this) == server(that) && !this.mysql.host.is_empty() {
                let problem = format!(
                    "{} is that of {path} too, on the same server",
                    this.mysql.server_id
                );
                let remedy = "give each its own: the server ends the older of two such replicas";
                context.report("mysql.server_id", &problem, remedy);
            }
        }
    }
}

fn shared_checkpoint<'a>(this: &'a Database, that: &Database) -> Option<&'a Path> {
    match (&this.checkpoint.store, &that.checkpoint.store) {
        (CheckpointStore::File { path }, CheckpointStore::File { path: other }) => {
            (absolute(path) == absolute(other)).then_some(path)
        }
        (CheckpointStore::Kafka { .. }, _) | (_, CheckpointStore::Kafka { .. }) => None,
    }
}

/// The file need not exist yet, so only its text can be compared.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn unknown_databases(variables: &Variables, loaded: &[Loaded]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (stem, names) in variables {
        if loaded.iter().any(|file| file.stem == *stem) {
            continue;
        }
        let near = loaded
            .iter()
            .map(|file| (similar::distance(&file.stem, stem), &file.stem))
            .min()
            .filter(|(distance, near)| distance * 2 <= near.len());
        let remedy = match near {
            Some((_, near)) => format!("did you mean {PREFIX}{near}{SEPARATOR}...?"),
            None => "remove it, or add the file".to_owned(),
        };
        let mut names: Vec<&String> = names.keys().collect();
        names.sort();
        findings.extend(names.into_iter().map(|name| Finding {
            place: Place::Variable(name.clone()),
            key: None,
            problem: format!("no file of databases/ is named {:?}", stem.to_lowercase()),
            remedy: remedy.clone(),
        }));
    }
    findings
}

/// A file's text, within a limit.
fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(text.len()).map_or(true, |length| length > FILE_BYTES_MAX) {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            "it is larger than 1 MiB",
        ));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> Finding {
    finding(
        path,
        format!("the file cannot be read: {error}"),
        "correct or remove it",
    )
}

fn finding(path: &Path, problem: String, remedy: &str) -> Finding {
    Finding {
        place: Place::File(path.to_owned()),
        key: None,
        problem,
        remedy: remedy.to_owned(),
    }
}
