//! Bodies as servers write them, by name.

/// A tool's answer with its id last, as the TypeScript SDK writes it.
pub(crate) fn build(body: &str) -> Vec<u8> {
    let text = |bytes: usize| {
        let line = "The quick brown fox jumps over the lazy dog, says \\\"why not\\\" and goes home.\\n";
        format!(r#"{{"type":"text","text":"{}"}}"#, line.repeat(bytes / line.len()))
    };
    let objects = |bytes: usize| {
        let row = r#"{"id":12345,"name":"a customer","tags":["new","gold"],"active":true,"total":99.5}"#;
        let rows = vec![row; bytes / row.len()].join(",");
        format!(r#"{{"type":"data","rows":[{rows}]}}"#)
    };
    let content = match body {
        "10KB-text" => text(10_000),
        "10KB-objects" => objects(10_000),
        "1MB-text" => text(1_000_000),
        "1MB-objects" => objects(1_000_000),
        "10MB-objects" => objects(10_000_000),
        _ => text(400),
    };
    format!(r#"{{"result":{{"content":[{content}],"isError":false}},"jsonrpc":"2.0","id":42}}"#).into_bytes()
}
