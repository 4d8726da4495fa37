//! `sightglass top`, which shows the same in a terminal.

use std::process::{Command, Output};

use sightglass::config::Secret;

use super::{BAD, GOOD, Watched};
use crate::support::observed::one_server;

const TOKEN: &str = "0123456789abcdef0123";

async fn top(arguments: Vec<String>) -> Output {
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sightglass"));
        command
            .arg("top")
            .args(arguments)
            .env_remove("SIGHTGLASS_ADMIN")
            .env_remove("SIGHTGLASS_ADMIN_TOKEN");
        command.output().expect("it runs")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn one_frame_shows_what_happened_to_who_has_the_token() {
    let mut config = one_server();
    config.admin.token = Some(Secret(TOKEN.to_owned()));
    let watched = Watched::with(&config);
    watched.call("good", GOOD);
    watched.call("\u{1b}[2J\u{202e}bad", GOOD);
    watched.call("\u{1b}[2J\u{202e}bad", BAD);
    let admin = format!("http://{}", watched.address);
    let asked = |more: &[&str]| {
        let arguments = ["--once", "--admin", admin.as_str()];
        arguments.iter().chain(more).map(|text| (*text).to_owned()).collect::<Vec<_>>()
    };
    let output = top(asked(&["--token", TOKEN])).await;
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    let row =
        |name: &str| shown.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{shown}"));
    let words: Vec<&str> = row("good").split_whitespace().take(3).collect();
    assert_eq!(words, ["good", "files", "1"]);
    assert!(row("bad").contains("50.0%"), "{shown}");
    let moves = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert!(!shown.contains(moves), "{shown:?}");

    let output = top(asked(&["--token", "another-token-of-somebody"])).await;
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("this is not the admin token") && !shown.contains(TOKEN), "{shown}");
}
