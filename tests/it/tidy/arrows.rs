//! Who may import whom, and which outside crates each module may name.

use std::collections::BTreeSet;
use std::path::Path;

use super::source::Source;

/// A row of the table of `architecture.md`.
struct Row {
    module: &'static str,
    imports: &'static [&'static str],
    /// Outside crates; a trailing `*` stands for any ending.
    crates: &'static [&'static str],
}

const TABLE: &[Row] = &[
    Row { module: "config", imports: &[], crates: &["serde", "toml"] },
    Row { module: "shutdown", imports: &[], crates: &["tokio"] },
    Row { module: "net", imports: &["config"], crates: &["tokio", "hyper*", "rustls*"] },
    Row { module: "mcp", imports: &[], crates: &["bytes", "serde", "serde_json", "memchr"] },
    Row {
        module: "observe",
        imports: &["config", "mcp"],
        crates: &["bytes", "http", "tokio", "flate2", "brotli", "zstd"],
    },
    Row {
        module: "export",
        imports: &["config", "net", "mcp", "observe"],
        crates: &["metrics*", "opentelemetry*", "tracing*", "tokio", "http", "bytes", "serde_json", "flate2"],
    },
    Row { module: "rewrite", imports: &["config", "mcp"], crates: &["bytes", "http"] },
    Row { module: "guard", imports: &["config", "net", "observe"], crates: &["http", "tokio"] },
    Row {
        module: "wire",
        imports: &["config", "net", "guard", "rewrite", "observe", "shutdown"],
        crates: &["hyper*", "http_body*", "rustls*", "tokio*"],
    },
    Row {
        module: "probe",
        imports: &["config", "net", "mcp", "observe", "shutdown"],
        crates: &["hyper*", "tokio"],
    },
    Row {
        module: "admin",
        imports: &["config", "net", "export", "observe", "probe", "shutdown"],
        crates: &["hyper*", "tokio", "serde_json", "flate2"],
    },
];

/// What the table allows besides, with the reason.
const ADDITIONS: &[(&[&str], &[&str])] = &[
    // Error types that keep their source.
    (&["net", "config", "wire", "guard"], &["thiserror"]),
    // Whether a file is PEM; no certificate is read there.
    (&["config"], &["rustls_pki_types"]),
    // How the variables of OpenTelemetry write what is no plain text.
    (&["config"], &["percent_encoding"]),
    // The program's own lines about its lifecycle; about traffic there are events.
    (&["wire", "net", "guard", "admin", "export"], &["tracing"]),
    // The types that HTTP libraries share, where hyper itself is not meant.
    (
        &["net", "wire", "rewrite", "guard", "probe", "admin"],
        &["bytes", "http", "pin_project_lite", "tower_service", "http_body*"],
    ),
    // Where a key stands in what passes.
    (&["rewrite"], &["memchr"]),
    // Heads of HTTP/1.1, read where hyper is not meant.
    (&["wire"], &["httparse", "memchr"]),
    // TLS over tokio's sockets.
    (&["net", "wire"], &["tokio_rustls"]),
    // Options of sockets that tokio does not set.
    (&["net", "wire"], &["socket2"]),
    // Keyed hashes of what acts as a secret; ids of traces; shapes of secrets.
    (&["observe"], &["aws_lc_rs", "fastrand", "regex"]),
    // The file that remembers tools, and its lock; the priority of the thread that counts tokens, and who counts them.
    (&["observe"], &["serde_json", "rustix", "bpe_openai"]),
    // Ids of spans and of requests that have none; the jitter of waiting.
    (&["wire", "export", "probe"], &["fastrand"]),
    // What a server says to a probe, and what a probe says of it.
    (&["probe"], &["serde", "serde_json"]),
    // The gRPC exporter's channel over our own connections, and its headers.
    (&["export"], &["tonic", "thiserror"]),
    // What rustls calls its provider.
    (&["net"], &["aws_lc_rs"]),
    // Bounded tables and their hashing.
    (&["observe", "export"], &["hashlink", "foldhash"]),
    // The clients whose rate is limited, and the tokens that were let through: bounded tables.
    (&["guard"], &["hashlink"]),
    // Tokens: what they are signed with, what they say, and what they are known by.
    (&["guard"], &["jsonwebtoken", "serde_json", "aws_lc_rs"]),
    // Numbers of lines and of the page.
    (&["export"], &["itoa"]),
    // Why an HTTP/2 connection ended, which hyper has from it.
    (&["wire"], &["h2"]),
    // What a reload replaces while requests read it.
    (&["wire", "guard", "admin", "observe", "export"], &["arc_swap"]),
    // Tokens compared in a time that tells nothing; why the listener cannot be opened.
    (&["admin"], &["aws_lc_rs", "thiserror"]),
    // Certificates that change while they are used, and what tells them apart.
    (&["net"], &["arc_swap"]),
    // Listeners that were open before the process was.
    (&["net"], &["listenfd"]),
];

/// Files that may import everything.
const FREE: &[&str] = &["cli", "main", "lib", "build"];

/// The names of all dependencies in `manifest`, as code writes them.
pub(super) fn outside_crates(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml");
    let tables =
        ["dependencies", "dev-dependencies"].map(|table| manifest.get(table).and_then(toml::Value::as_table));
    tables.into_iter().flatten().flat_map(|table| table.keys()).map(|name| name.replace('-', "_")).collect()
}

