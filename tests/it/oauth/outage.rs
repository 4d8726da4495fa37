//! The keys of an issuer: found, fetched, kept, and asked for again without harm.

use std::sync::Arc;
use std::time::Duration;

use http::Version;
use serde_json::json;
use sightglass::config::Jwks;

use super::issuer::{Issuer, JWKS, Protected, with_token};
use super::keys::{ED25519, Key, P256, RSA};
use crate::config::Folder;
use crate::support::guarded::pass_time;
use crate::support::within;

const MINUTE: Duration = Duration::from_secs(60);

/// Waits until calls with this token are answered so.
async fn answered(protected: &Protected, token: &str, status: u16) {
    within(async {
        while protected.send(token).await.status() != status {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_key_is_asked_for_once_and_an_old_one_is_forgotten() {
    let protected = Protected::new().await;
    let old = protected.issuer.token(&ED25519, "a");
    protected.passes(&old).await;
    protected.issuer.publish(JWKS, json!({ "keys": [P256.jwk("b")] }));
    // Nobody has asked yet.
    protected.passes(&old).await;
    protected.passes(&protected.issuer.token(&P256, "b")).await;
    assert_eq!(protected.issuer.fetches(), 2);
    protected.refuses(&old, "the signing key is none of the issuer's").await;
    // Too early for another time.
    protected.issuer.publish(JWKS, json!({ "keys": [RSA.jwk("c")] }));
    let newest = protected.issuer.token(&RSA, "c");
    protected.refuses(&newest, "the signing key is none of the issuer's").await;
    assert_eq!(protected.issuer.fetches(), 2);
    pass_time(MINUTE).await;
    protected.passes(&newest).await;
}

#[tokio::test]
async fn however_many_name_an_unknown_key_the_issuer_is_asked_once() {
    let protected = Arc::new(Protected::new().await);
    protected.passes(&protected.issuer.token(&ED25519, "a")).await;
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    protected.issuer.state.lock().unwrap().gate = Some(Arc::clone(&gate));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..40 {
        let protected = Arc::clone(&protected);
        calls.spawn(async move {
            let token = protected.issuer.token(&ED25519, &format!("unknown-{number}"));
            let response = protected.guarded.send(Version::HTTP_11, with_token(&token)).await;
            assert_eq!(response.status(), 401);
        });
    }
    protected.issuer.fetched(2).await;
    gate.add_permits(1000);
    within(async {
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
    })
    .await;
    assert_eq!(protected.issuer.fetches(), 2);
    protected.passes(&protected.issuer.token(&ED25519, "a")).await;
}

#[tokio::test]
async fn without_any_keys_the_trouble_is_not_the_clients() {
    let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
    issuer.state.lock().unwrap().is_down = true;
    let protected = Protected::with(issuer, |_| {}).await;
    let token = protected.issuer.token(&ED25519, "a");
    let response = protected.send(&token).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["x-sightglass-error"], "unauthorized");
    assert_eq!(response.headers()["retry-after"], "10");
    assert!(!response.headers().contains_key("www-authenticate"));
    let page = protected.guarded.observed.scrape();
    page.metric("mcp_authentication_attempts_total").is(0);
    page.metric("mcp_oauth_key_fetches_total").label("status", "failure").is(1);
    protected.issuer.state.lock().unwrap().is_down = false;
    let asked = protected.issuer.fetches();
    pass_time(Duration::from_secs(11)).await;
    protected.issuer.fetched(asked + 1).await;
    answered(&protected, &token, 200).await;
}

#[tokio::test]
async fn keys_are_kept_for_a_day_when_the_issuer_is_down() {
    let protected = Protected::new().await;
    let token = protected.issuer.token(&ED25519, "a");
    protected.passes(&token).await;
    protected.issuer.state.lock().unwrap().is_down = true;
    pass_time(11 * MINUTE).await;
    protected.issuer.fetched(2).await;
    protected.passes(&token).await;
    protected.passes(&protected.issuer.token(&ED25519, "a")).await;
    let asked = protected.issuer.fetches();
    pass_time(25 * 60 * MINUTE).await;
    protected.issuer.fetched(asked + 1).await;
    answered(&protected, &token, 503).await;
}

#[tokio::test]
async fn a_set_with_nothing_to_verify_with_changes_nothing() {
    let protected = Protected::new().await;
    let token = protected.issuer.token(&ED25519, "a");
    protected.passes(&token).await;
    let mut encrypts = P256.jwk("b");
    encrypts["use"] = json!("enc");
    let mut other = RSA.jwk("b");
    other["alg"] = json!("RSA-OAEP");
    let secret = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "b", "alg": "HS256" });
    for keys in [json!([]), json!([encrypts, other, secret, { "kty": "EC" }, 7]), json!(null)] {
        protected.issuer.publish(JWKS, json!({ "keys": keys }));
        let asked = protected.issuer.fetches();
        pass_time(11 * MINUTE).await;
        protected.issuer.fetched(asked + 1).await;
        protected.passes(&token).await;
    }
}

#[tokio::test]
async fn keys_are_found_where_the_issuers_metadata_says() {
    for (name, place) in [
        ("", "/.well-known/oauth-authorization-server"),
        ("", "/.well-known/openid-configuration"),
        ("/tenant", "/.well-known/oauth-authorization-server/tenant"),
        ("/tenant", "/tenant/.well-known/openid-configuration"),
    ] {
        let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
        issuer.withdraw("/.well-known/oauth-authorization-server");
        let full = format!("{}{name}", issuer.name());
        issuer.publish(place, json!({ "issuer": full, "jwks_uri": format!("{}{JWKS}", issuer.name()) }));
        let protected = Protected::with(issuer, |config| {
            let auth = config.servers[0].auth.as_mut().unwrap();
            auth.jwks = None;
            auth.issuer.clone_from(&full);
            format!("{name}/").clone_into(&mut auth.issuer_url.path);
        })
        .await;
        let mut claims = protected.issuer.claims();
        claims["iss"] = json!(full);
        protected.passes(&ED25519.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &claims)).await;
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_or_of_keys_in_the_open_is_not_believed() {
    for metadata in [
        json!({ "issuer": "https://elsewhere", "jwks_uri": "{}/jwks" }),
        json!({ "jwks_uri": "{}/jwks" }),
        json!({ "issuer": "{}" }),
        json!({ "issuer": "{}", "jwks_uri": "http://keys.example.com/jwks" }),
        json!({ "issuer": "{}", "jwks_uri": "file:///etc/passwd" }),
        json!({ "issuer": "{}", "jwks_uri": 7 }),
    ] {
        let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
        let metadata = metadata.to_string().replace("{}", &issuer.name());
        issuer.publish("/.well-known/oauth-authorization-server", serde_json::from_str(&metadata).unwrap());
        let protected =
            Protected::with(issuer, |config| config.servers[0].auth.as_mut().unwrap().jwks = None).await;
        let response = protected.send(&protected.issuer.token(&ED25519, "a")).await;
        assert_eq!(response.status(), 503, "{metadata}");
    }
}

#[tokio::test]
async fn keys_may_stand_in_a_file() {
    let folder = Folder::new("jwks");
    let path = folder.0.join("jwks.json");
    let key = Key::p256();
    std::fs::write(&path, json!({ "keys": [key.jwk("f")] }).to_string()).unwrap();
    let issuer = Issuer::with(json!([])).await;
    let protected = Protected::with(issuer, |config| {
        config.servers[0].auth.as_mut().unwrap().jwks = Some(Jwks::File(path.clone()));
    })
    .await;
    protected.passes(&protected.issuer.token(&key, "f")).await;
    std::fs::write(&path, json!({ "keys": [RSA.jwk("g")] }).to_string()).unwrap();
    protected.passes(&protected.issuer.token(&RSA, "g")).await;
    assert!(protected.issuer.state.lock().unwrap().asked.is_empty());
}
