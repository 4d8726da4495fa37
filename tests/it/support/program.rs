//! The program itself, started as users start it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program itself, so that its memory is its own.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) proxy: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Program {
    /// `serve` in front of `upstream`, listening.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sightglass"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"])
            .args(["--upstream", &format!("http://{upstream}/mcp")]);
        Self::run(command)
    }

    /// `serve` with this configuration, whose lines are JSON.
    /// It may open so many files.
    pub(crate) fn with_file(file: &Path, files: Option<usize>) -> Self {
        let program = env!("CARGO_BIN_EXE_sightglass");
        let mut command = match files {
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\""), program]);
                shell
            }
            None => Command::new(program),
        };
        command.args(["serve", "--config"]).arg(file);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let started: serde_json::Value = serde_json::from_str(&line).expect("the start line");
        let address = |value: &serde_json::Value| {
            value.as_str().and_then(|text| text.parse().ok()).expect("an address")
        };
        Self { child, proxy: address(&started["listen"][0]), admin: address(&started["admin"]) }
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill").success());
    }

    /// How many files it has open.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("its files").count()
    }

    /// The most memory that was ever resident, bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM")
    }

    /// The memory that is resident, bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.status("VmRSS")
    }

    fn status(&self, name: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a size");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
