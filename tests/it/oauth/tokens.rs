//! Only the right tokens pass (`server.auth`), and whoever has none is told where to get one.

use aws_lc_rs::hmac;
use http::{Request, Response, Version};
use serde_json::{Value, json};
use sightglass::config::{Rate, RateKey};

use super::issuer::{AUDIENCE, Issuer, Protected, with_token};
use super::keys::{ED25519, Key, P256, RSA, algorithms, base64, in_seconds, unsigned};
use crate::support::guarded::call;
use crate::support::{Client, Upstream, VERSIONS, empty, full, within};

#[tokio::test]
async fn a_token_of_every_algorithm_passes() {
    let keys: Vec<Value> = algorithms().iter().map(|(name, key)| key.jwk(name)).collect();
    let protected = Protected::with(Issuer::with(keys.into()).await, |_| {}).await;
    let claims = protected.issuer.claims();
    for (name, key) in algorithms() {
        for header in [
            json!({ "alg": name, "kid": name, "typ": "at+jwt" }),
            json!({ "alg": name, "kid": name, "typ": "application/AT+JWT" }),
            json!({ "alg": name, "kid": name, "typ": "JWT" }),
            json!({ "alg": name, "kid": name }),
            json!({ "alg": name }),
        ] {
            protected.passes(&key.sign(&header, &claims)).await;
        }
    }
    let mut claims = claims;
    claims["aud"] = json!(["https://elsewhere", AUDIENCE]);
    claims["nbf"] = json!(in_seconds(30));
    claims["exp"] = json!(in_seconds(-30));
    protected.passes(&ED25519.sign(&json!({ "alg": "EdDSA", "kid": "EdDSA" }), &claims)).await;
}

#[tokio::test]
async fn a_token_arrives_as_it_came_on_every_version() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
        let protected = Protected::before(upstream.address, issuer, |_| {});
        let token = protected.issuer.token(&ED25519, "a");
        let mut client = Client::connect(protected.guarded.proxy.address, version).await;
        let mut request = with_token(&token);
        let written = format!("bearer  {token}");
        request.headers_mut().insert("authorization", written.parse().unwrap());
        let sent = tokio::spawn(client.start(request));
        let call = upstream.call().await;
        assert_eq!(call.head.headers["authorization"], written);
        call.answer(Response::new(empty()));
        assert_eq!(within(sent).await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn any_other_token_is_refused_by_what_is_wrong_with_it() {
    let issuer = Issuer::with(json!([ED25519.jwk("a"), RSA.jwk("r"), P256.jwk("p")])).await;
    let protected = Protected::with(issuer, |_| {}).await;
    let good = protected.issuer.claims();
    let header = json!({ "alg": "EdDSA", "kid": "a", "typ": "at+jwt" });
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        ED25519.sign(&header, &claims)
    };
    let without = |claim: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(claim);
        ED25519.sign(&header, &claims)
    };
    let as_header = |header: Value| ED25519.sign(&header, &good);
    let token = protected.issuer.token(&ED25519, "a");
    let tampered = {
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let (head, _) = rest.split_once('.').unwrap();
        let mut claims = good.clone();
        claims["sub"] = json!("admin");
        format!("{head}.{}.{signature}", base64(claims.to_string().as_bytes()))
    };
    // What is signed with the public key for a secret.
    let confused = |kid: &str, secret: &[u8]| {
        let signed = unsigned(&json!({ "alg": "HS256", "kid": kid }), &good);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", base64(tag.as_ref()))
    };
    let modulus = RSA.jwk("r")["n"].as_str().unwrap().to_owned();
    let (malformed, algorithm) =
        ("this is no JWT access token", "the algorithm of the signature is not accepted");
    let signature = "the signature is wrong";
    for (token, description) in [
        (with("aud", json!("https://mcp.example.com/test/")), "the token is for another audience"),
        (with("aud", json!([])), "the token is for another audience"),
        (without("aud"), "the token is for another audience"),
        (with("iss", json!(format!("{}/", protected.issuer.name()))), "the token is of another issuer"),
        (with("iss", json!([protected.issuer.name()])), "the token is of another issuer"),
        (without("iss"), "the token is of another issuer"),
        (with("exp", json!(in_seconds(-90))), "the token has expired"),
        (with("exp", json!("tomorrow")), malformed),
        (without("exp"), malformed),
        (with("nbf", json!(in_seconds(90))), "the token is not valid yet"),
        (with("iat", json!(in_seconds(90))), "the token is not valid yet"),
        (format!("{}.", unsigned(&json!({ "alg": "none" }), &good)), algorithm),
        (format!("{}.", unsigned(&json!({ "alg": "none", "kid": "a" }), &good)), algorithm),
        (format!("{}.", unsigned(&header, &good)), signature),
        (confused("r", modulus.as_bytes()), algorithm),
        (confused("a", ED25519.jwk("a")["x"].as_str().unwrap().as_bytes()), algorithm),
        (tampered, signature),
        (Key::p256().sign(&json!({ "alg": "ES256", "kid": "p" }), &good), signature),
        (as_header(json!({ "alg": "EdDSA", "kid": "r" })), algorithm),
        (as_header(json!({ "alg": "EdDSA", "kid": "a", "typ": "dpop+jwt" })), malformed),
        (as_header(json!({ "alg": "EdDSA", "kid": "a", "crit": ["x"], "x": 1 })), malformed),
        (as_header(json!({ "alg": "EdDSA", "kid": "unknown" })), "the signing key is none of the issuer's"),
        ("garbage".to_owned(), malformed),
        ("a.b.c".to_owned(), malformed),
        (format!("{token}.x"), malformed),
        (format!("{token}{}", "A".repeat(16 * 1024)), "the token is too long"),
    ] {
        protected.refuses(&token, description).await;
    }
    protected.passes(&token).await;
    let mut twice = with_token(&token);
    twice.headers_mut().append("authorization", "Bearer x".parse().unwrap());
    assert_eq!(protected.guarded.send(Version::HTTP_11, twice).await.status(), 401);
}

