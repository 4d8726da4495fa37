//! `[identity]`.

use toml::Spanned;

use super::label::{is_reserved, values};
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, LabelValue, Plain, SessionSource, Value};
use crate::config::{Identity, Source, Tier};

/// Each is a value of the label `user_tier`.
const MOST_TIERS: usize = 50;

/// Each is a value of the label `client_name`.
const MOST_CLIENTS: usize = 500;

/// Each is looked for in every request of the eras that have no sessions of their own.
const MOST_SESSION_SOURCES: usize = 10;

pub(super) fn resolve(raw: raw::Identity) -> Result<Identity, Mistake> {
    Ok(Identity {
        user: raw.user.map(user).transpose()?,
        tier: raw.tier.map(tier).transpose()?,
        session: raw.session.map(session).transpose()?.unwrap_or_default(),
        clients: clients(raw.clients)?,
    })
}

fn user(raw: Spanned<raw::Source>) -> Result<Source, Mistake> {
    let span = raw.span();
    source(raw.into_inner())?.ok_or_else(|| {
        let hint =
            "write user = { header = \"X-User-Id\" }, { claim = \"sub\" } or { meta = \"openai/subject\" }";
        Fault::new("`user` does not say where it stands", hint).at(span)
    })
}

fn tier(raw: Spanned<raw::Tier>) -> Result<Tier, Mistake> {
    let span = raw.span();
    let raw::Tier { header, claim, meta, baggage, allowed } = raw.into_inner();
    let source = source(raw::Source { header, claim, meta, baggage })?;
    let without = |what: &str| {
        let hint = "write tier = { claim = \"plan\", allowed = [\"free\", \"pro\"] }";
        Fault::new(format!("`tier` {what}"), hint).at(span.clone())
    };
    let source = source.ok_or_else(|| without("does not say where it stands"))?;
    let allowed =
        allowed.ok_or_else(|| without("without `allowed`: only listed tiers are a label's value"))?;
    Ok(Tier { source, allowed: own_values(allowed, 1, MOST_TIERS)? })
}

fn clients(raw: Plain<Vec<Spanned<Value<LabelValue>>>>) -> Result<Vec<String>, Mistake> {
    raw.map(|clients| own_values(clients, 0, MOST_CLIENTS)).transpose().map(Option::unwrap_or_default)
}

/// Values of a label for which `none` and `_other` are used, too.
fn own_values(
    raw: Spanned<Vec<Spanned<Value<LabelValue>>>>,
    fewest: usize,
    most: usize,
) -> Result<Vec<String>, Mistake> {
    if let Some(value) = raw.get_ref().iter().find(|value| is_reserved(&value.get_ref().0.0)) {
        let message = format!("`{}` is a label value with a meaning of its own", value.get_ref().0.0);
        let hint = "leave it out: what is absent is `none`, and what is not listed `_other`, by themselves";
        return Err(Fault::new(message, hint).at(value.span()));
    }
    values(raw, fewest..=most)
}

/// A name of one kind.
type Read = fn(&str) -> Result<Source, Fault>;

/// The one place that is named; `None` where there is none.
fn source(raw: raw::Source) -> Result<Option<Source>, Mistake> {
    let kinds: [(&str, Plain<String>, Read); 4] = [
        ("header", raw.header, raw::header),
        ("claim", raw.claim, raw::claim),
        ("meta", raw.meta, raw::meta),
        ("baggage", raw.baggage, raw::baggage),
    ];
    let mut written = kinds.into_iter().filter_map(|(kind, name, read)| Some((kind, name?, read)));
    let Some((kind, name, read)) = written.next() else { return Ok(None) };
    if let Some((other, second, _)) = written.next() {
        let message = format!("`{kind}` and `{other}` both say where it stands");
        return Err(Fault::new(message, "keep one of the two").at(second.span()));
    }
    read(name.get_ref()).map(Some).map_err(|fault| fault.at(name.span()))
}

fn session(raw: Spanned<Vec<Spanned<Value<SessionSource>>>>) -> Result<Vec<Source>, Mistake> {
    let span = raw.span();
    let mut sources: Vec<Source> = Vec::new();
    for entry in raw.into_inner() {
        let span = entry.span();
        let source = entry.into_inner().0.0;
        if sources.contains(&source) {
            return Err(Fault::new(format!("`{source}` stands twice"), "keep one of the two").at(span));
        }
        sources.push(source);
    }
    if sources.len() > MOST_SESSION_SOURCES {
        let message = format!("expected at most {MOST_SESSION_SOURCES} places");
        return Err(Fault::new(message, "each is looked for in every request").at(span));
    }
    Ok(sources)
}
