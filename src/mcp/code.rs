//! JSON-RPC error codes.

/// Whether `code` is one that JSON-RPC or MCP gives a meaning to, and may therefore stand in a label (telemetry
/// contract, section 2).
pub fn known_code(code: i64) -> bool {
    matches!(code, -32700 | -32603..=-32600 | -32002..=-32000 | -32022..=-32020 | -32042)
}

#[cfg(test)]
mod tests {
    use super::known_code;

    #[test]
    fn the_codes_of_the_contract_are_known_and_their_neighbours_are_not() {
        let known =
            [-32700, -32600, -32601, -32602, -32603, -32000, -32001, -32002, -32020, -32021, -32022, -32042];
        for code in -33000..=0 {
            assert_eq!(known_code(code), known.contains(&code), "{code}");
        }
        assert!(!known_code(i64::MIN) && !known_code(i64::MAX) && !known_code(32700));
    }
}
