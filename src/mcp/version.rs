//! Revisions of the protocol, and the three wire families that they fall into.

use super::message::{Kind, Message};

/// A revision of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// `2024-11-05`
    V2024_11_05,
    /// `2025-03-26`
    V2025_03_26,
    /// `2025-06-18`
    V2025_06_18,
    /// `2025-11-25`
    V2025_11_25,
    /// `2026-07-28`
    V2026_07_28,
    /// One that was not known when this was written.
    Other,
}

impl Version {
    /// Every revision, [`Version::Other`] last.
    pub const ALL: &'static [Self] = &[
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
        Self::Other,
    ];

    /// The revision written as `text`.
    pub fn parse(text: &str) -> Self {
        Self::ALL.iter().copied().find(|version| version.as_str() == text).unwrap_or(Self::Other)
    }

    /// As it is written; `_other` for [`Version::Other`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
            Self::Other => "_other",
        }
    }
}

/// A wire family: the label `era`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// HTTP+SSE of 2024-11-05. The transport tells it, not the message.
    HttpSse,
    /// Streamable HTTP up to 2025-11-25: `initialize`, sessions, server-to-client requests.
    Legacy,
    /// Streamable HTTP from 2026-07-28: each request stands alone.
    Modern,
}

impl Era {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpSse => "http_sse",
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

/// The era of a client's message sent over Streamable HTTP, with the `MCP-Protocol-Version` header it came with
/// (protocol page, section 1.1): the claim in `_meta` makes it modern; only a notification without a claim asks the
/// header. Never [`Era::HttpSse`].
pub fn era_of(message: &Message, header: Option<Version>) -> Era {
    let claimed = message.params.meta.protocol_version.is_some();
    let by_header = message.kind() == Kind::Notification && header == Some(Version::V2026_07_28);
    if claimed || by_header { Era::Modern } else { Era::Legacy }
}

#[cfg(test)]
mod tests {
    use super::super::{Id, Meta, Params, Text};
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written() {
        for &version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), version);
        }
        assert_eq!(Version::parse("2027-01-01"), Version::Other);
        assert_eq!(Version::parse(""), Version::Other);
    }

    #[test]
    fn the_claim_in_the_body_decides_the_era_and_the_header_only_for_notifications() {
        let notification = Message { method: Some(Text::new("x")), ..Message::default() };
        let request = Message { id: Some(Id::Number(1)), ..notification.clone() };
        let meta = Meta { protocol_version: Some(Text::new("2026-07-28")), ..Meta::default() };
        let claimed = Message { params: Params { meta, ..Params::default() }, ..request.clone() };
        let modern = Some(Version::V2026_07_28);
        assert_eq!(era_of(&claimed, None), Era::Modern);
        assert_eq!(era_of(&request, modern), Era::Legacy);
        assert_eq!(era_of(&notification, modern), Era::Modern);
        assert_eq!(era_of(&notification, Some(Version::V2025_11_25)), Era::Legacy);
        assert_eq!(era_of(&notification, None), Era::Legacy);
    }

    #[test]
    fn eras_have_their_labels() {
        assert_eq!(
            [Era::HttpSse, Era::Legacy, Era::Modern].map(Era::as_str),
            ["http_sse", "legacy", "modern"]
        );
    }
}
