//! A raw keep-alive client and a raw stub server, so that what is measured is the proxy; and the proxy, as users start it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Every client calls until the time is over; the time of each call.
pub(crate) fn round(
    address: SocketAddr,
    concurrency: usize,
    time: Duration,
) -> std::io::Result<Vec<Duration>> {
    let start = Arc::new(Barrier::new(concurrency));
    let clients: Vec<_> = (0..concurrency)
        .map(|person| {
            let start = Arc::clone(&start);
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(thread::spawn(move || {
                start.wait();
                let over = Instant::now() + time;
                let mut times = Vec::new();
                let mut buffer = vec![0; 4096];
                let request = request("/mcp", person);
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

pub(crate) type Caller = JoinHandle<std::io::Result<Vec<Duration>>>;

/// Clients that each call the server at this path every so often until the time is over; how long each call took since it
/// was due.
pub(crate) fn callers(
    (address, path): (SocketAddr, &'static str),
    many: u32,
    every: Duration,
    over: Instant,
) -> std::io::Result<Vec<Caller>> {
    let caller = |number: u32| {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(thread::spawn(move || {
            let (request, mut buffer) = (request(path, number as usize), vec![0; 4096]);
            let mut due = Instant::now() + every * number / many;
            let mut times = Vec::new();
            while due < over {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                stream.write_all(&request)?;
                read_message(&mut stream, &mut buffer)?;
                assert!(buffer.starts_with(b"HTTP/1.1 200"), "a call failed");
                times.push(due.elapsed());
                due += every;
            }
            Ok(times)
        }))
    };
    (0..many).map(caller).collect()
}

/// How long the calls of all of them took, in order.
pub(crate) fn times(callers: Vec<Caller>) -> std::io::Result<Vec<Duration>> {
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.join().map_err(|_panic| std::io::Error::other("a call failed"))??);
    }
    all.sort_unstable();
    Ok(all)
}

/// A call by one of many people, each in a conversation of their own.
pub(crate) fn request(path: &str, person: usize) -> Vec<u8> {
    let text = "x".repeat(810);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{text}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","openai/session":"conversation-{person}"}}}}}}"#
    );
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: echo\r\nx-user: person-{person}\r\nx-plan: pro\r\ncontent-length: {}\r\n\r\n{body}",
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

const NGINX: &str = "/usr/sbin/nginx";

/// Whether nginx is installed.
pub(crate) fn has_nginx() -> bool {
    Path::new(NGINX).exists()
}

/// nginx, with a worker for each core, in front of these servers, each at its path; `None` where it is not installed.
pub(crate) fn nginx(
    servers: &[(&str, SocketAddr)],
) -> Result<Option<(Child, SocketAddr)>, Box<dyn std::error::Error>> {
    if !has_nginx() {
        println!("nginx is not installed: left out (`apt-get install nginx-light` adds it)\n");
        return Ok(None);
    }
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let folder = std::env::temp_dir().join(format!("sightglass-bench-nginx-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("nginx.conf");
    let at = folder.display();
    let (mut upstreams, mut locations) = (String::new(), String::new());
    for (number, (path, server)) in servers.iter().enumerate() {
        let _ = writeln!(
            upstreams,
            "upstream s{number} {{ server {server}; keepalive 256; keepalive_requests 100000000; }}"
        );
        let _ = writeln!(
            locations,
            "location {path} {{ proxy_pass http://s{number}; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }}"
        );
    }
    std::fs::write(
        &file,
        format!(
            "daemon off; worker_processes auto; pid {at}/pid; error_log {at}/error.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c;\n\
             uwsgi_temp_path {at}/d; scgi_temp_path {at}/e; keepalive_requests 100000000;\n\
             {upstreams}server {{ listen {address};\n{locations} }} }}\n"
        ),
    )?;
    let child = Command::new(NGINX)
        .arg("-c")
        .arg(&file)
        .arg("-p")
        .arg(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    until_it_answers(address)?;
    Ok(Some((child, address)))
}

fn until_it_answers(address: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    let until = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address).is_err() {
        if Instant::now() > until {
            return Err(format!("nothing listens on {address}").into());
        }
        thread::yield_now();
    }
    Ok(())
}

/// Asks a process to end, as nginx's workers end with it alone, and waits until it has.
pub(crate) fn end(child: &mut Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}

/// Seconds of processor time that a process has used.
pub(crate) fn cpu_of(process: u32) -> f64 {
    scheduled(process).unwrap_or_else(|| ticks_of(process))
}

/// As the scheduler counts it, where it does: in nanoseconds, of the threads that still run.
fn scheduled(process: u32) -> Option<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let line = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += line.split(' ').next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds / 1e9)
}

fn ticks_of(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
