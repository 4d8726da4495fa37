//! `POST /api/reload`: the configuration is read again, now.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderValue, Method, Response, StatusCode, request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::pages::{JSON, page, refusal};

/// Where it is asked for.
pub(super) const PATH: &str = "/api/reload";

/// Reads the configuration again: what has changed, or why nothing has. May wait for the disk.
pub type Reload = Arc<dyn Fn() -> Result<Value, String> + Send + Sync>;

/// Who reads it, once there is somebody.
#[derive(Clone, Default)]
pub struct Reloads(Arc<OnceLock<Reload>>);

impl Reloads {
    /// From now on `reload` is asked. A second call changes nothing.
    pub fn by(&self, reload: Reload) {
        let _ = self.0.set(reload);
    }

    /// The answer to a request.
    pub(super) async fn answer(&self, request: &request::Parts) -> Response<Full<Bytes>> {
        if request.method != Method::POST {
            let (error, hint) =
                ("only POST is known here", "ask with POST; `GET /api/config` says what runs");
            let mut refusal = refusal(StatusCode::METHOD_NOT_ALLOWED, error, hint);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return refusal;
        }
        let Some(reload) = self.0.get().cloned() else {
            let hint = "only `sightglass serve` reads its configuration again";
            return refusal(StatusCode::NOT_IMPLEMENTED, "there is nothing to read again", hint);
        };
        match tokio::task::spawn_blocking(move || reload()).await {
            Ok(Ok(changes)) => page(StatusCode::OK, JSON, format!("{changes:#}\n")),
            Ok(Err(error)) => {
                let body = json!({ "error": error, "hint": "mend it and ask again; the running configuration goes on" });
                page(StatusCode::UNPROCESSABLE_ENTITY, JSON, format!("{body:#}\n"))
            }
            Err(_panic) => {
                let hint = "this is a fault of the program, please report it";
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "reading it again broke off", hint)
            }
        }
    }
}
