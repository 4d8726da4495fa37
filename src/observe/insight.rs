//! What is made of payloads beside their lengths: custom metrics, costs, tokens, lists of tools. Whatever needs a payload
//! itself happens off the path; what does not costs a look-up.

use std::sync::{Arc, Mutex};

use super::Export;
use super::call::{Call, Held};
use super::catalogue::{Catalogues, Defined, Page};
use super::event::{Captured, Direction, DropReason, DroppedWhat, Event, Outcome};
use super::label::Label;
use super::later::Later;
use super::lock;
use super::price::{self, NanoDollars, Prices};
use super::reader::Budget;
use super::rules::{ByPart, Facts, RuleSet, Rules, Verdict};
use super::tokens::{self, Payloads, Tokenizer, Tokens};
use crate::config::{Config, TokenCounter};
use crate::mcp::{Message, Method, Text, Wanted};

/// Rules are tried on so small payloads where the call ends: to keep a copy for later costs more. It is what a pass of
/// some microseconds reads.
const AT_ONCE_BYTES_MAX: usize = 4 * 1024;

/// What is made of payloads.
pub(super) struct Insight {
    export: Arc<dyn Export>,
    rules: Option<Arc<Rules>>,
    prices: Option<Prices>,
    is_exact: bool,
    /// Lists are compared with a file that may be slow.
    has_state: bool,
    payload_bytes: usize,
    budget: Arc<Budget>,
    elsewhere: Arc<Elsewhere>,
}

/// Who works off the path, as long as the process lives.
struct Elsewhere {
    rules: Later<Carried>,
    /// Counts exactly; `None` = tokens are estimated.
    tokenizer: Option<Tokenizer>,
    lists: Later<List>,
    /// What they told.
    catalogues: Arc<Mutex<Catalogues>>,
}

/// What becomes of lists of tools.
enum List {
    Page(Page),
    /// There are more servers.
    Servers(Vec<String>),
}

/// What somebody wants of one call.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each payload is wanted or not")]
pub(super) struct Interest {
    /// The rules that may be about it.
    pub(super) rules: RuleSet,
    /// All of its `params` are kept.
    pub(super) params: bool,
    /// Its `arguments` are kept.
    pub(super) arguments: bool,
    /// Its result is kept.
    pub(super) result: bool,
    /// The structured content of that is kept.
    pub(super) structured: bool,
    /// Its tokens are counted exactly.
    exact: bool,
}

impl Interest {
    /// Whether anybody wants anything.
    pub(super) fn is_any(self) -> bool {
        self.rules != 0 || self.exact
    }
}

/// A call for rules to be tried on.
struct Carried {
    by: Arc<Rules>,
    rules: RuleSet,
    facts: Facts,
    kept: ByPart<Option<Held>>,
}

/// What a call leaves behind when it ends.
pub(super) struct Remains<'a> {
    pub(super) call: &'a Call,
    pub(super) outcome: Outcome,
    pub(super) tool: Label,
    pub(super) params: Option<Held>,
    pub(super) arguments: Option<Held>,
    pub(super) result: Option<&'a Captured>,
    pub(super) structured: Option<&'a Captured>,
    /// It had a result, kept or not.
    pub(super) has_result: bool,
}

impl Insight {
    pub(super) fn new(config: &Config, export: &Arc<dyn Export>, budget: &Arc<Budget>) -> Self {
        let is_exact = config.tokens.counter == TokenCounter::O200k;
        let catalogues = Catalogues::new(names(config), config.drift.state.as_deref(), is_exact);
        let catalogues = Arc::new(Mutex::new(catalogues));
        let elsewhere = Elsewhere {
            rules: judging(Arc::clone(export)),
            tokenizer: if is_exact { Tokenizer::start() } else { None },
            lists: listing(Arc::clone(&catalogues), Arc::clone(export)),
            catalogues,
        };
        Self {
            rules: Rules::new(config).map(Arc::new),
            prices: Prices::new(config),
            is_exact,
            has_state: config.drift.state.is_some(),
            payload_bytes: config.limits.payload_bytes,
            budget: Arc::clone(budget),
            export: Arc::clone(export),
            elsewhere: Arc::new(elsewhere),
        }
    }