#[tokio::test]
async fn without_a_token_a_client_is_told_where_to_get_one_and_is_counted_once() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
        let protected = Protected::before(upstream.address, issuer, |config| {
            let server = &mut config.servers[0];
            server.path = Some("/test".to_owned());
            server.auth.as_mut().unwrap().scopes = vec!["read".to_owned(), "write".to_owned()];
        });
        let public = format!("http://{}", protected.guarded.proxy.address);
        for credentials in [None, Some("Basic dTpw"), Some("DPoP abc")] {
            let mut request = call();
            *request.uri_mut() = "/test".parse().unwrap();
            if let Some(credentials) = credentials {
                request.headers_mut().insert("authorization", credentials.parse().unwrap());
            }
            let response = protected.guarded.send(version, request).await;
            assert_eq!(response.status(), 401);
            assert_eq!(response.headers()["x-sightglass-error"], "unauthorized");
            assert_eq!(response.headers()["access-control-allow-origin"], "*");
            assert_eq!(response.headers()["access-control-expose-headers"], "www-authenticate");
            let metadata = format!("{public}/.well-known/oauth-protected-resource/test");
            assert_eq!(
                response.headers()["www-authenticate"],
                format!("Bearer resource_metadata=\"{metadata}\", scope=\"read write\"")
            );
        }
        assert!(upstream.is_untouched());
        protected.guarded.refused("unauthorized", 3);
        let page = protected.guarded.observed.scrape();
        page.metric("mcp_authentication_attempts_total").is(3);
        page.metric("mcp_authentication_attempts_total")
            .label("method", "none")
            .label("status", "failure")
            .is(1);
        page.metric("mcp_authentication_failures_total").label("reason", "401").is(3);
        page.metric("mcp_requests_total").label("outcome", "refused").is(3);
    }
}

#[tokio::test]
async fn a_token_needs_every_scope() {
    let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
    let protected = Protected::with(issuer, |config| {
        config.servers[0].auth.as_mut().unwrap().scopes = vec!["read".to_owned(), "write".to_owned()];
    })
    .await;
    let with = |claim: &str, value: Value| {
        let mut claims = protected.issuer.claims();
        claims[claim] = value;
        ED25519.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &claims)
    };
    for token in [
        with("scope", json!("other write read")),
        with("scp", json!(["read", "write"])),
        with("scp", json!("read write")),
    ] {
        protected.passes(&token).await;
    }
    for token in [
        protected.issuer.token(&ED25519, "a"),
        with("scope", json!("read")),
        with("scope", json!("read writer")),
        with("scope", json!(["read", "write"])),
        with("scp", json!(["read write"])),
    ] {
        for _ in 0..2 {
            let response = protected.send(&token).await;
            assert_eq!(response.status(), 403);
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer error=\"insufficient_scope\", "), "{challenge}");
            assert!(challenge.ends_with(", scope=\"read write\""), "{challenge}");
        }
    }
    let page = protected.guarded.observed.scrape();
    page.metric("mcp_authentication_failures_total").label("reason", "insufficient_scope").is(10);
    page.metric("mcp_authentication_attempts_total").label("status", "success").is(3);
}

