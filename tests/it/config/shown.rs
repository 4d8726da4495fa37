//! Promise: `GET /api/config` tells what runs, as the file would write it, and no secret.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::{Value, json};
use sightglass::config::{self, Config, Error, Secret};

use super::check::as_file;
use super::{Folder, SERVER, examples, parsed};
use crate::admin::{ask_as, listen_as};

/// What the listener of a proxy with this configuration tells of it.
async fn told(config: &Config) -> String {
    let mut listening = config.clone();
    listening.admin.listen = ([127, 0, 0, 1], 0).into();
    // The answer to the question is about them, and asking is another test's matter.
    listening.admin.tls = None;
    let fields = match &config.admin.token {
        Some(token) => format!("authorization: Bearer {}\r\n", token.0),
        None => String::new(),
    };
    let (address, ..) = listen_as(listening);
    let (head, body) = ask_as(address, "localhost", "GET /api/config", &fields).await;
    assert!(head.starts_with("http/1.1 200") && head.contains("application/json"), "{head}");
    String::from_utf8(body).expect("text")
}

async fn value(config: &Config) -> Value {
    serde_json::from_str(&told(config).await).expect("JSON")
}

#[tokio::test]
async fn every_key_is_told_with_its_default() {
    let told = told(&parsed("")).await;
    assert_snapshot!(told.replace("127.0.0.1:0", "127.0.0.1:9464"));
}

#[tokio::test]
async fn every_example_of_the_file_is_told() {
    let folder = Folder::new("told");
    let told = told(&examples(&folder)).await;
    assert_snapshot!(told.replace(&folder.0.display().to_string(), "FOLDER"));
}

/// The configuration that a file would hold which says what is told.
fn read_again(config: &Config) -> Result<Config, Error> {
    config::parse(&as_file(config), "config.toml", &|_| None)
}

#[test]
fn what_is_told_can_be_read_as_a_file() {
    let folder = Folder::new("again");
    let masked = || Secret("***".to_owned());
    let mut config = examples(&folder);
    // Its address is resolved into one for each signal.
    config.tracing.otlp = None;
    config.admin.token = None;
    config.logs.salt = Some(masked());
    config.servers[0].headers[0].1 = masked();
    config.from_environment = config::FromEnvironment::default();
    config.servers[0].from_environment.clear();
    assert_eq!(read_again(&config).unwrap_or_else(|error| panic!("{error}")), config);
    let mut off = parsed(
        "[limits]\nmax_connections = 0\nmax_streams = \"off\"\nfirst_byte_timeout = 0\nkeep_alive = \"off\"\nhold_back = 0\nheader_bytes = 9000\n[proxy]\nshutdown_grace = 0\ntrusted_networks = [\"10.0.0.0/8\", \"::1\"]\nallowed_hosts = []\n[tracing]\nslow_threshold = \"1500ms\"\ninject_meta = false\n[identity]\nsession = []\nuser = { baggage = \"who\" }\n[[metric]]\nname = \"a_total\"\ntype = \"counter\"\n[[price]]\nper_call = 1.5",
    );
    off.servers[0].connect_timeout = None;
    assert_eq!(read_again(&off).unwrap_or_else(|error| panic!("{error}")), off);
}

/// A file with a secret in every place that can hold one; each begins with `s3cr3t-`.
const SECRETS: &str = r#"
[admin]
token = "s3cr3t-admin-token-0123"
[logs]
salt = "s3cr3t-salt"
[tracing]
otlp = { endpoint = "https://collector.example", headers = { api-key = "s3cr3t-collector", X-Other = "s3cr3t other" } }
[[server]]
name = "a"
url = "https://a.example/mcp"
path = "/a"
headers = { Authorization = "Bearer s3cr3t-server", X-Key = "s3cr3t-key" }
"#;

