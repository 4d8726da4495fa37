//! What is compared, one file each: how it is found, configured and started.

mod agentgateway;
mod envoy;
mod haproxy;
mod nginx;
mod sightglass;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::client::{Client, Job};
use super::process::Process;
use super::scenario::{Era, SCENARIOS, Scenario};

pub(crate) use sightglass::binary_bytes;

/// Where `benches/compare/run` puts what is not installed: executables, `lib/`, and `NAME.left-out` with a reason.
const PROXIES: &str = "SIGHTGLASS_BENCH_PROXIES";
const READY_WITHIN: Duration = Duration::from_secs(20);

pub(crate) const DIRECT: &str = "direct";
pub(crate) const NGINX: &str = "nginx";
pub(crate) const HAPROXY: &str = "haproxy";
pub(crate) const ENVOY: &str = "envoy";
pub(crate) const OFF: &str = "sightglass-off";
pub(crate) const ALL: &str = "sightglass-all";

/// One row of the tables.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// `None` = the clients call the server itself.
    recipe: Option<Recipe>,
}

/// How a proxy is found and started.
struct Recipe {
    /// The executable, or why this row is left out.
    binary: fn() -> Result<PathBuf, String>,
    version: &'static [&'static str],
    /// Writes the configuration; what starts the proxy in the foreground.
    command: fn(&Site) -> Result<Command>,
    /// The one era it speaks, if it does not pass what it is sent.
    only: Option<Era>,
    /// Measured only where a body is large enough that its buffering decides.
    large_only: bool,
}

impl Recipe {
    const fn new(
        binary: fn() -> Result<PathBuf, String>,
        version: &'static [&'static str],
        command: fn(&Site) -> Result<Command>,
    ) -> Self {
        Self { binary, version, command, only: None, large_only: false }
    }
}

/// Where a target is started, and what it stands before.
pub(crate) struct Site {
    binary: PathBuf,
    /// For its configuration and whatever it writes.
    folder: PathBuf,
    listen: SocketAddr,
    /// For its own pages, where it has any.
    admin: SocketAddr,
    spare: [SocketAddr; 2],
    /// Connections that it must be able to hold at once, both sides counted.
    connections: usize,
    upstream: SocketAddr,
    collector: SocketAddr,
}

impl Site {
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    fn run(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(&self.folder);
        use_libraries(&mut command, &self.binary);
        command
    }
}

/// What all targets share.
pub(crate) struct Ground {
    /// Below it, a folder for each target.
    pub(crate) folder: PathBuf,
    pub(crate) upstream: SocketAddr,
    pub(crate) collector: SocketAddr,
    /// The most clients there are at once.
    pub(crate) clients: usize,
}

/// All rows, in the order of the tables.
pub(crate) fn all() -> Vec<Definition> {
    let direct = Definition { name: DIRECT, about: "no proxy: the clients call the server", recipe: None };
    let mut all = vec![direct];
    all.extend(nginx::rows());
    all.push(haproxy::row());
    all.push(envoy::row());
    all.extend(agentgateway::rows());
    all.extend(sightglass::rows());
    all
}

impl Definition {
    /// Why it cannot be started here; `None` = it can.
    pub(crate) fn left_out(&self) -> Option<String> {
        (self.recipe.as_ref()?.binary)().err()
    }

    pub(crate) fn has_process(&self) -> bool {
        self.recipe.is_some()
    }

    pub(crate) fn measures(&self, scenario: &Scenario) -> bool {
        !self.recipe.as_ref().is_some_and(|recipe| recipe.large_only) || scenario.is_large()
    }

    /// What it says of its version, one line.
    pub(crate) fn version(&self) -> String {
        let Some((recipe, binary)) =
            self.recipe.as_ref().and_then(|recipe| Some((recipe, (recipe.binary)().ok()?)))
        else {
            return String::new();
        };
        let mut command = Command::new(&binary);
        use_libraries(&mut command, &binary);
        let output = command.args(recipe.version).output();
        let said = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown").trim();
        // Some say first where they lie.
        line.split_once("version: ").map_or(line, |(_, version)| version).to_owned()
    }

    /// Starts it and waits for its first answer.
    pub(crate) fn start(&self, ground: &Ground) -> Result<Target> {
        self.try_start(ground).with_context(|| format!("{} did not start", self.name))
    }

