//! `server.auth`: what it resolves to, and the whole message of each mistake.

use insta::assert_snapshot;
use sightglass::config::{Auth, Jwks};

use super::mistakes::mistake;
use super::{Folder, SERVER, parse, sightglass, stdout};

fn auth(text: &str) -> Auth {
    let config = parse(&format!("{SERVER}auth = {text}\n")).unwrap_or_else(|error| panic!("{error}"));
    config.servers.into_iter().next().expect("one server").auth.expect("it is on")
}

#[test]
fn an_issuer_and_an_audience_are_enough() {
    let written = auth(r#"{ issuer = "https://login.example.com", audience = "https://mcp.example.com" }"#);
    assert_eq!(written.issuer, "https://login.example.com");
    assert_eq!(written.issuer_url.to_string(), "https://login.example.com/");
    assert_eq!((written.jwks, written.scopes), (None, Vec::new()));
    let written = auth(
        r#"{ issuer = "http://127.0.0.1:9/t/", audience = "x", jwks = "http://localhost/jwks", scopes = ["a", "b:c"] }"#,
    );
    assert_eq!(written.issuer, "http://127.0.0.1:9/t/");
    assert!(matches!(written.jwks, Some(Jwks::Url(url)) if url.to_string() == "http://localhost/jwks"));
    assert_eq!(written.scopes, ["a", "b:c"]);
}

#[test]
fn an_authority_that_is_not_all_there() {
    assert_snapshot!(mistake("{S}auth = { audience = \"x\" }\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | auth = { audience = "x" }
          |        ^^^^^^^^^^^^^^^^^^
        `auth` without `issuer`
        hint: auth = { issuer = "https://login.example.com", audience = "https://mcp.example.com/github" }
    "#);
    assert_snapshot!(mistake("{S}auth = { issuer = \"https://a\" }\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | auth = { issuer = "https://a" }
          |        ^^^^^^^^^^^^^^^^^^^^^^^^
        `auth` without `audience`
        hint: auth = { issuer = "https://login.example.com", audience = "https://mcp.example.com/github" }
    "#);
    assert_snapshot!(mistake("{S}auth = { issuer = \"https://a\", audience = \"\" }\n"), @r#"
        config.toml, line 4, column 43
          |
        4 | auth = { issuer = "https://a", audience = "" }
          |                                           ^^
        an empty `audience` would be nobody's
        hint: write what the issuer puts into `aud` for this server, as a rule the URL that clients dial
    "#);
    assert_snapshot!(mistake("{S}auth = true\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | auth = true
          |        ^^^^
        invalid type: boolean `true`, expected a table such as { issuer = "https://login.example.com", audience = "https://mcp.example.com" }
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(mistake("{S}auth = { issuer = \"https://a\", audience = \"x\", key = \"y\" }\n"), @r#"
        config.toml, line 4, column 48
          |
        4 | auth = { issuer = "https://a", audience = "x", key = "y" }
          |                                                ^^^
        unknown field `key`, expected one of `issuer`, `audience`, `jwks`, `scopes`
        hint: remove it; config.toml in the repository shows every key
    "#);
}

#[test]
fn keys_in_the_open() {
    assert_snapshot!(mistake("{S}auth = { issuer = \"http://login.example.com\", audience = \"x\" }\n"), @r#"
        config.toml, line 4, column 19
          |
        4 | auth = { issuer = "http://login.example.com", audience = "x" }
          |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^
        keys over plain http could be anybody's
        hint: write https://; http:// is for this machine alone
    "#);
    assert_snapshot!(mistake("{S}auth = { issuer = \"login.example.com\", audience = \"x\" }\n"), @r#"
        config.toml, line 4, column 19
          |
        4 | auth = { issuer = "login.example.com", audience = "x" }
          |                   ^^^^^^^^^^^^^^^^^^^
        expected a URL such as "http://127.0.0.1:3001/mcp"
        hint: begin it with `http://` or `https://`
    "#);
    assert_snapshot!(
        mistake("{S}auth = { issuer = \"https://a\", audience = \"x\", jwks = \"http://10.0.0.7/jwks\" }\n"),
        @r#"
        config.toml, line 4, column 55
          |
        4 | auth = { issuer = "https://a", audience = "x", jwks = "http://10.0.0.7/jwks" }
          |                                                       ^^^^^^^^^^^^^^^^^^^^^^
        keys over plain http could be anybody's
        hint: write https://; http:// is for this machine alone
    "#
    );
    assert_snapshot!(
        mistake("{S}auth = { issuer = \"https://a\", audience = \"x\", jwks = \"nowhere/jwks.json\" }\n"),
        @r#"
        config.toml, line 4, column 55
          |
        4 | auth = { issuer = "https://a", audience = "x", jwks = "nowhere/jwks.json" }
          |                                                       ^^^^^^^^^^^^^^^^^^^
        cannot read nowhere/jwks.json: No such file or directory (os error 2)
        hint: a relative name is looked up beside the configuration file
    "#
    );
}

#[test]
fn scopes_that_are_none() {
    assert_snapshot!(
        mistake("{S}auth = { issuer = \"https://a\", audience = \"x\", scopes = \"read write\" }\n"),
        @r#"
        config.toml, line 4, column 57
          |
        4 | auth = { issuer = "https://a", audience = "x", scopes = "read write" }
          |                                                         ^^^^^^^^^^^^
        invalid type: string "read write", expected a sequence
        hint: write a list in square brackets: ["…"]
    "#
    );
    assert_snapshot!(
        mistake("{S}auth = { issuer = \"https://a\", audience = \"x\", scopes = [\"read write\"] }\n"),
        @r#"
        config.toml, line 4, column 58
          |
        4 | auth = { issuer = "https://a", audience = "x", scopes = ["read write"] }
          |                                                          ^^^^^^^^^^^^
        this is no scope
        hint: write each scope by itself, without spaces: scopes = ["mcp:read", "mcp:write"]
    "#
    );
    assert_snapshot!(
        mistake("{S}auth = { issuer = \"https://a\", audience = \"x\", scopes = [\"\"] }\n"),
        @r#"
        config.toml, line 4, column 58
          |
        4 | auth = { issuer = "https://a", audience = "x", scopes = [""] }
          |                                                          ^^
        this is no scope
        hint: write each scope by itself, without spaces: scopes = ["mcp:read", "mcp:write"]
    "#
    );
}

#[test]
fn check_says_whose_tokens_pass() {
    let folder = Folder::new("check-auth");
    let auth = r#"auth = { issuer = "https://login.example.com", audience = "https://mcp.example.com", scopes = ["a", "b"] }"#;
    folder.write("config.toml", &format!("{SERVER}rewrite_oauth = true\n{auth}\n"));
    let output = sightglass(&["check"], &folder.0, &[]);
    let told = stdout(&output);
    assert!(told.contains("        challenges and resource metadata name this proxy\n"), "{told}");
    assert!(
        told.contains(
            "        tokens: of https://login.example.com for https://mcp.example.com with a b; keys where its metadata says\n"
        ),
        "{told}"
    );
}
