//! An event stream taken apart at its blank lines.

/// What a block of a stream is.
pub(super) enum Event {
    /// A comment alone.
    Comment,
    /// An id or a time to wait, and no data.
    Priming,
    /// Where a client of 2024-11-05 posts to.
    Endpoint(String),
    /// Its data.
    Message(String),
}

/// Every block of a stream that has ended so far.
pub(super) fn events(stream: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(stream).unwrap().replace("\r\n", "\n");
    let (whole, _unfinished) = text.rsplit_once("\n\n").unwrap_or_default();
    whole.split("\n\n").filter(|block| !block.is_empty()).map(event).collect()
}

fn event(block: &str) -> Event {
    let of = |field: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(field));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
    };
    let data = of("data:");
    match (data.is_empty(), of("event:").as_str()) {
        (true, _) if block.lines().all(|line| line.starts_with(':')) => Event::Comment,
        (true, _) => Event::Priming,
        (false, "endpoint") => Event::Endpoint(data),
        (false, _) => Event::Message(data),
    }
}