    /// The same for a configuration that takes the place of this one's.
    pub(super) fn after(&self, config: &Config) -> Self {
        self.elsewhere.lists.push(List::Servers(names(config)));
        Self {
            rules: Rules::new(config).map(Arc::new),
            prices: Prices::new(config),
            export: Arc::clone(&self.export),
            budget: Arc::clone(&self.budget),
            elsewhere: Arc::clone(&self.elsewhere),
            ..*self
        }
    }

    /// What is kept of requests to a server before it is known what they ask.
    pub(super) fn wanted_of_requests(&self, server: usize) -> Wanted {
        let by_rules = self.rules.as_ref().map(|rules| rules.server_wants(server)).unwrap_or_default();
        Wanted {
            params: by_rules.params,
            arguments: by_rules.arguments || self.is_exact,
            bytes_max: self.payload_bytes,
            ..Wanted::default()
        }
    }

    /// What is kept of answers among which is one that somebody wants.
    pub(super) fn wanted_of_answers(&self, results: bool, structured: bool) -> Wanted {
        if !results && !structured {
            return Wanted::default();
        }
        Wanted { results, structured, bytes_max: self.payload_bytes, ..Wanted::default() }
    }

    /// What is wanted of a client's call.
    pub(super) fn interest(&self, server: usize, method: Method, tool: Option<&Text>) -> Interest {
        let is_call = method == Method::ToolsCall;
        let mut interest = Interest {
            exact: self.is_exact && is_call,
            arguments: self.is_exact && is_call,
            result: method == Method::ToolsList || (self.is_exact && is_call),
            ..Interest::default()
        };
        if let Some(rules) = &self.rules {
            interest.rules = rules.about(server, method, tool);
            let wanted = rules.want(interest.rules);
            interest.params = wanted.params;
            interest.arguments |= wanted.arguments;
            interest.result |= wanted.result;
            interest.structured = wanted.structured;
        }
        interest
    }

    /// The tokens of a call of a tool, where they are estimated.
    pub(super) fn estimate(&self, call: &Call, answer: Option<&Message>) -> Option<Tokens> {
        if self.is_exact || call.method != Method::ToolsCall || call.direction == Direction::ServerToClient {
            return None;
        }
        let result = answer.and_then(|message| message.result.as_ref());
        Some(Tokens {
            input: call.arguments_bytes.map(tokens::estimate),
            output: result.map(|result| tokens::estimate(result.model_bytes())),
        })
    }

    /// What a call of a tool costs that ended so; without its tokens where these are not counted yet.
    pub(super) fn cost(
        &self,
        call: &Call,
        outcome: Outcome,
        result_bytes: Option<u64>,
        tokens: Option<Tokens>,
    ) -> Option<NanoDollars> {
        if !price::is_charged(outcome) {
            return None;
        }
        let price = self.prices.as_ref()?.of(call.server, call.tool_name()?.as_bytes())?;
        let bytes = call.arguments_bytes.unwrap_or(0) + result_bytes.unwrap_or(0);
        Some(price.of_call(bytes) + tokens.map_or(0, |tokens| price.of_tokens(tokens.sum())))
    }

    /// A client's call ended: what is done with what it carried.
    pub(super) fn ended(&self, mut remains: Remains<'_>) {
        let interest = remains.call.interest;
        if let Some(rules) = self.rules.as_ref().filter(|_| interest.rules != 0) {
            self.try_rules(rules, &remains);
        }
        if interest.exact
            && let Some(tokenizer) = &self.elsewhere.tokenizer
        {
            let arguments = remains.arguments.take();
            let result = remains.result.and_then(|result| self.hold(result));
            self.count(tokenizer, &remains, arguments, result);
        }
    }

