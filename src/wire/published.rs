//! What of an answer has to name this proxy in its server's place (`server.rewrite_oauth`).

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, response};

use super::response_body::ResponseBody;
use crate::observe::{LeftBecause, Observer, Rewritten};
use crate::rewrite::mount::Mount;
use crate::rewrite::oauth::{self, ChallengeBody, HELD_BYTES_MAX, Holds};

/// How an answer is published.
pub(super) struct Published {
    pub(super) server: usize,
    pub(super) observer: Observer,
    pub(super) mount: Arc<Mount>,
    /// What the client dialled.
    pub(super) origin: String,
    /// What of the body may have to change.
    pub(super) holds: Option<Holds>,
}

impl Published {
    /// The answer as the client must read it. Waits for the body where its length is known and may have to change.
    pub(super) async fn of(self, answer: Response<ResponseBody>) -> Response<ResponseBody> {
        let (mut head, body) = answer.into_parts();
        oauth::challenges(&mut head.headers, &self.mount, &self.origin);
        let Some(holds) = self.holds else { return Response::from_parts(head, body) };
        if oauth::is_encoded(&head) {
            self.leave(holds, LeftBecause::Encoded);
            return Response::from_parts(head, body);
        }
        let body = match holds {
            Holds::MetadataHead => {
                oauth::changed(&mut head.headers, None);
                body
            }
            Holds::Metadata => {
                self.held(holds, &mut head, body, |whole| oauth::metadata(whole, &self.mount, &self.origin))
                    .await
            }
            Holds::Result if is_short(&head) => {
                self.held(holds, &mut head, body, |whole| oauth::result(whole, &self.mount, &self.origin))
                    .await
            }
            Holds::Result | Holds::Results => self.passing(body),
        };
        Response::from_parts(head, body)
    }

    async fn held(
        &self,
        holds: Holds,
        head: &mut response::Parts,
        body: ResponseBody,
        change: impl FnOnce(&Bytes) -> Option<Vec<u8>>,
    ) -> ResponseBody {
        let mut length = None;
        let mut was_asked = false;
        let change = |whole: &Bytes| {
            was_asked = true;
            let changed = change(whole)?;
            length = Some(changed.len());
            Some(Bytes::from(changed))
        };
        let body = Box::pin(body.held(HELD_BYTES_MAX, change)).await;
        if length.is_some() {
            oauth::changed(&mut head.headers, length);
        } else if !was_asked {
            self.leave(holds, LeftBecause::TooLong);
        }
        body
    }

    fn passing(self, body: ResponseBody) -> ResponseBody {
        let (server, observer) = (self.server, self.observer);
        let left_alone = Box::new(move || {
            observer.left_as_it_was(server, Rewritten::Result, LeftBecause::TooLong);
        });
        ResponseBody::challenges(|body| ChallengeBody::new(body, self.mount, &self.origin, left_alone), body)
    }

    fn leave(&self, holds: Holds, because: LeftBecause) {
        let what = match holds {
            Holds::Metadata | Holds::MetadataHead => Rewritten::ResourceMetadata,
            Holds::Result | Holds::Results => Rewritten::Result,
        };
        self.observer.left_as_it_was(self.server, what, because);
    }
}

/// Whether all of the body may be held.
fn is_short(head: &response::Parts) -> bool {
    let length = head.headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length <= HELD_BYTES_MAX)
}
