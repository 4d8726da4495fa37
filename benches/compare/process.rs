//! A target's processes: started, looked at in `/proc`, and ended by their own id.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a target may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// What `/proc` counts in; the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Standard output and error go to files of this folder, the first one emptied and opened to append, so that it can be
    /// cut while it is written.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Result<Self> {
        let file = |name: &str| {
            let path = folder.join(name);
            fs::write(&path, "").and_then(|()| fs::OpenOptions::new().append(true).open(path))
        };
        let what = command.get_program().display().to_string();
        let child = command.stdin(Stdio::null()).stdout(file("stdout")?).stderr(file("stderr")?).spawn();
        Ok(Self { child: child.context(what)? })
    }

    /// An error if it has ended by itself.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("ended by itself: {status}"),
        }
    }

    /// User and system time so far, of all its processes.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.tree().into_iter().map(cpu_seconds_of).sum()
    }

    /// Resident memory of all its processes; pages that they share count for each.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.tree().into_iter().map(resident_kib_of).sum()
    }

    fn tree(&self) -> Vec<u32> {
        let mut tree = vec![self.child.id()];
        let mut at = 0;
        while let Some(process) = tree.get(at) {
            let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
            tree.extend(children.unwrap_or_default().split(' ').filter_map(|id| id.parse::<u32>().ok()));
            at += 1;
        }
        tree
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM first: a process that has children ends them itself.
        let until = Instant::now() + GRACE;
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(process, Signal::TERM);
        }
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cpu_seconds_of(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; behind it the fields are counted from the third.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

fn resident_kib_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
