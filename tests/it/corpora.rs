//! Promise: what fuzzers start from (`tests/fuzz`) holds in every run, as it is and changed here and there. The fuzzers
//! themselves take longer, and look where they have not been.

use std::path::{Path, PathBuf};

use crate::{config, heads, messages, payloads};

const CORPORA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus");

/// How often each file is changed.
const CHANGED: usize = 24;

/// A target, and what it asks of any bytes.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 6] = [
    ("config", config::check::input),
    ("headers", heads::check::input),
    ("jsonrpc", messages::check::jsonrpc),
    ("payloads", payloads::check::input),
    ("splice", messages::check::splice),
    ("sse", messages::check::sse),
];

fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(CORPORA).join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{target} has {} files", files.len());
    files
}

/// Each target is asked of all that it starts from: a file that fails is named.
#[test]
fn every_file_of_every_corpus_holds() {
    for (target, check) in TARGETS {
        for file in files(target) {
            let input = std::fs::read(&file).unwrap();
            let held = std::panic::catch_unwind(|| check(&input));
            assert!(held.is_ok(), "{target}: {}", file.display());
        }
    }
}

#[test]
fn every_corpus_holds_when_it_is_changed() {
    let mut random = fastrand::Rng::with_seed(20_261_128);
    for (target, check) in TARGETS {
        let inputs: Vec<Vec<u8>> = files(target).iter().map(|file| std::fs::read(file).unwrap()).collect();
        for input in &inputs {
            for _ in 0..CHANGED {
                let other = &inputs[random.usize(..inputs.len())];
                let changed = changed(input, other, &mut random);
                let held = std::panic::catch_unwind(|| check(&changed));
                assert!(held.is_ok(), "{target}: {:?}", String::from_utf8_lossy(&changed));
            }
        }
    }
}

/// Every target has a corpus, every corpus a target, and all are built alike.
#[test]
fn every_target_of_the_fuzzer_is_asked_here() {
    let manifest = include_str!("../fuzz/Cargo.toml").parse::<toml::Table>().unwrap();
    let built =
        manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    let corpora = std::fs::read_dir(CORPORA).unwrap().map(|entry| entry.unwrap().file_name());
    let asked: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for mut names in [built.collect::<Vec<_>>(), corpora.map(|name| name.into_string().unwrap()).collect()] {
        names.sort();
        assert_eq!(names, asked);
    }
}

/// One to four changes: a byte, a piece that goes, comes twice, or comes from another file.
fn changed(input: &[u8], other: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut changed = input.to_vec();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..=changed.len());
        let end = at + random.usize(..=(changed.len() - at).min(40));
        let from = random.usize(..=other.len());
        let piece = match random.u8(..4) {
            0 => vec![random.u8(..)],
            1 => Vec::new(),
            2 => changed[at..end].repeat(2),
            _ => other[from..(from + random.usize(..40)).min(other.len())].to_vec(),
        };
        changed.splice(at..end, piece);
    }
    changed
}
