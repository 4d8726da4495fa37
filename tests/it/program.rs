//! The program as users run it: its signals, its exit codes, its self-check.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::program::Program;
use crate::support::stub;

/// One call over a connection of its own; the status line.
fn call(proxy: SocketAddr) -> String {
    call_at(proxy, "/mcp")
}

fn call_at(proxy: SocketAddr, path: &str) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok"}}"#;
    let length = body.len();
    let mut stream = TcpStream::connect(proxy).expect("a connection");
    let head = "HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close";
    write!(stream, "POST {path} {head}\r\ncontent-length: {length}\r\n\r\n{body}").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_changes_nothing_and_a_termination_drains_and_exits_with_0() {
    let mut program = Program::start(stub::start().await);
    let proxy = program.proxy;
    let carried = || tokio::task::spawn_blocking(move || call(proxy));
    assert_eq!(carried().await.unwrap(), "HTTP/1.1 200 OK");
    program.signal("HUP");
    assert_eq!(carried().await.unwrap(), "HTTP/1.1 200 OK");
    program.signal("TERM");
    let code = tokio::task::spawn_blocking(move || program.child.wait().map(|status| status.code())).await;
    assert_eq!(code.unwrap().unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_says_on_standard_output_is_all_there_when_it_has_ended() {
    let upstream = stub::start().await;
    let said = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sightglass"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--upstream", &format!("http://{upstream}/mcp")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut next = move || -> Option<serde_json::Value> {
            lines.next().map(|line| serde_json::from_str(&line.expect("a line")).expect("a JSON object"))
        };
        let started = next().expect("the start line");
        call(started["listen"][0].as_str().and_then(|text| text.parse().ok()).expect("an address"));
        let mut said = vec![started, next().expect("the line of the call")];
        let kill = Command::new("kill").arg(child.id().to_string()).status();
        assert!(kill.expect("kill").success());
        said.extend(std::iter::from_fn(next));
        assert!(child.wait().expect("an end").success());
        said
    });
    let said = said.await.unwrap();
    let events: Vec<&str> = said.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["started", "random_salt", "tool_invocation", "stopping", "stopped"]);
    assert!(said.iter().all(|line| line["service"] == "sightglass" && line["level"] == "info"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_read_again_on_a_hangup_and_when_it_changes() {
    let upstream = stub::start().await;
    let work = move || {
        let folder = std::env::temp_dir().join(format!("sightglass-reload-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("config.toml");
        let write = |names: &[&str], more: &str| {
            let head = "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[logs]\ncalls = false\n";
            let block = |name: &&str| {
                format!(
                    "[[server]]\nname = \"{name}\"\npath = \"/{name}\"\nurl = \"http://{upstream}/mcp\"\n"
                )
            };
            let blocks: String = names.iter().map(block).collect();
            std::fs::write(&file, format!("{head}{blocks}{more}")).expect("a file");
        };
        write(&["a"], "");
        let mut child = Command::new(env!("CARGO_BIN_EXE_sightglass"))
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut until = |event: &str| -> serde_json::Value {
            let json =
                |line: std::io::Result<String>| serde_json::from_str(&line.expect("a line")).expect("JSON");
            lines
                .by_ref()
                .map(json)
                .find(|line: &serde_json::Value| line["event"] == event)
                .expect("a line of it")
        };
        let proxy =
            until("started")["listen"][0].as_str().and_then(|text| text.parse().ok()).expect("an address");
        let signal = |name: &str| {
            let kill = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
            assert!(kill.expect("kill").success());
        };
        assert_eq!(call_at(proxy, "/b"), "HTTP/1.1 404 Not Found");

        write(&["a", "b"], "[limits]\nmax_sessions = 5\n");
        signal("HUP");
        assert_eq!(until("reloaded")["added"], "b");
        assert_eq!(until("restart_needed")["keys"], "limits");
        assert_eq!(call_at(proxy, "/b"), "HTTP/1.1 200 OK");

        write(&["a"], "no_such_key = 1\n");
        signal("HUP");
        let failed = until("reload_failed");
        assert!(failed["error"].as_str().is_some_and(|error| error.contains("no_such_key")), "{failed}");
        assert_eq!(call_at(proxy, "/b"), "HTTP/1.1 200 OK");

        // Nobody says anything: it is seen.
        write(&["a"], "");
        assert_eq!(until("reloaded")["removed"], "b");
        assert_eq!(call_at(proxy, "/b"), "HTTP/1.1 404 Not Found");
        assert_eq!(call_at(proxy, "/a"), "HTTP/1.1 200 OK");
        signal("TERM");
        until("stopped");
        assert!(child.wait().expect("an end").success());
        std::fs::remove_dir_all(folder).expect("no folder");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// Two processes on one socket, as systemd and other keepers of sockets have it: while one drains and the next begins, each
/// connection finds somebody.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_on_an_inherited_socket_refuses_nobody() {
    let upstream = stub::start().await;
    let work = move || {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("an address");
        let start = || {
            let child = Command::new("sh")
                .args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\""])
                .arg(env!("CARGO_BIN_EXE_sightglass"))
                .args([
                    "serve",
                    "--listen",
                    &address.to_string(),
                    "--admin",
                    "127.0.0.1:0",
                    "--log-format",
                    "json",
                ])
                .args(["--upstream", &format!("http://{upstream}/mcp")])
                .stdin(std::os::fd::OwnedFd::from(socket.try_clone().expect("a copy")))
                .stdout(Stdio::piped())
                .spawn();
            let mut child = Stopped(child.expect("the program"));
            let mut lines = BufReader::new(child.0.stdout.take().expect("its output")).lines();
            let line: serde_json::Value =
                serde_json::from_str(&lines.next().expect("a line").expect("a line")).expect("JSON");
            assert_eq!(
                (&line["event"], &line["listen"][0]),
                (&"started".into(), &address.to_string().into())
            );
            std::thread::spawn(move || lines.for_each(drop));
            child
        };
        let mut running = start();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // However this ends, its callers do.
            let ending = Over(&over);
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut calls = 0;
                        while !over.load(Ordering::Relaxed) {
                            assert_eq!(call(address), "HTTP/1.1 200 OK");
                            calls += 1;
                        }
                        calls
                    })
                })
                .collect();
            for _ in 0..5 {
                let next = start();
                let kill = Command::new("kill").arg(running.0.id().to_string()).status();
                assert!(kill.expect("kill").success());
                assert_eq!(running.0.wait().expect("an end").code(), Some(0));
                running = next;
            }
            drop(ending);
            let calls: u32 = callers.into_iter().map(|caller| caller.join().expect("a caller")).sum();
            assert!(calls > 20, "{calls} calls are no load");
        });
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// Says that it is over when it leaves.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A process that ends with the test, however that ends.
struct Stopped(std::process::Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The demo's own check: its users' counts and the page of the proxy between must agree on every call.
#[cfg(feature = "demo")]
#[test]
fn the_demo_checks_itself() {
    let demo =
        Command::new(env!("CARGO_BIN_EXE_sightglass")).args(["demo", "--for", "1s", "--port", "0"]).output();
    let demo = demo.expect("the program");
    let said = String::from_utf8_lossy(&demo.stdout);
    assert!(demo.status.success(), "{said}{}", String::from_utf8_lossy(&demo.stderr));
    assert!(said.contains("self-check passed"), "{said}");
}
