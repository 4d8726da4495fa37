//! What calls cost, by the prices of the configuration (`telemetry.md` §6).
//!
//! # Why whole billionths
//! Prices are small and calls are many: floats that are added up drift, and a bill is compared to the cent.

use std::collections::HashMap;

use super::event::Outcome;
use super::rules::Example;
use super::tokens::{self, Tokens};
use crate::config::{self, Config};
use crate::mcp::{Message, Scanner};

/// Billionths of a US dollar.
pub type NanoDollars = u64;

/// What one call costs by its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Price {
    call: f64,
    byte: f64,
    token: f64,
}

/// The prices of each server.
pub(super) struct Prices {
    servers: Vec<OfServer>,
}

#[derive(Default)]
struct OfServer {
    tools: HashMap<Box<[u8]>, Price, foldhash::fast::RandomState>,
    all: Option<Price>,
}

const NANO: f64 = 1e9;

impl Prices {
    /// `None` where nothing has a price.
    pub(super) fn new(config: &Config) -> Option<Self> {
        if config.prices.is_empty() {
            return None;
        }
        let servers = config.servers.iter().map(|server| OfServer::new(&config.prices, &server.name));
        Some(Self { servers: servers.collect() })
    }

    /// What a call of the tool with this name costs.
    pub(super) fn of(&self, server: usize, tool: &[u8]) -> Option<Price> {
        let of_server = self.servers.get(server)?;
        of_server.tools.get(tool).copied().or(of_server.all)
    }
}

/// What `example` costs in US dollars, its tokens estimated; `None` where no price is about it.
pub fn price(config: &Config, example: Example<'_>) -> Option<f64> {
    let price = Prices::new(config)?.of(example.server, example.tool?.as_bytes())?;
    if !is_charged(example.outcome) {
        return None;
    }
    // Read as traffic is.
    let (params, result) = (example.params.unwrap_or(b"{}"), example.result.unwrap_or(b"null"));
    let message = [br#"{"id":1,"method":"m","params":"#, params, br#","result":"#, result, b"}"].concat();
    let mut read = Message::default();
    Scanner::new().feed(&message, &mut |message| read = message);
    let arguments = read.params.arguments_bytes;
    let result = read.result.as_ref();
    let tokens = Tokens {
        input: arguments.map(tokens::estimate),
        output: result.map(|result| tokens::estimate(result.model_bytes())),
    };
    let bytes = arguments.unwrap_or(0) + result.map_or(0, |result| result.bytes);
    Some(as_f64(price.of_call(bytes) + price.of_tokens(tokens.sum())) / NANO)
}

/// Only what a server has done costs anything.
pub(super) fn is_charged(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Ok | Outcome::ToolError | Outcome::Task)
}

impl OfServer {
    fn new(prices: &[config::Price], name: &str) -> Self {
        let mut this = Self::default();
        // Of prices that fit, the most specific one holds, and that of a tool is more so than that of a server.
        let rank = |price: &config::Price| (price.tool.is_some(), price.server.is_some());
        let fits = |price: &&config::Price| price.server.as_deref().is_none_or(|server| server == name);
        let mut fitting: Vec<&config::Price> = prices.iter().filter(fits).collect();
        fitting.sort_by_key(|price| rank(price));
        for price in fitting {
            match &price.tool {
                Some(tool) => drop(this.tools.insert(tool.as_bytes().into(), Price::new(price))),
                None => this.all = Some(Price::new(price)),
            }
        }
        this
    }
}

impl Price {
    fn new(price: &config::Price) -> Self {
        Self { call: price.per_call, byte: price.per_kilobyte / 1000.0, token: price.per_1k_tokens / 1000.0 }
    }

    /// Whether its tokens matter.
    pub(super) fn is_by_token(self) -> bool {
        self.token > 0.0
    }

    /// For a call that carried so many bytes.
    pub(super) fn of_call(self, bytes: u64) -> NanoDollars {
        nano(self.call + self.byte * as_f64(bytes))
    }

    /// For so many tokens.
    pub(super) fn of_tokens(self, tokens: u64) -> NanoDollars {
        nano(self.token * as_f64(tokens))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "prices are not negative, so that it rounds; it saturates"
)]
fn nano(dollars: f64) -> NanoDollars {
    (dollars * NANO + 0.5) as u64
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Server, Url};

    fn price(server: Option<&str>, tool: Option<&str>, per_call: f64) -> config::Price {
        config::Price {
            server: server.map(str::to_owned),
            tool: tool.map(str::to_owned),
            per_call,
            per_kilobyte: 0.0,
            per_1k_tokens: 0.0,
        }
    }

    #[test]
    fn the_most_specific_price_holds_whatever_the_order() {
        let url = Url { tls: false, host: "a".to_owned(), port: None, path: "/".to_owned() };
        let config = Config {
            servers: vec![Server::new("a", url.clone()), Server::new("b", url)],
            prices: vec![
                price(Some("a"), Some("t"), 4.0),
                price(None, Some("t"), 3.0),
                price(Some("a"), None, 2.0),
                price(None, None, 1.0),
            ],
            ..Config::default()
        };
        let prices = Prices::new(&config).unwrap();
        let cents = |server, tool| prices.of(server, str::as_bytes(tool)).unwrap().of_call(0) / 1_000_000_000;
        assert_eq!([cents(0, "t"), cents(0, "u"), cents(1, "t"), cents(1, "u")], [4, 2, 3, 1]);
    }

    #[test]
    fn many_small_prices_add_up_exactly() {
        let price = Price { call: 0.005, byte: 0.0, token: 0.01 / 1000.0 };
        let sum: u64 = (0..1000).map(|_| price.of_call(10) + price.of_tokens(100)).sum();
        assert_eq!(sum, 6_000_000_000);
    }
}