/// What `text`, the file at `path` below `src/`, names and may not.
pub(super) fn complaints(path: &Path, text: &str, outside: &BTreeSet<String>) -> Vec<String> {
    let segments = segments(path);
    let module = segments.first().map_or("", String::as_str);
    if FREE.contains(&module) || path.ends_with("tests.rs") {
        return Vec::new();
    }
    let Some(row) = TABLE.iter().find(|row| row.module == module) else {
        return vec![format!("the module `{module}` is not in the table of tests/it/tidy/arrows.rs")];
    };
    let source = Source::of(text);
    let names = Names::of(&source, segments.len(), outside);
    let modules =
        names.modules.iter().filter(|(_, name)| name != module && !row.imports.contains(&name.as_str()));
    let crates = names.crates.iter().filter(|(_, name)| !is_allowed_crate(row, name));
    modules
        .map(|(line, name)| format!("line {line}: `{module}` may not import `crate::{name}`"))
        .chain(crates.map(|(line, name)| format!("line {line}: `{module}` may not name the crate `{name}`")))
        .collect()
}

/// `wire/tap.rs` and `wire/tap/mod.rs` are the module `wire`, `tap`.
fn segments(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

fn is_allowed_crate(row: &Row, name: &str) -> bool {
    let added = ADDITIONS.iter().filter(|(modules, _)| modules.contains(&row.module));
    row.crates.iter().chain(added.flat_map(|(_, crates)| crates.iter())).any(|allowed| {
        match allowed.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == *allowed,
        }
    })
}

/// Which modules of the crate and which outside crates a file names, each with its line.
#[derive(Default)]
struct Names {
    modules: Vec<(usize, String)>,
    crates: Vec<(usize, String)>,
}

impl Names {
    fn of(source: &Source, depth: usize, outside: &BTreeSet<String>) -> Self {
        let words = source.without_tests();
        let local = local_names(&words);
        let mut names = Self::default();
        for (index, (line, word)) in words.iter().enumerate() {
            let at = |offset: usize| words.get(index + offset).map_or("", |(_, word)| *word);
            let before = |offset: usize| {
                index.checked_sub(offset).and_then(|at| words.get(at)).map_or("", |(_, word)| *word)
            };
            let leads = before(1) != "::" && before(1) != ".";
            if leads && at(1) == "::" && matches!(*word, "crate" | "super") {
                names.modules.extend(crate_modules(&words, index, depth));
            }
            let explicit = before(1) == "::" && !is_identifier(before(2)) && before(2) != ">";
            let imported = matches!(before(1), "use" | "crate") && matches!(at(1), ";" | "as");
            let path = leads && at(1) == "::" && !local.contains(word);
            if outside.contains(*word) && (explicit || imported || path) {
                names.crates.push((*line, (*word).to_owned()));
            }
        }
        names
    }
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The modules that a path beginning with `crate::` or `super::` at `start` leads to, from the root of the crate. A file
/// at `depth` reaches the root by as many `super`; a path that stays below it names only its own module.
fn crate_modules(words: &[(usize, &str)], start: usize, depth: usize) -> Vec<(usize, String)> {
    let word = |index: usize| words.get(index).map_or("", |(_, word)| *word);
    let mut at = start;
    let mut supers = 0;
    while word(at) == "super" && word(at + 1) == "::" {
        supers += 1;
        at += 2;
    }
    if word(start) == "crate" {
        at += 2;
    } else if supers < depth {
        return Vec::new();
    }
    if word(at) == "{" { group(words, at) } else { named(words, at) }
}

fn named(words: &[(usize, &str)], at: usize) -> Vec<(usize, String)> {
    words.get(at).map(|(line, word)| (*line, (*word).to_owned())).into_iter().collect()
}

/// The first word of each member of the group that opens at `open`.
fn group(words: &[(usize, &str)], open: usize) -> Vec<(usize, String)> {
    let mut members = Vec::new();
    let mut depth = 0_usize;
    for (index, (_, word)) in words.iter().enumerate().skip(open) {
        match *word {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            _ => {}
        }
        let opens = depth == 1 && matches!(*word, "{" | ",");
        if opens && words.get(index + 1).is_some_and(|(_, next)| *next != "}") {
            members.extend(named(words, index + 1));
        }
    }
    members
}

/// Names that mean something of this crate here: modules declared, and what `use crate::…`, `self::…` or `super::…` ends
/// with.
fn local_names<'a>(words: &[(usize, &'a str)]) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    let mut ours = false;
    let mut inside_use = false;
    for (index, (_, word)) in words.iter().enumerate() {
        let next = words.get(index + 1).map_or("", |(_, word)| *word);
        match *word {
            "mod" if is_identifier(next) => {
                names.insert(next);
            }
            "use" => {
                inside_use = true;
                ours = matches!(next, "crate" | "self" | "super");
            }
            ";" => inside_use = false,
            _ if inside_use && ours && is_identifier(word) && matches!(next, ";" | "," | "}") => {
                names.insert(word);
            }
            _ => {}
        }
    }
    names
}