#[tokio::test]
async fn no_secret_is_told_in_any_form() {
    let variables = |name: &str| match name {
        "OTEL_RESOURCE_ATTRIBUTES" => Some("team=tools".to_owned()),
        _ => None,
    };
    let config = config::parse(SECRETS, "config.toml", &variables).unwrap_or_else(|error| panic!("{error}"));
    let text = told(&config).await;
    let holders = SECRETS.matches("s3cr3t").count();
    assert_eq!(text.matches("***").count(), holders, "{text}");
    // As it is, percent-encoded, and in base64 at each of the three places that it may begin at.
    for form in ["s3cr3t", "%73%33", "s3cr3t".to_uppercase().as_str(), "czNjcjN0", "MzY3IzdC", "zM2NyM3"] {
        assert!(!text.contains(form), "{form}: {text}");
    }
    let from_variables = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("https://collector.example".to_owned()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("api-key=s3cr3t-variable".to_owned()),
        _ => None,
    };
    let config =
        config::parse(SERVER, "config.toml", &from_variables).unwrap_or_else(|error| panic!("{error}"));
    let text = told(&config).await;
    assert!(text.contains("\"api-key\": \"***\"") && !text.contains("s3cr3t"), "{text}");
}

/// Keys whose names sound like secrets and whose values are none.
const HARMLESS: [&str; 11] = [
    "proxy.tls.key",
    "admin.tls.key",
    "server.tls.key",
    "tracing.otlp.tls.key",
    "server.rate.key",
    "server.auth",
    "server.rewrite_oauth",
    "logs.redact_keys",
    "limits.keep_alive",
    "price.per_1k_tokens",
    "tokens",
];