    fn try_rules(&self, rules: &Arc<Rules>, remains: &Remains<'_>) {
        let counting = rules.ending(remains.call.interest.rules, remains.outcome);
        if counting == 0 {
            return;
        }
        let wanted = rules.want(counting);
        let kept = ByPart {
            params: captured(remains.params.as_ref()).filter(|_| wanted.params),
            arguments: captured(remains.arguments.as_ref()).filter(|_| wanted.arguments),
            result: remains.result.filter(|_| wanted.result),
            structured: remains.structured.filter(|_| wanted.structured),
        };
        let facts = Facts::of(remains);
        let bytes = |captured: Option<&Captured>| captured.map_or(0, |captured| captured.bytes.len());
        let all = bytes(kept.params) + bytes(kept.arguments) + bytes(kept.result) + bytes(kept.structured);
        if all > AT_ONCE_BYTES_MAX {
            let mut has_room = true;
            let held = kept.as_ref().map(|captured| {
                let held = captured.as_ref().map(|captured| self.hold(captured));
                has_room &= !matches!(held, Some(None));
                held.flatten()
            });
            // Metrics are exact: what there is no room for is done at once.
            if has_room {
                let by = Arc::clone(rules);
                self.elsewhere.rules.push(Carried { by, rules: counting, facts, kept: held });
                return;
            }
        }
        let kept = kept.map(|captured| captured.map(|captured| &*captured.bytes));
        judge(rules, counting, &facts, kept, &*self.export);
    }

    /// A page of a server's list of tools came.
    pub(super) fn listed(&self, call: &Call, message: &Message) {
        let Some(result) = &message.result else { return };
        let kept = result.captured.as_ref().filter(|captured| !captured.cut);
        let share = kept.and_then(|captured| self.budget.take(captured.bytes.len()));
        let page = Page {
            server: call.server,
            audience: call.head.audience,
            cursor: call.cursor,
            next: result.next_cursor.as_ref().map(Text::hash),
            tools: result.tools.len() as u64,
            bytes: result.bytes,
            tokens: tokens::estimate(result.model_bytes()),
            at: call.started,
            result: kept.zip(share).map(|(captured, share)| (captured.bytes.clone(), share)),
        };
        self.elsewhere.lists.push(List::Page(page));
    }

    /// What is known of a tool. Where lists are compared with a file, it may take as long as that does.
    pub(super) fn defined(&self, server: usize, tool: &str) -> Option<Defined> {
        lock::lock(&self.elsewhere.catalogues).defined(server, tool)
    }

    /// Does what waits, so that whoever asks now is told of all that passed before; but nothing that may take long.
    pub(super) fn catch_up(&self) {
        self.elsewhere.rules.help();
        if !self.has_state {
            self.elsewhere.lists.help();
        }
        self.tell_counted();
    }

    /// The process ends.
    pub(super) fn finish(&self) {
        self.catch_up();
        self.elsewhere.lists.help();
    }

    /// Tells what was counted since.
    pub(super) fn tell_counted(&self) {
        let Some(tokenizer) = &self.elsewhere.tokenizer else { return };
        while let Some(counted) = tokenizer.next() {
            let (of, tokens) = (counted.of, counted.tokens);
            let cost = of.price.map(|price| price.of_tokens(tokens.sum()));
            self.export.event(&Event::TokensCounted { server: of.server, tool: of.tool, tokens, cost });
        }
    }

    /// How many calls wait for their tokens to be counted.
    pub(super) fn waiting(&self) -> usize {
        self.elsewhere.tokenizer.as_ref().map_or(0, Tokenizer::waiting)
    }

