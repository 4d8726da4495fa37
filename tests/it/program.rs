//! The program as users run it: its signals, its exit codes, its self-check.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

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
