//! Claims of a JSON Web Token, read in passing. **Nothing of it is verified**: neither the signature, nor whether the
//! token has expired or was meant for this server. What is found is what a client says of itself.

use super::base64;
use super::challenge::{AuthScheme, credentials, scheme_of};
use super::parts::members;

/// The claims of these names in the token of an `Authorization` field (`Bearer` or `DPoP`; RFC 7519 in the compact form
/// of RFC 7515), in the order of the names, **not verified**. Strings are as they are meant, numbers and booleans as they
/// are written; any other value is `None`, and so is everything where the field holds no such token, or its payload is
/// longer than 16 KiB. Of claims that stand twice the last holds.
pub fn claims(authorization: &[u8], names: &[&str]) -> Vec<Option<String>> {
    read(authorization, names).unwrap_or_else(|| vec![None; names.len()])
}

/// Of the payload, as it is encoded.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

fn read(authorization: &[u8], names: &[&str]) -> Option<Vec<Option<String>>> {
    let payload = base64::url(payload(authorization)?)?;
    let mut found = vec![None; names.len()];
    members(&payload, &mut |key, value| {
        let Ok(key) = serde_json::from_str::<String>(key) else { return };
        let wanted = names.iter().zip(&mut found).filter(|(name, _)| **name == key);
        wanted.for_each(|(_, found)| *found = scalar(value));
    })?;
    Some(found)
}

/// The middle one of a token's three parts.
fn payload(authorization: &[u8]) -> Option<&[u8]> {
    matches!(scheme_of(authorization), AuthScheme::Bearer | AuthScheme::Dpop).then_some(())?;
    let (_, token) = credentials(authorization);
    let mut parts = token.split(|byte| *byte == b'.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && payload.len() <= PAYLOAD_BYTES_MAX).then_some(payload)
}

fn scalar(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(json.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"sub":"u\u0031","tier":"gold","age":4.0,"admin":true,"aud":["a"],"org":{"id":1},"nil":null,"tier":"é"}`
    const PAYLOAD: &str = "eyJzdWIiOiJ1XHUwMDMxIiwidGllciI6ImdvbGQiLCJhZ2UiOjQuMCwiYWRtaW4iOnRydWUsImF1ZCI6WyJhIl0sIm9\
        yZyI6eyJpZCI6MX0sIm5pbCI6bnVsbCwidGllciI6IsOpIn0";

    fn read(authorization: &str, names: &[&str]) -> Vec<Option<String>> {
        claims(authorization.as_bytes(), names)
    }

    #[test]
    fn claims_are_given_in_the_order_of_their_names() {
        let names = ["tier", "sub", "age", "admin", "aud", "org", "nil", "id", "sub"];
        let expected = [Some("é"), Some("u1"), Some("4.0"), Some("true"), None, None, None, None, Some("u1")];
        let expected = expected.map(|claim| claim.map(str::to_owned));
        for scheme in ["Bearer", "bearer", "DPoP "] {
            assert_eq!(read(&format!("{scheme} e30.{PAYLOAD}.c2ln"), &names), expected, "{scheme}");
        }
        assert_eq!(read(&format!("Bearer e30.{PAYLOAD}."), &["sub"]), [Some("u1".to_owned())]);
    }

    #[test]
    fn what_is_no_token_claims_nothing() {
        let none = || vec![None, None];
        for authorization in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer opaque".to_owned(),
            format!("Basic e30.{PAYLOAD}.c2ln"),
            format!("e30.{PAYLOAD}.c2ln"),
            format!("Bearer e30.{PAYLOAD}"),
            format!("Bearer a.{PAYLOAD}.c.d.e"),
            format!("Bearer e30.{PAYLOAD}=.c2ln"),
            format!("Bearer e30.{}.c2ln", PAYLOAD.split_at(40).0),
            // `[]`
            "Bearer e30.W10.c2ln".to_owned(),
        ] {
            assert_eq!(read(&authorization, &["sub", "tier"]), none(), "{authorization}");
        }
    }

    #[test]
    fn a_payload_that_is_too_long_is_not_read() {
        // `{` and blanks, `"a":1}` at its end.
        let padded =
            |blanks: usize| format!("Bearer e30.e{}ImEiOjF9.c2ln", "yAg".to_owned() + &"ICAg".repeat(blanks));
        let read = |blanks| read(&padded(blanks), &["a"]);
        let blanks = (PAYLOAD_BYTES_MAX - 12) / 4;
        assert_eq!((read(blanks), read(blanks + 1)), (vec![Some("1".to_owned())], vec![None]));
    }
}
