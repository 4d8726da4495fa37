//! What a body holds, by the media type that its head names.

/// The kinds of bodies that messages travel in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`, or any other that ends in `+json`.
    Json,
    /// `text/event-stream`.
    EventStream,
    /// Nothing that holds messages.
    Other,
}

impl Media {
    /// By the essence of a `Content-Type`, ignoring parameters and case (`protocol.md` §13, 5).
    pub fn of(content_type: Option<&[u8]>) -> Self {
        // As nearly everybody writes them.
        match content_type {
            Some(b"application/json") => return Self::Json,
            Some(b"text/event-stream") => return Self::EventStream,
            _ => {}
        }
        let essence = content_type.unwrap_or_default().split(|byte| *byte == b';').next();
        let essence = essence.unwrap_or_default().trim_ascii();
        let ends_with_json =
            || essence.last_chunk().is_some_and(|end: &[u8; 5]| end.eq_ignore_ascii_case(b"+json"));
        if essence.eq_ignore_ascii_case(b"text/event-stream") {
            Self::EventStream
        } else if essence.eq_ignore_ascii_case(b"application/json") || ends_with_json() {
            Self::Json
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_compared_without_parameters_or_case() {
        let of = |text: &str| Media::of(Some(text.as_bytes()));
        for stream in ["text/event-stream", "Text/Event-Stream; charset=utf-8", " text/event-stream "] {
            assert_eq!(of(stream), Media::EventStream, "{stream}");
        }
        for json in ["application/json", "APPLICATION/JSON;charset=utf-8", "application/vnd.mcp+json"] {
            assert_eq!(of(json), Media::Json, "{json}");
        }
        for other in ["", "text/event-streams", "text/plain", "+jso", "application/json5"] {
            assert_eq!(of(other), Media::Other, "{other}");
        }
        assert_eq!(Media::of(None), Media::Other);
    }
}
