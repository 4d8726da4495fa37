//! The habits that no compiler checks: who may import whom (the table of the architecture), what no file may hold, and
//! formatting.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

mod arrows;
mod source;

use source::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files of these folders of the repository, in order.
fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !hidden && !path.ends_with("target") && !path.ends_with("node_modules") {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no Rust files in {folders:?}");
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let crates = arrows::outside_crates(&read(&root().join("Cargo.toml")));
    let mut wrong = Vec::new();
    for path in rust_files(&["src"]) {
        let name = path.strip_prefix(root().join("src")).expect("a file of src").to_path_buf();
        for complaint in arrows::complaints(&name, &read(&path), &crates) {
            wrong.push(format!("{}: {complaint}", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_table_catches_what_it_forbids() {
    let crates: BTreeSet<String> =
        ["tokio", "hyper", "hyper_util", "serde", "http", "bytes"].map(str::to_owned).into();
    let caught = |file: &str, text: &str| !arrows::complaints(Path::new(file), text, &crates).is_empty();
    for (file, text) in [
        ("mcp/sse.rs", "use crate::config::Config;"),
        ("mcp/sse.rs", "use tokio::time::Instant;"),
        ("mcp/sse.rs", "use super::super::config;"),
        ("mcp/mod.rs", "use super::observe::Event;"),
        ("mcp/mod.rs", "fn now() { crate::wire::now(); }"),
        ("mcp/mod.rs", "use crate::{mcp::sse, config::{self, Url}};"),
        ("mcp/mod.rs", "use {bytes::Bytes, tokio::net};"),
        ("mcp/mod.rs", "fn f() { ::tokio::spawn(async {}); }"),
        ("mcp/mod.rs", "#[tokio::main] async fn f() {}"),
        ("mcp/mod.rs", "extern crate tokio;"),
        ("mcp/mod.rs", "use tokio as t;"),
        ("mcp/mod.rs", "use crate :: config;"),
        ("mcp/mod.rs", "/* ' */ use tokio::net; // '"),
        ("mcp/mod.rs", "const Q: char = '\"'; use tokio::net; const R: char = '\"';"),
        ("config/mod.rs", "use crate::net::Resolve;"),
        ("config/mod.rs", "use hyper_util::rt::TokioIo;"),
        ("observe/mod.rs", "use hyper::Request;"),
        ("net/mod.rs", "use crate::wire::Error;"),
        ("guard/mod.rs", "use crate::*;"),
        ("other/mod.rs", "fn f() {}"),
    ] {
        assert!(caught(file, text), "{file}: {text}");
    }
    for (file, text) in [
        ("mcp/mod.rs", "// use tokio::net;\n/* use crate::config; /* nested */ */ use bytes::Bytes;"),
        ("mcp/mod.rs", "const TEXT: &str = \"use tokio::net;\"; const RAW: &str = r#\"crate::config::\"\"#;"),
        ("mcp/sse.rs", "use super::http::status; fn f<'a>(x: &'a str) { status::of(x) }"),
        ("mcp/mod.rs", "mod http; fn f() { http::status() }"),
        ("mcp/mod.rs", "use self::http::status; use crate::mcp::sse;"),
        ("mcp/mod.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use tokio::time; }"),
        ("mcp/sse/tests.rs", "use tokio::time;"),
        ("net/mod.rs", "use hyper_util::rt::TokioIo; use crate::config::Url;"),
        ("observe/calls/mod.rs", "use super::super::mcp::Method; use super::Event;"),
        ("cli/serve.rs", "use crate::wire; use hyper::Request;"),
        ("main.rs", "use sightglass::wire;"),
    ] {
        assert!(!caught(file, text), "{file}: {text}");
    }
}

/// Words are put together here, so that this file does not hold them.
#[test]
fn no_file_holds_what_no_file_may_hold() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ign", "ore")];
    let mut wrong = Vec::new();
    for path in rust_files(&["src", "tests", "benches"]) {
        let text = read(&path);
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", shown(&path), number + 1));
            }
        }
        for (number, word) in forbidden(&Source::of(&text)) {
            wrong.push(format!("{}:{number}: {word}", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// `unsafe`, and channels that grow without a cap, outside comments and strings.
fn forbidden(source: &Source) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let words: Vec<(usize, &str)> = source.words().collect();
    for (index, (line, word)) in words.iter().enumerate() {
        let next: Vec<&str> = words.iter().skip(index + 1).take(4).map(|(_, word)| *word).collect();
        match *word {
            "unsafe" => found.push((*line, "unsafe code")),
            "unbounded_channel" | "unbounded" => found.push((*line, "a channel without a cap")),
            // The one of std takes no capacity; the one of tokio does.
            "mpsc" if next == ["::", "channel", "(", ")"] => found.push((*line, "a channel without a cap")),
            _ => {}
        }
    }
    found
}

#[test]
fn what_is_forbidden_is_found() {
    let found = |text: &str| forbidden(&Source::of(text)).len();
    assert_eq!(found("fn f() { unsafe { g() } }"), 1);
    assert_eq!(found("let (a, b) = tokio::sync::mpsc::unbounded_channel();"), 1);
    assert_eq!(found("let (a, b) = std::sync::mpsc::channel();"), 1);
    assert_eq!(found("// unsafe\nconst A: &str = \"unsafe\"; fn unsafe_name() {}"), 0);
}

#[test]
fn every_limit_stands_in_the_configuration_with_a_comment() {
    let code = read(&root().join("src/config/mod.rs"));
    let (_, after) = code.split_once("pub struct Limits {").expect("the limits");
    let (fields, _) = after.split_once("\n}").expect("their end");
    let limits = fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
    let reference = read(&root().join("config.toml"));
    let (_, section) = reference.split_once("\n[limits]\n").expect("[limits]");
    let (section, _) = section.split_once("\n[").expect("the next table");
    let lines: Vec<&str> = section.lines().collect();
    let mut count = 0;
    for (limit, _) in limits {
        let at = lines.iter().position(|line| line.starts_with(&format!("{limit} = ")));
        let at = at.unwrap_or_else(|| panic!("config.toml does not hold limits.{limit}"));
        let comment = at.checked_sub(1).and_then(|above| lines.get(above));
        assert!(comment.is_some_and(|line| line.starts_with("# ")), "limits.{limit} has no comment above it");
        count += 1;
    }
    assert!(count >= 19, "only {count} limits found");
}

#[test]
fn the_code_is_formatted() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["fmt", "--check"]).current_dir(root()).output();
    let output = output.expect("cargo runs");
    let (shown, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "`cargo fmt` would change this (or rustfmt is missing: `rustup component add rustfmt`):\n{shown}{error}"
    );
}
