//! One program for all targets: REMORA_FUZZ_TARGET names the one to run. With REMORA_FUZZ_SEEDS, a list of binlog
//! files parted by colons, it only writes FOLDER/TARGET/NUMBER for each target below REMORA_FUZZ_FOLDER.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use remora::fuzzing::{TARGETS, find};

fn target() -> fn(&[u8]) {
    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("REMORA_FUZZ_TARGET").unwrap_or_default();
        let Some(target) = find(&name) else {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!(
                "REMORA_FUZZ_TARGET is '{name}', not one of: {}",
                names.join(" ")
            );
            std::process::exit(2);
        };
        target.run
    })
}

fn write_seeds(logs: &str) {
    let folder = PathBuf::from(std::env::var_os("REMORA_FUZZ_FOLDER").expect("REMORA_FUZZ_FOLDER"));
    let logs: Vec<Vec<u8>> = logs
        .split(':')
        .map(|log| std::fs::read(log).expect(log))
        .collect();
    for target in TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder).expect("a folder for the seeds");
        let seeds = logs.iter().flat_map(|log| (target.seeds)(log));
        for (number, seed) in seeds.enumerate() {
            std::fs::write(folder.join(number.to_string()), seed).expect("a seed");
        }
        println!("{}", target.name);
    }
}

libfuzzer_sys::fuzz_target!(
    init: {
        if let Ok(logs) = std::env::var("REMORA_FUZZ_SEEDS") {
            write_seeds(&logs);
            std::process::exit(0);
        }
        target();
    },
    |data: &[u8]| target()(data)
);
