//! The table of keys, the types that are read and the files of the repository: one truth.

use super::*;

#[test]
fn the_files_of_the_repository_work() {
    let folder = Folder::new(&[
        ("daemon.toml", include_str!("../../../config/daemon.toml")),
        (
            "databases/shop.toml",
            include_str!("../../../config/databases/example.toml"),
        ),
    ]);
    let copied = folder.load(&[]).unwrap();
    // With every commented line taken in, but for files that this machine does not have.
    let text: Vec<&str> = include_str!("../../../config/databases/example.toml")
        .lines()
        .filter(|line| !line.contains("/run/secrets/") && !line.contains("/etc/remora/"))
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            Some(_) | None => line,
        })
        .collect();
    fs::write(folder.path("databases/shop.toml"), text.join("\n")).unwrap();
    let mut database = only(folder.load(&[]).unwrap());
    assert_eq!(
        (database.start, database.mysql.server_id),
        (Some(Start::Now), 1_234_567_890)
    );
    let copied = only(copied);
    let action = database.heartbeat.action_query.take();
    assert!(action.unwrap().starts_with("UPDATE"));
    database.start = None;
    database.mysql.server_id = copied.mysql.server_id;
    assert_eq!(format!("{database:?}"), format!("{copied:?}"));
}

#[test]
fn the_table_of_keys_and_the_types_read_agree() {
    let paths = |value: serde_json::Value| {
        let mut paths = BTreeSet::new();
        flatten("", &value, &mut paths);
        paths
    };
    let mut layers = layer::Layers::new(keys::database(), PathBuf::new(), "X");
    layers.add_file("");
    let raw = layers.merge::<raw::RawDatabase>().0.unwrap();
    let defined: BTreeSet<String> = keys::database()
        .iter()
        .map(|key| key.path.to_owned())
        .collect();
    assert_eq!(paths(serde_json::to_value(raw).unwrap()), defined);

    let raw = layer::Layers::new(keys::DAEMON, PathBuf::new(), "X")
        .merge::<raw::RawDaemon>()
        .0
        .unwrap();
    let defined: BTreeSet<String> = keys::DAEMON.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(paths(serde_json::to_value(raw).unwrap()), defined);
}

fn flatten(prefix: &str, value: &serde_json::Value, paths: &mut BTreeSet<String>) {
    match value.as_object() {
        Some(table) if !table.is_empty() => {
            for (name, value) in table {
                flatten(&format!("{prefix}.{name}"), value, paths);
            }
        }
        Some(_) | None => {
            paths.insert(prefix.trim_start_matches('.').to_owned());
        }
    }
}

#[test]
fn words_and_limits_of_every_key_are_those_of_the_types() {
    // Each word and each limit must pass serde: a table that promises more than the types is a bug.
    for key in keys::database() {
        let texts: Vec<String> = match key.kind {
            keys::Kind::Word(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            keys::Kind::Integer { min, max } => vec![min.to_string(), max.to_string()],
            keys::Kind::Bytes { min, max } => vec![min.to_string(), max.to_string()],
            keys::Kind::Text | keys::Kind::Password | keys::Kind::Bool => continue,
            keys::Kind::List | keys::Kind::Settings => continue,
            keys::Kind::Files | keys::Kind::Tables => continue,
        };
        for text in texts {
            let mut layers = layer::Layers::new(keys::database(), PathBuf::new(), "X");
            layers.add_arguments(&[(key.path, text.clone())]);
            let (raw, context) = layers.merge::<raw::RawDatabase>();
            assert!(
                raw.is_some(),
                "{} = {text}: {:?}",
                key.path,
                context.into_findings()
            );
        }
    }
}