#[tokio::test]
async fn a_token_that_was_judged_is_known_until_it_expires() {
    let protected = Protected::new().await;
    let token = protected.issuer.token(&ED25519, "a");
    protected.passes(&token).await;
    let (waited, judged) = {
        let page = protected.guarded.observed.scrape();
        let count =
            |status| page.metric("mcp_oauth_validation_seconds_count").label("cache_status", status).sum();
        (count("refresh"), count("miss"))
    };
    assert!((waited + judged - 1.0).abs() < 1e-9);
    for _ in 0..3 {
        protected.passes(&token).await;
    }
    protected.judged("hit", 3);
    // Within the leeway, but over: judged each time.
    let mut claims = protected.issuer.claims();
    claims["exp"] = json!(in_seconds(-10));
    let old = ED25519.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &claims);
    for _ in 0..3 {
        protected.passes(&old).await;
    }
    protected.judged("hit", 3);
    // What was refused is not known.
    for _ in 0..2 {
        protected.refuses(&format!("{token}A"), "the signature is wrong").await;
    }
    protected.judged("hit", 3);
    let provider = protected.issuer.address.to_string();
    let page = protected.guarded.observed.scrape();
    assert_eq!(page.values("mcp_oauth_validation_seconds_count", "provider"), [provider.as_str()]);
}

#[tokio::test]
async fn who_may_not_call_takes_nothing_from_those_who_may() {
    let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
    let protected = Protected::with(issuer, |config| {
        config.servers[0].rate = Some(Rate { per_second: 0.001, burst: 1, key: RateKey::Server });
    })
    .await;
    for _ in 0..5 {
        assert_eq!(protected.guarded.send(Version::HTTP_11, call()).await.status(), 401);
    }
    protected.passes(&protected.issuer.token(&ED25519, "a")).await;
}

#[tokio::test]
async fn what_is_asked_before_there_can_be_a_token_passes_and_nothing_else() {
    let protected = Protected::new().await;
    let status = async |method: &str, path: &str, fields: &[(&str, &str)]| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(full("")).unwrap();
        protected.guarded.send(Version::HTTP_11, request).await.status().as_u16()
    };
    let origin = ("origin", "http://localhost:6274");
    let asks = ("access-control-request-method", "POST");
    assert_eq!(status("OPTIONS", "/mcp", &[origin, asks]).await, 200);
    assert_eq!(status("GET", "/.well-known/oauth-protected-resource", &[]).await, 200);
    for (method, path, fields) in [
        ("OPTIONS", "/mcp", &[][..]),
        ("OPTIONS", "/mcp", &[asks]),
        ("POST", "/mcp", &[origin, asks]),
        ("GET", "/mcp", &[]),
        ("DELETE", "/mcp", &[]),
        ("GET", "/.well-known/other", &[]),
        ("GET", "/.well-known/oauth-authorization-server", &[]),
        ("POST", "/.well-known/openid-configuration/mcp", &[]),
        ("GET", "/.well-known/oauth-protected-resource%2f..%2f..%2fmcp", &[]),
        ("GET", "/.well-known/oauth-authorization-server/../../mcp", &[]),
        ("GET", "/.well-known/oauth-authorization-server/%2e%2e/%2e%2e/mcp", &[]),
        ("GET", "/.well-known/oauth-authorization-server%2f..%2f..%2fmcp", &[]),
        ("GET", "/.well-known/oauth-authorization-server/..%5c..%5cmcp", &[]),
        ("GET", "/mcp?/.well-known/oauth-authorization-server", &[]),
    ] {
        assert_eq!(status(method, path, fields).await, 401, "{method} {path} {fields:?}");
    }
}