    fn count(
        &self,
        tokenizer: &Tokenizer,
        remains: &Remains<'_>,
        arguments: Option<Held>,
        result: Option<Held>,
    ) {
        let call = remains.call;
        let is_cut = |held: &Option<Held>| held.as_ref().is_some_and(|held| held.captured.cut);
        let is_lost =
            call.arguments_bytes.is_some() != arguments.is_some() || remains.has_result != result.is_some();
        let is_large = is_cut(&arguments) || is_cut(&result);
        let price = self.prices.as_ref().zip(call.tool_name()).filter(|_| price::is_charged(remains.outcome));
        let price = price.and_then(|(prices, tool)| prices.of(call.server, tool.as_bytes()));
        let payloads = Payloads {
            server: call.server,
            tool: remains.tool,
            arguments,
            result,
            price: price.filter(|price| price.is_by_token()),
        };
        let lost = if is_large {
            Some(DropReason::TooLarge)
        } else if is_lost || !tokenizer.push(payloads) {
            Some(DropReason::QueueFull)
        } else {
            None
        };
        if let Some(reason) = lost {
            self.export.event(&Event::Dropped { what: DroppedWhat::Tokens, reason });
        }
    }

    /// A payload to be kept after its call, as far as there is memory for it.
    fn hold(&self, captured: &Captured) -> Option<Held> {
        let share = self.budget.take(captured.bytes.len())?;
        Some(Held { captured: captured.clone(), share })
    }
}

fn captured(held: Option<&Held>) -> Option<&Captured> {
    held.map(|held| &held.captured)
}

impl Facts {
    fn of(remains: &Remains<'_>) -> Self {
        let call = remains.call;
        Self {
            server: call.server,
            method: call.method,
            outcome: remains.outcome,
            tool: remains.tool,
            tier: call.tier().unwrap_or_else(Label::none),
            client: call.client.label,
        }
    }
}

/// Who tries rules on calls.
fn judging(export: Arc<dyn Export>) -> Later<Carried> {
    Later::new("custom-metrics", move |carried: Carried| {
        let kept = carried.kept.as_ref().map(|held| held.as_ref().map(|held| &*held.captured.bytes));
        judge(&carried.by, carried.rules, &carried.facts, kept, &*export);
    })
}

fn judge(rules: &Rules, which: RuleSet, facts: &Facts, kept: ByPart<Option<&[u8]>>, export: &dyn Export) {
    let server = facts.server;
    rules.judge(which, facts, kept, &mut |rule, verdict| match verdict {
        Verdict::Counts { value, labels } => {
            export.event(&Event::Custom { server, rule, value, labels });
        }
        Verdict::NoValue => {
            export.event(&Event::Dropped { what: DroppedWhat::Metric, reason: DropReason::NoValue });
        }
        Verdict::Other(_) => {}
    });
}

/// By their positions.
fn names(config: &Config) -> Vec<String> {
    config.servers.iter().map(|server| server.name.clone()).collect()
}

/// Changes of one list that are told by a line; all are counted.
const LINES_MAX: usize = 50;

/// Who compares lists of tools.
fn listing(catalogues: Arc<Mutex<Catalogues>>, export: Arc<dyn Export>) -> Later<List> {
    let mut last_problem = None;
    Later::new("tools", move |list: List| {
        let page = match list {
            List::Page(page) => page,
            List::Servers(names) => return lock::lock(&catalogues).grow(names),
        };
        let server = page.server;
        let learned = lock::lock(&catalogues).page(page);
        if let Some(listed) = &learned.listed {
            let (tools, bytes, tokens) = (listed.tools, listed.bytes, listed.tokens);
            export.event(&Event::ToolsListed { server, tools, bytes, tokens });
        }
        for (at, changed) in learned.changes.iter().enumerate() {
            export.event(&Event::ToolChanged { server, changed, line: at < LINES_MAX });
        }
        // A disk that stays full is told once.
        if learned.problem != last_problem {
            if let Some(problem) = &learned.problem {
                export.event(&Event::StateLost { problem });
            }
            last_problem = learned.problem;
        }
    })
}
