//! Authentication as it is seen in passing: what a client came with, and why it was turned away. Nothing is verified.

use std::borrow::Cow;
use std::ops::Range;

use super::field::Field;

/// How a client identified itself: the label `method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthScheme {
    /// `Bearer` (RFC 6750).
    Bearer,
    /// `DPoP` (RFC 9449).
    Dpop,
    /// `Basic` (RFC 7617).
    Basic,
    /// Any other scheme, or a secret without one.
    ApiKey,
    /// Not at all.
    None,
}

impl AuthScheme {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Dpop => "dpop",
            Self::Basic => "basic",
            Self::ApiKey => "api_key",
            Self::None => "none",
        }
    }
}

/// The scheme of an `Authorization` field (RFC 9110, section 11.6.2), by its first word whatever its case. An empty field
/// is [`AuthScheme::None`].
pub fn scheme_of(authorization: &[u8]) -> AuthScheme {
    let (scheme, _) = credentials(authorization);
    if scheme.is_empty() {
        AuthScheme::None
    } else if scheme.eq_ignore_ascii_case(b"bearer") {
        AuthScheme::Bearer
    } else if scheme.eq_ignore_ascii_case(b"dpop") {
        AuthScheme::Dpop
    } else if scheme.eq_ignore_ascii_case(b"basic") {
        AuthScheme::Basic
    } else {
        AuthScheme::ApiKey
    }
}

/// The first word of an `Authorization` field, and what follows it.
pub(super) fn credentials(authorization: &[u8]) -> (&[u8], &[u8]) {
    let authorization = authorization.trim_ascii();
    let end = authorization.iter().position(u8::is_ascii_whitespace).unwrap_or(authorization.len());
    let (scheme, rest) = authorization.split_at(end);
    (scheme, rest.trim_ascii_start())
}

/// Why a client was turned away, by a challenge's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthError {
    /// `invalid_request` (RFC 6750, section 3.1).
    InvalidRequest,
    /// `invalid_token` (RFC 6750, section 3.1).
    InvalidToken,
    /// `insufficient_scope` (RFC 6750, section 3.1).
    InsufficientScope,
    /// `invalid_dpop_proof` (RFC 9449, section 7.1).
    InvalidDpopProof,
    /// `use_dpop_nonce` (RFC 9449, section 9).
    UseDpopNonce,
    /// Another word.
    Other,
}

impl AuthError {
    /// Every error, [`AuthError::Other`] last.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::InvalidDpopProof,
        Self::UseDpopNonce,
        Self::Other,
    ];

    /// As it is written; `_other` for [`AuthError::Other`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::Other => "_other",
        }
    }

    fn named(name: &[u8]) -> Self {
        let is_named = |error: &Self| error.as_str().as_bytes() == name;
        Self::ALL.iter().copied().find(is_named).unwrap_or(Self::Other)
    }
}

/// The first `error` parameter of the challenges in a `WWW-Authenticate` field (RFC 9110, section 11.6.1). `None` where
/// they have none: the client came without credentials, or the server does not say more.
pub fn challenge_error(value: &[u8]) -> Option<AuthError> {
    Parameters::of(value)
        .find(|parameter| parameter.is_named("error"))
        .map(|error| AuthError::named(&error.means))
}

/// A parameter of a challenge.
#[derive(Debug)]
pub struct Parameter<'a> {
    name: &'a [u8],
    /// Where its value stands in the field, quotes included.
    pub place: Range<usize>,
    /// What its value means, without quotes and escapes.
    pub means: Cow<'a, [u8]>,
}

impl Parameter<'_> {
    /// Whether it has this name, whatever the case.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The parameters of all challenges in a `WWW-Authenticate` field (RFC 9110, section 11.6.1), in order.
pub fn challenge_parameters(value: &[u8]) -> impl Iterator<Item = Parameter<'_>> {
    Parameters::of(value)
}

struct Parameters<'a> {
    length: usize,
    field: Field<'a>,
}

