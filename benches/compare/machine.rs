//! Where the figures come from.

use std::fmt::Write as _;
use std::fs;

use super::targets::Definition;

/// Markdown: the machine, and the version of every target.
pub(crate) fn described(definitions: &[&Definition]) -> String {
    let mut page = String::new();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let _ = writeln!(page, "- processor: {}, {cores} cores available", processor());
    let _ = writeln!(page, "- memory: {} MiB", memory_kib() / 1024);
    let _ = writeln!(page, "- kernel: {}", read("/proc/sys/kernel/osrelease").trim());
    let _ = writeln!(page, "- load averages before: {}", read("/proc/loadavg").trim());
    for definition in definitions {
        let _ = writeln!(page, "- `{}`: {}. {}", definition.name, definition.about, definition.version());
    }
    page
}

fn processor() -> String {
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned())
}

fn memory_kib() -> u64 {
    let info = read("/proc/meminfo");
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
