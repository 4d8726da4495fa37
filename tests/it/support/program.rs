//! The program itself, started as users start it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
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
        let mut child = Command::new(env!("CARGO_BIN_EXE_sightglass"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"])
            .args(["--upstream", &format!("http://{upstream}/mcp")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
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

    /// The most memory that was ever resident, bytes.
    pub(crate) fn peak(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