    fn try_start(&self, ground: &Ground) -> Result<Target> {
        let Some(recipe) = &self.recipe else { return self.without_process(ground) };
        let folder = ground.folder.join(self.name);
        fs::create_dir_all(&folder)?;
        let ports = free_addresses()?;
        let site = Site {
            binary: (recipe.binary)().map_err(anyhow::Error::msg)?,
            folder: folder.canonicalize()?,
            listen: ports[0],
            admin: ports[1],
            spare: [ports[2], ports[3]],
            connections: 2 * ground.clients + 128,
            upstream: ground.upstream,
            collector: ground.collector,
        };
        let command = (recipe.command)(&site)?;
        let begun = Instant::now();
        let mut target = Target {
            name: self.name,
            address: site.listen,
            admin: site.admin,
            only: recipe.only,
            ready: Duration::ZERO,
            output: site.folder.join("stdout"),
            process: Some(Process::start(command, &site.folder)?),
        };
        target.until_it_answers().with_context(|| last_words(&site.folder))?;
        target.ready = begun.elapsed();
        Ok(target)
    }

    fn without_process(&self, ground: &Ground) -> Result<Target> {
        let mut target = Target {
            name: self.name,
            address: ground.upstream,
            admin: ground.upstream,
            only: None,
            ready: Duration::ZERO,
            output: PathBuf::new(),
            process: None,
        };
        target.until_it_answers()?;
        Ok(target)
    }
}

/// A target that runs; it ends with this.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Where sightglass tells what it dropped.
    pub(crate) admin: SocketAddr,
    only: Option<Era>,
    /// From its start to its first answer.
    pub(crate) ready: Duration,
    /// What it wrote to standard output.
    output: PathBuf,
    process: Option<Process>,
}

impl Target {
    pub(crate) fn job(&self, scenario: &'static Scenario) -> Job {
        let era = self.only.unwrap_or(scenario.era);
        Job { scenario, era, address: self.address, exact: self.only.is_none() }
    }

    pub(crate) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Log lines of hours would fill the disk.
    pub(crate) fn cut_output(&self) {
        let file = fs::OpenOptions::new().write(true).open(&self.output);
        let _ = file.and_then(|file| file.set_len(0));
    }

    fn until_it_answers(&mut self) -> Result<()> {
        let until = Instant::now() + READY_WITHIN;
        let job = self.job(&SCENARIOS[0]);
        loop {
            let answered = Client::open(&job, 0).and_then(|mut client| client.call());
            let Err(error) = answered else { return Ok(()) };
            if let Some(process) = &mut self.process {
                process.must_run()?;
            }
            ensure!(Instant::now() < until, error.context(format!("no answer within {READY_WITHIN:?}")));
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// The executable by its name: from the folder of the proxies, else as it is installed.
fn installed(name: &str) -> Result<PathBuf, String> {
    let brought = std::env::var_os(PROXIES).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = brought.iter().cloned().chain(std::env::split_paths(&path));
    let found = folders.chain([PathBuf::from("/usr/sbin")]).map(|folder| folder.join(name));
    let mut found = found.filter(|path| path.is_file());
    found.next().ok_or_else(|| {
        let reason =
            brought.and_then(|folder| fs::read_to_string(folder.join(format!("{name}.left-out"))).ok());
        reason.map_or_else(|| "not installed".to_owned(), |reason| reason.trim().to_owned())
    })
}

/// What was brought without being installed finds its libraries beside it.
fn use_libraries(command: &mut Command, binary: &Path) {
    let libraries = std::env::var_os(PROXIES).map(|folder| Path::new(&folder).join("lib"));
    let brought = std::env::var_os(PROXIES).is_some_and(|folder| binary.starts_with(folder));
    if let Some(libraries) = libraries.filter(|libraries| brought && libraries.is_dir()) {
        command.env("LD_LIBRARY_PATH", libraries);
    }
}

/// Addresses on which nothing listens now.
fn free_addresses() -> Result<[SocketAddr; 4]> {
    let listeners = [0; 4].map(|port: u16| TcpListener::bind(("127.0.0.1", port)));
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); 4];
    for (address, listener) in addresses.iter_mut().zip(listeners) {
        *address = listener?.local_addr()?;
    }
    Ok(addresses)
}

fn last_words(folder: &Path) -> String {
    let words = ["stderr", "stdout"].map(|file| fs::read_to_string(folder.join(file)).unwrap_or_default());
    let lines: Vec<&str> = words.iter().flat_map(|text| text.lines()).collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
