//! One `[[price]]`. Which servers there are, and that no two are about the same, is in `rules`.

use toml::Spanned;

use crate::config::Price;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Finite, Name, Optional};
use crate::config::rules::{PriceSpans, Spans};

pub(super) fn resolve(raw: Spanned<raw::Price>, spans: &mut Spans) -> Result<Price, Mistake> {
    let block = raw.span();
    let raw = raw.into_inner();
    let server = raw.server.as_ref().map(Spanned::span);
    spans.prices.push(PriceSpans { block: block.clone(), server });
    let price = Price {
        server: name(raw.server),
        tool: name(raw.tool),
        per_call: amount(raw.per_call)?,
        per_kilobyte: amount(raw.per_kilobyte)?,
        per_1k_tokens: amount(raw.per_1k_tokens)?,
    };
    if [price.per_call, price.per_kilobyte, price.per_1k_tokens].iter().any(|amount| *amount > 0.0) {
        return Ok(price);
    }
    let hint = "give `per_call`, `per_kilobyte` or `per_1k_tokens`, in US dollars: per_call = 0.005";
    Err(Fault::new("a price of nothing", hint).at(block))
}

fn name(raw: Optional<Name>) -> Option<String> {
    raw.map(|name| name.into_inner().0.0)
}

fn amount(raw: Optional<Finite>) -> Result<f64, Mistake> {
    let Some(raw) = raw else { return Ok(0.0) };
    let amount = raw.get_ref().0.0;
    if amount < 0.0 {
        let hint = "write US dollars: 0.005 is half a cent";
        return Err(Fault::new("a price is not negative", hint).at(raw.span()));
    }
    Ok(amount)
}