impl<'a> Parameters<'a> {
    fn of(value: &'a [u8]) -> Self {
        Self { length: value.len(), field: Field::new(value) }
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        let field = &mut self.field;
        while !field.is_empty() {
            let name = field.token();
            if name.is_empty() {
                // What separates parameters, what does not belong here, and all of a `token68` that is no token.
                field.pass_one();
            } else if field.pass(b'=') {
                let start = self.length - field.left();
                if let Some(means) = field.value() {
                    return Some(Parameter { name, place: start..self.length - field.left(), means });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_known_by_its_first_word() {
        for (authorization, scheme) in [
            ("Bearer abc", "bearer"),
            ("bearer  abc", "bearer"),
            (" BEARER\tabc", "bearer"),
            ("Bearer", "bearer"),
            ("DPoP abc", "dpop"),
            ("Basic dTpw", "basic"),
            ("ApiKey abc", "api_key"),
            ("Token abc", "api_key"),
            ("AWS4-HMAC-SHA256 Credential=a/b, Signature=c", "api_key"),
            ("Bearer=abc", "api_key"),
            ("sk-abc", "api_key"),
            ("\u{fffd}", "api_key"),
            ("", "none"),
            ("  ", "none"),
        ] {
            assert_eq!(scheme_of(authorization.as_bytes()).as_str(), scheme, "{authorization}");
        }
    }

    #[test]
    fn an_error_is_found_in_any_challenge() {
        for (challenge, error) in [
            (r#"Bearer error="invalid_token""#, AuthError::InvalidToken),
            (r#"Bearer realm="a", error="invalid_token", error_description="b""#, AuthError::InvalidToken),
            (r"Bearer error=insufficient_scope, scope=x", AuthError::InsufficientScope),
            (r#"bearer realm = "a" , Error = "invalid_request""#, AuthError::InvalidRequest),
            (r#"Basic realm="a", DPoP algs="ES256", error="use_dpop_nonce""#, AuthError::UseDpopNonce),
            (r#"Negotiate YWJj/+==, DPoP error="invalid_dpop_proof""#, AuthError::InvalidDpopProof),
            (r#"Bearer realm="a" error="invalid_token""#, AuthError::InvalidToken),
            (r#"Bearer error="inv\alid_token""#, AuthError::InvalidToken),
            (r#"Bearer error="expired""#, AuthError::Other),
            (r#"Bearer error="""#, AuthError::Other),
            (r#"Bearer error="_other""#, AuthError::Other),
            (r#"Bearer error="invalid_token", error="invalid_request""#, AuthError::InvalidToken),
        ] {
            assert_eq!(challenge_error(challenge.as_bytes()), Some(error), "{challenge}");
        }
    }

    #[test]
    fn what_only_looks_like_an_error_is_none() {
        for challenge in [
            "",
            "Bearer",
            "error",
            "Bearer error",
            "Bearer error=",
            r#"Bearer error="invalid_token"#,
            r#"Bearer resource_metadata="https://a/.well-known/x?error=invalid_token""#,
            r#"Bearer realm="\", error=\"invalid_token""#,
            r#"Bearer realm="a, error=invalid_token"#,
            r#"Bearer error_description="x", xerror="invalid_token", error_uri="y""#,
            r#"Bearer "error"="invalid_token""#,
            "Negotiate error==",
        ] {
            assert_eq!(challenge_error(challenge.as_bytes()), None, "{challenge}");
        }
    }

    #[test]
    fn a_parameter_has_its_place() {
        let challenge =
            r#"Negotiate YWJj/+==, Bearer realm="a, b=\"c\"", error=x, DPoP Error = "y""#.as_bytes();
        let parameters: Vec<_> = challenge_parameters(challenge)
            .map(|parameter| {
                let written = String::from_utf8_lossy(&challenge[parameter.place.clone()]).into_owned();
                (parameter.is_named("error"), written, String::from_utf8_lossy(&parameter.means).into_owned())
            })
            .collect();
        let expected = [(false, r#""a, b=\"c\"""#, r#"a, b="c""#), (true, "x", "x"), (true, r#""y""#, "y")];
        assert_eq!(
            parameters,
            expected.map(|(is, written, means)| (is, written.to_owned(), means.to_owned()))
        );
    }

    #[test]
    fn every_error_has_its_own_word() {
        for &error in AuthError::ALL {
            assert_eq!(AuthError::named(error.as_str().as_bytes()), error);
        }
    }
}
