//! The program as users run it: its signals, its exit codes, its self-check.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use crate::support::program::Program;
use crate::support::stub;

/// One call over a connection of its own; the status line.
fn call(proxy: SocketAddr) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ok"}}"#;
    let length = body.len();
    let mut stream = TcpStream::connect(proxy).expect("a connection");
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close";
    write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").expect("a request");
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