/// Where keys of a table stand that sound like secrets, with what is told of them.
fn suspects(value: &Value, place: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let place = format!("{place}.{key}").trim_start_matches('.').to_owned();
                let sounds = ["token", "secret", "passw", "salt", "key", "headers", "credential", "auth"];
                let sounds = sounds.iter().any(|word| key.to_lowercase().contains(word));
                if sounds && !HARMLESS.contains(&place.as_str()) {
                    found.insert(place.clone(), value.clone());
                }
                suspects(value, &place, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| suspects(value, place, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn a_key_that_sounds_like_a_secret_is_masked_or_known_to_hold_none() {
    let folder = Folder::new("suspects");
    let mut config = examples(&folder);
    // What came from there is masked whatever it is: here it shall be for its own sake.
    config.from_environment = config::FromEnvironment::default();
    config.servers[0].from_environment.clear();
    let mut found = BTreeMap::new();
    suspects(&value(&config).await, "", &mut found);
    found.retain(|place, _| place != "limits.max_headers");
    let expected = [
        ("admin.token", json!("***")),
        ("logs.salt", json!("***")),
        ("server.headers", json!({ "Authorization": "***" })),
        ("server.headers.Authorization", json!("***")),
        ("tracing.otlp.headers", json!({})),
    ];
    assert_eq!(found, expected.map(|(place, value)| (place.to_owned(), value)).into());
}

#[tokio::test]
async fn what_came_from_the_environment_is_masked_wherever_it_stands() {
    let folder = Folder::new("environment");
    let text = r#"
[proxy]
listen = ["${LISTEN}", "127.0.0.1:0"]
workers = "${WORKERS}"
public_url = "https://${HOST}/x"
allowed_hosts = ["${NOT_SET:-own.example}", "${HOST}"]
[limits]
keep_alive = "${WAIT}"
[logs]
redact_keys = ["${KEY}"]
file = { path = "${NAME}.log" }
[tracing]
otlp = { endpoint = "https://${HOST}" }
[identity]
tier = { header = "${KEY}", allowed = ["free", "${TIER}"] }
[[server]]
name = "a"
url = "https://a.example/mcp"
path = "/a"
[[server]]
name = "b"
url = "https://${HOST}/mcp"
path = "/${NAME}"
tools = ["one", "${TIER}"]
[[metric]]
name = "first_total"
type = "counter"
help = "Of ${HOST}."
labels = { priority = { pointer = "/params/arguments/${NAME}", allowed = ["low"] } }
[[metric]]
name = "first_total"
type = "counter"
when = { server = "b", outcome = "ok" }
labels = { priority = { pointer = "/params/x", allowed = ["low"] } }
"#;
    let file = folder.write("config.toml", text);
    let variables = |name: &str| {
        let value = match name {
            "LISTEN" => "127.0.0.1:1234",
            "WORKERS" => "7",
            "HOST" => "internal.example",
            "WAIT" => "90s",
            "KEY" => "X-Marker",
            "NAME" => "marked",
            "TIER" => "pro",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = config::load(&file, &variables).unwrap_or_else(|error| panic!("{error}"));
    let told = value(&config).await;
    let masked = json!("***");
    assert_eq!(told["proxy"]["listen"], json!(["***", "127.0.0.1:0"]));
    assert_eq!(told["proxy"]["allowed_hosts"], json!(["own.example", "***"]));
    assert_eq!((&told["proxy"]["workers"], &told["proxy"]["public_url"]), (&masked, &masked));
    assert_eq!((&told["limits"]["keep_alive"], &told["logs"]["file"]["path"]), (&masked, &masked));
    assert_eq!(told["tracing"]["otlp"]["traces"], masked);
    assert_eq!(told["identity"]["tier"], json!({ "header": "***", "allowed": ["free", "***"] }));
    assert_eq!(told["server"][0]["url"], "https://a.example/mcp");
    assert_eq!(told["server"][1]["tools"], json!(["one", "***"]));
    let text = told.to_string().to_lowercase();
    for value in ["1234", "internal", "90s", "x-marker", "marked", "\"pro\""] {
        assert!(!text.contains(value), "{value}: {told:#}");
    }
}

#[tokio::test]
async fn a_flag_over_a_masked_value_is_told() {
    let folder = Folder::new("flags");
    let file = folder
        .write("config.toml", &format!("[proxy]\nlisten = \"${{LISTEN}}\"\n{SERVER}path = \"${{P}}\"\n"));
    let variables = |name: &str| Some(if name == "LISTEN" { "127.0.0.1:1234" } else { "/path" }.to_owned());
    let overrides = config::Overrides {
        listen: vec![([127, 0, 0, 1], 4321).into()],
        upstreams: config::upstreams(&["b=http://127.0.0.1:1/mcp".to_owned()]).expect("a server"),
        ..config::Overrides::default()
    };
    let config = config::load_over(&file, &variables, overrides).unwrap_or_else(|error| panic!("{error}"));
    let told = value(&config).await;
    assert_eq!(told["proxy"]["listen"], json!(["127.0.0.1:4321"]));
    assert_eq!(told["server"][0]["path"], "/b");
}

#[tokio::test]
async fn after_a_reload_what_came_from_the_environment_is_masked_where_it_stands_then() {
    let variables = |name: &str| match name {
        "HOST" => Some("internal.example".to_owned()),
        "COUNT" => Some("7".to_owned()),
        _ => None,
    };
    let server = |name: &str, host: &str| {
        format!("[[server]]\nname = \"{name}\"\nurl = \"https://{host}/mcp\"\npath = \"/{name}\"\n")
    };
    let read = |limit: &str, servers: &[String]| {
        let text = format!("[limits]\nmax_tasks = {limit}\n{}", servers.concat());
        config::parse(&text, "config.toml", &variables).unwrap_or_else(|error| panic!("{error}"))
    };
    let first = read("\"${COUNT}\"", &[server("a", "a.example"), server("b", "${HOST}")]);
    // What only a restart changes goes on as it was, masks and all; servers keep their positions.
    let second = read("8", &[server("c", "c.example"), server("b", "${HOST}")]).after(&first).config;
    let third = read("8", &[server("b", "b.example"), server("a", "${HOST}")]).after(&second).config;
    let told = [value(&second).await, value(&third).await];
    let of = |told: &Value| {
        let servers = told["server"].as_array().expect("a list").iter();
        servers.map(|server| json!([server["name"], server["url"]])).collect::<Vec<_>>()
    };
    assert_eq!(told.each_ref().map(|told| &told["limits"]["max_tasks"]), ["***", "***"]);
    assert_eq!(of(&told[0]), [json!(["b", "***"]), json!(["c", "https://c.example/mcp"])]);
    assert_eq!(of(&told[1]), [json!(["a", "***"]), json!(["b", "https://b.example/mcp"])]);
}
