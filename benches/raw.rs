//! A raw keep-alive client and a raw stub server, so that what is measured is the proxy; and the proxy, as users start it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Every client calls until the time is over; the time of each call.
pub(crate) fn round(
    address: SocketAddr,
    concurrency: usize,
    time: Duration,
) -> std::io::Result<Vec<Duration>> {
    let start = Arc::new(Barrier::new(concurrency));
    let clients: Vec<_> = (0..concurrency)
        .map(|_| {
            let start = Arc::clone(&start);
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(thread::spawn(move || {
                start.wait();
                let over = Instant::now() + time;
                let mut times = Vec::new();
                let mut buffer = vec![0; 4096];
                let request = request("/mcp");
                while Instant::now() < over {
                    let begun = Instant::now();
                    stream.write_all(&request)?;
                    read_message(&mut stream, &mut buffer)?;
                    times.push(begun.elapsed());
                }
                Ok::<_, std::io::Error>(times)
            }))
        })
        .collect::<std::io::Result<_>>()?;
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.join().map_err(|_panic| std::io::Error::other("a client panicked"))??);
    }
    Ok(all)
}

pub(crate) fn request(path: &str) -> Vec<u8> {
    let text = "x".repeat(810);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{text}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","openai/session":"a-conversation"}}}}}}"#
    );
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: echo\r\nx-user: ada\r\nx-plan: pro\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub(crate) fn answer() -> Vec<u8> {
    let text = "y".repeat(860);
    let body = format!(
        r#"{{"result":{{"content":[{{"type":"text","text":"{text}"}}],"structuredContent":{{"amount":42}}}},"jsonrpc":"2.0","id":1}}"#
    );
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads one message of a known length, which it returns; `None` at the end of the connection.
pub(crate) fn read_message(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<Option<usize>> {
    let mut have = 0;
    loop {
        let read = stream.read(&mut buffer[have..])?;
        if read == 0 {
            return if have == 0 { Ok(None) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
        }
        have += read;
        if length(&buffer[..have]).is_some_and(|length| have >= length) {
            return Ok(Some(have));
        }
    }
}

fn length(message: &[u8]) -> Option<usize> {
    let head = message.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&message[..head]).ok()?.to_ascii_lowercase();
    let field = text.split("content-length:").nth(1)?;
    Some(head + field.split("\r\n").next()?.trim().parse::<usize>().ok()?)
}

/// A server that answers as fast as it can.
pub(crate) fn stub() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (answer, mut buffer) = (answer(), vec![0; 8192]);
    while read_message(&mut stream, &mut buffer)?.is_some() {
        stream.write_all(&answer)?;
    }
    Ok(())
}

/// The program, listening.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// `serve` with this configuration; what it says is read and thrown away.
pub(crate) fn start(configuration: &str) -> Result<Started, Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("sightglass-bench-{}.toml", std::process::id()));
    std::fs::write(&file, configuration)?;
    let mut child = Command::new(env!("CARGO_BIN_EXE_sightglass"))
        .args(["serve", "--config"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    std::fs::remove_file(&file)?;
    thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let started: serde_json::Value = serde_json::from_str(&line)?;
    let address = |told: &serde_json::Value| told.as_str().unwrap_or_default().parse::<SocketAddr>();
    let (address, admin) = (address(&started["listen"][0])?, address(&started["admin"])?);
    Ok(Started { child, address, admin })
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
