//! Names whose values are secrets.

use std::collections::HashSet;

/// The names, each as its words written together in lower case.
#[derive(Debug)]
pub(super) struct Keys {
    names: HashSet<String>,
}

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Harmless,
    /// Secret unless it is a number: `max_tokens` counts, `tokens` may hold some.
    Counted,
    Secret,
}

/// Words, and words written together, that make a name secret wherever they stand in it.
const SECRET: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "pw",
    "passphrase",
    "passcode",
    "dbpass",
    "userpass",
    "smtppass",
    "secret",
    "secrets",
    "token",
    "clientsecret",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "bearertoken",
    "apitoken",
    "sessiontoken",
    "apikey",
    "apikeys",
    "appkey",
    "authkey",
    "accesskey",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "accountkey",
    "masterkey",
    "sharedkey",
    "sharedaccesskey",
    "sshkey",
    "servicekey",
    "licensekey",
    "authorization",
    "auth",
    "bearer",
    "credential",
    "credentials",
    "creds",
    "cookie",
    "cookies",
    "setcookie",
    "jwt",
    "sessionid",
    "sessionkey",
    "signature",
    "sig",
    "pin",
    "pincode",
    "otp",
    "totp",
    "mfacode",
    "cvv",
    "cvc",
    "cvv2",
    "ssn",
    "socialsecuritynumber",
    "cardnumber",
    "creditcard",
    "ccnumber",
    "iban",
    "csrf",
    "xsrf",
    "connectionstring",
    "requeststate",
    "taskid",
    "userlocation",
    "openaisubject",
    "openaisession",
    "openaiorganization",
    "widgetsessionid",
];

/// Endings of a name in one word, as in `dbpassword`.
const ENDINGS: &[&str] =
    &["password", "passwd", "passphrase", "secret", "apikey", "privatekey", "accesstoken"];

/// Last words that say it is about a secret, not one.
const ABOUT: &[&str] = &[
    "count",
    "counts",
    "type",
    "types",
    "limit",
    "limits",
    "usage",
    "budget",
    "length",
    "size",
    "max",
    "min",
    "policy",
    "required",
    "expires",
    "expiry",
    "expiration",
    "ttl",
    "url",
    "uri",
    "endpoint",
    "endpoints",
    "method",
    "methods",
    "mode",
    "supported",
    "status",
    "enabled",
    "valid",
    "algorithm",
    "alg",
    "provider",
];

/// Words before `token` that make it a mark to go on from, or a piece of text.
const NO_SECRET_TOKENS: &[&str] =
    &["progress", "page", "next", "previous", "prev", "continuation", "sync", "cancellation", "cancel"];

/// The most words that a configured name is looked for in.
const WORDS_MAX: usize = 6;

impl Keys {
    /// The built-in names and these.
    pub(super) fn new(more: &[String]) -> Self {
        let built_in = SECRET.iter().map(|name| (*name).to_owned());
        let more = more.iter().map(|name| words(name).concat()).filter(|name| !name.is_empty());
        Self { names: built_in.chain(more).collect() }
    }

    /// What `name` says of its value.
    pub(super) fn kind(&self, name: &str) -> Kind {
        let words = words(name);
        let about = words.len() > 1 && words.last().is_some_and(|last| ABOUT.contains(&&**last));
        if about && !self.names.contains(&words.concat()) || is_mark(&words) {
            return Kind::Harmless;
        }
        let named = (0..words.len()).any(|at| self.begins(&words[at..]));
        if named || words.iter().any(|word| ENDINGS.iter().any(|ending| word.ends_with(ending))) {
            Kind::Secret
        } else if words.last().is_some_and(|last| last == "tokens") {
            Kind::Counted
        } else {
            Kind::Harmless
        }
    }

    /// Whether these words begin with a secret name.
    fn begins(&self, words: &[String]) -> bool {
        let mut together = String::new();
        words.iter().take(WORDS_MAX).any(|word| {
            together.push_str(word);
            self.names.contains(&together)
        })
    }
}

fn is_mark(words: &[String]) -> bool {
    match words {
        [only] => NO_SECRET_TOKENS.iter().any(|word| only.strip_suffix("token") == Some(word)),
        [.., before, last] => last == "token" && NO_SECRET_TOKENS.contains(&&**before),
        [] => false,
    }
}

/// The words of a name in lower case: `X-Api-Key`, `api_key`, `apiKey` and `APIKey` all have `api` and `key`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_lower = letters.peek().is_some_and(|next| next.is_lowercase());
        let hump =
            letter.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_lower));
        if (hump || !letter.is_alphanumeric() || letter.is_ascii_digit()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() && !letter.is_ascii_digit() {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_however_it_is_written() {
        let keys = Keys::new(&["employee_number".to_owned()]);
        for name in [
            "password",
            "PASSWORD",
            "userPassword",
            "db_password",
            "dbpassword",
            "X-Api-Key",
            "apiKey",
            "APIKey",
            "apikey",
            "clientSecret",
            "client-secret",
            "AWS_SECRET_ACCESS_KEY",
            "refresh_token",
            "githubToken",
            "set-cookie",
            "Set-Cookie",
            "sessionId",
            "session_id",
            "JSESSIONID".to_lowercase().as_str(),
            "password2",
            "EmployeeNumber",
            "spring.datasource.password",
            "Proxy-Authorization",
            "pin",
            "x-amz-signature",
        ] {
            assert_eq!(keys.kind(name) == Kind::Secret, name != "jsessionid", "{name}");
        }
    }

    #[test]
    fn a_name_that_only_speaks_of_a_secret_is_harmless() {
        let keys = Keys::new(&[]);
        for name in [
            "progressToken",
            "nextCursor",
            "token_count",
            "tokenType",
            "author",
            "pinned",
            "spinner",
            "compass",
            "key",
            "nextPageToken",
            "authorization_endpoint",
            "secretary",
            "passenger",
            "name",
            "",
            "id",
            "monkey",
            "progresstoken",
        ] {
            assert_eq!(keys.kind(name), Kind::Harmless, "{name}");
        }
        assert_eq!(keys.kind("max_tokens"), Kind::Counted);
    }
}
