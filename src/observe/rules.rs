//! Custom metrics: rules of the configuration, looked for in what calls carried (`telemetry.md` §6).
//!
//! # Why
//! A rule asks for a few values of a payload that may be large. All that the rules of a server ask for is found in one
//! pass over the arguments and one over the result, which builds no tree; calls that no rule is about keep nothing.

use std::borrow::Cow;

use super::event::Outcome;
use super::label::Label;
use crate::config::{Config, Fact, LabelSource, Rule, RuleKind};
use crate::mcp::{Found, Method, Pointers, Root, Text};

/// A set of rules by their positions in the configuration, which has at most so many.
pub(super) type RuleSet = u128;

/// The rules of a configuration, ready to be evaluated.
pub(super) struct Rules {
    all: Vec<Compiled>,
    servers: Vec<OfServer>,
    asking: ByPart<RuleSet>,
}

/// Something for each part of a call that may be kept. What asks for `params` beyond its `arguments`, or for `result` beyond
/// its `structuredContent`, asks for all of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ByPart<T> {
    pub(super) params: T,
    pub(super) arguments: T,
    pub(super) result: T,
    pub(super) structured: T,
}

impl<T> ByPart<T> {
    /// What is in each.
    pub(super) fn as_ref(&self) -> ByPart<&T> {
        let Self { params, arguments, result, structured } = self;
        ByPart { params, arguments, result, structured }
    }

    /// The same of each.
    pub(super) fn map<U>(self, mut of: impl FnMut(T) -> U) -> ByPart<U> {
        ByPart {
            params: of(self.params),
            arguments: of(self.arguments),
            result: of(self.result),
            structured: of(self.structured),
        }
    }
}

/// Parts that are kept alone where rules ask for nothing else, as most do: that costs less than the whole.
const ARGUMENTS: &str = "arguments";
const STRUCTURED: &str = "structuredContent";

/// The part of a call that a pointer leads into.
fn part_of(pointer: &str) -> Option<(Root, bool)> {
    let mut tokens = pointer.split('/').skip(1);
    let (root, member) = match tokens.next()? {
        "params" => (Root::Params, ARGUMENTS),
        "result" => (Root::Result, STRUCTURED),
        _ => return None,
    };
    tokens.next().map(|token| (root, token == member))
}

struct Compiled {
    rule: Rule,
    /// Where its labels' values come from.
    labels: Vec<Source>,
    methods: Vec<Method>,
    /// The outcomes that it counts, a bit each.
    outcomes: u32,
    /// Positions among what its server's pointers find.
    places: Vec<Places>,
}

/// Where a label's value comes from, with all values that it may have.
enum Source {
    Tool,
    Tier,
    Client,
    /// By their positions.
    Methods(Vec<Label>),
    Outcomes(Vec<Label>),
    /// The classes of outcomes.
    Statuses(Vec<Label>),
    /// Those that are allowed.
    Pointer(Vec<Label>),
}

/// Where what a rule asks for is found, on one server.
#[derive(Debug, Clone, Default)]
struct Places {
    value: Option<usize>,
    /// One for each label.
    labels: Vec<Option<usize>>,
}

/// What all rules about one server ask for.
struct OfServer {
    rules: RuleSet,
    pointers: Pointers,
    many: usize,
}

/// Things that rules ask for, for which there is room without asking for memory.
const FEW: usize = 4;

/// A call as rules see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) server: usize,
    pub(super) method: Method,
    pub(super) outcome: Outcome,
    pub(super) tool: Label,
    pub(super) tier: Label,
    pub(super) client: Label,
}

/// What a rule makes of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// It counts so much, under these labels, in the order of the rule's.
    Counts {
        /// The value, scaled.
        value: f64,
        /// The labels' values.
        labels: &'a [Label],
    },
    /// It would count, but what it asks for is not there or is no number that its metric can take.
    NoValue,
    /// It is not about this call: the condition that does not hold.
    Other(Condition),
}

/// A condition of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the condition of the same name")]
pub enum Condition {
    Server,
    Method,
    Tool,
    Outcome,
}

impl Rules {
    /// The rules of `config`; `None` where it has none.
    pub(super) fn new(config: &Config) -> Option<Self> {
        if config.rules.is_empty() {
            return None;
        }
        let mut all: Vec<Compiled> = config.rules.iter().map(Compiled::new).collect();
        let servers = config.servers.iter().map(|server| OfServer::new(&mut all, &server.name)).collect();
        let mut asking: ByPart<RuleSet> = ByPart::default();
        for (at, rule) in all.iter().enumerate() {
            for part in rule.pointers().filter_map(part_of) {
                let asking = match part {
                    (Root::Params, false) => &mut asking.params,
                    (Root::Params, true) => &mut asking.arguments,
                    (Root::Result, false) => &mut asking.result,
                    (Root::Result, true) => &mut asking.structured,
                };
                *asking |= 1 << at;
            }
        }
        Some(Self { all, servers, asking })
    }

    /// The rules that may be about a call, as far as its request tells.
    pub(super) fn about(&self, server: usize, method: Method, tool: Option<&Text>) -> RuleSet {
        let of_server = self.servers.get(server).map_or(0, |of_server| of_server.rules);
        self.select(of_server, |rule| {
            rule.is_about(method, |wanted| tool.is_some_and(|tool| *tool == *wanted)).is_ok()
        })
    }

    /// Those of them that count calls that end so.
    pub(super) fn ending(&self, rules: RuleSet, outcome: Outcome) -> RuleSet {
        self.select(rules, |rule| rule.counts(outcome))
    }

    /// What any of them asks for; nothing of a whole that is asked for.
    pub(super) fn want(&self, rules: RuleSet) -> ByPart<bool> {
        let asked = self.asking.map(|asking| rules & asking != 0);
        ByPart {
            arguments: asked.arguments && !asked.params,
            structured: asked.structured && !asked.result,
            ..asked
        }
    }

    /// What any rule about this server asks for.
    pub(super) fn server_wants(&self, server: usize) -> ByPart<bool> {
        let rules = self.servers.get(server).map_or(0, |of_server| of_server.rules);
        self.asking.map(|asking| rules & asking != 0)
    }

    /// What these rules make of a call: each rule's position, with its verdict.
    pub(super) fn judge(
        &self,
        rules: RuleSet,
        facts: &Facts,
        kept: ByPart<Option<&[u8]>>,
        sink: &mut dyn FnMut(usize, Verdict<'_>),
    ) {
        let Some(of_server) = self.servers.get(facts.server) else { return };
        // Most configurations ask for a few things: they need no memory of their own.
        let (mut few, mut many) = ([const { None }; FEW], Vec::new());
        let found = if let Some(few) = few.get_mut(..of_server.many) {
            few
        } else {
            many.resize(of_server.many, None);
            &mut many
        };
        for (root, whole, member, part) in [
            (Root::Params, kept.params, ARGUMENTS, kept.arguments),
            (Root::Result, kept.result, STRUCTURED, kept.structured),
        ] {
            if let Some(json) = whole {
                of_server.pointers.read(root, json, found);
            } else if let Some(json) = part {
                of_server.pointers.read_member(root, member, json, found);
            }
        }
        let mut left = rules;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            let Some(rule) = self.all.get(at) else { continue };
            let value = match rule.value(facts, found) {
                Ok(value) => value,
                Err(verdict) => {
                    sink(at, verdict);
                    continue;
                }
            };
            let (mut few, mut many) = ([Label::none(); FEW], Vec::new());
            let labels = if let Some(few) = few.get_mut(..rule.labels.len()) {
                few
            } else {
                many.resize(rule.labels.len(), Label::none());
                &mut many
            };
            rule.label(facts, found, labels);
            sink(at, Verdict::Counts { value, labels });
        }
    }

    fn select(&self, among: RuleSet, wanted: impl Fn(&Compiled) -> bool) -> RuleSet {
        let mut selected = 0;
        let mut left = among;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            if self.all.get(at as usize).is_some_and(&wanted) {
                selected |= 1 << at;
            }
        }
        selected
    }
}

impl OfServer {
    fn new(all: &mut [Compiled], name: &str) -> Self {
        let (mut rules, mut pointers) = (0, Vec::new());
        for (at, rule) in all.iter_mut().enumerate().take(RuleSet::BITS as usize) {
            let servers = &rule.rule.when.servers;
            let is_about = servers.is_empty() || servers.iter().any(|server| server == name);
            let places = if is_about { rule.places(&mut pointers) } else { Places::default() };
            rules |= RuleSet::from(is_about) << at;
            rule.places.push(places);
        }
        let (many, text_bytes) = (pointers.len(), longest_text(all));
        let pointers = Pointers::new(pointers.iter().map(String::as_str)).with_texts_of(text_bytes);
        Self { rules, pointers, many }
    }
}

/// So many bytes of a text are enough to know whether it is one that a rule allows, or a number.
fn longest_text(rules: &[Compiled]) -> usize {
    let labels = rules.iter().flat_map(|rule| &rule.rule.labels);
    let allowed = labels.flat_map(|label| match &label.source {
        LabelSource::Pointer { allowed, .. } => allowed.as_slice(),
        LabelSource::Fact(_) => &[],
    });
    // One more than the longest tells that there is more.
    allowed.map(String::len).chain([NUMBER_BYTES_MAX]).max().unwrap_or(0) + CHARACTER_BYTES_MAX
}

/// Of a character in UTF-8: a text is cut at one's end.
const CHARACTER_BYTES_MAX: usize = 4;

/// What is longer, in quotes, is no number that anybody wrote.
const NUMBER_BYTES_MAX: usize = 60;

impl Compiled {
    fn new(rule: &Rule) -> Self {
        let methods = rule.when.methods.iter().map(|method| Method::from_name(method)).collect();
        let wanted = &rule.when.outcomes;
        let is_wanted =
            |outcome: &&Outcome| wanted.is_empty() || wanted.iter().any(|name| name == outcome.as_str());
        let outcomes =
            Outcome::ALL.iter().filter(is_wanted).fold(0, |outcomes, outcome| outcomes | bit(*outcome));
        let labels = rule.labels.iter().map(|label| Source::of(&label.source)).collect();
        Self { rule: rule.clone(), labels, methods, outcomes, places: Vec::new() }
    }

    /// Whether it is about such a request; else the condition that does not hold.
    fn is_about(&self, method: Method, calls: impl Fn(&str) -> bool) -> Result<(), Condition> {
        if !self.methods.is_empty() && !self.methods.contains(&method) {
            return Err(Condition::Method);
        }
        let tools = &self.rule.when.tools;
        if tools.is_empty() || tools.iter().any(|wanted| calls(wanted)) {
            Ok(())
        } else {
            Err(Condition::Tool)
        }
    }

    fn counts(&self, outcome: Outcome) -> bool {
        self.outcomes & bit(outcome) != 0
    }

    fn pointers(&self) -> impl Iterator<Item = &str> {
        let labels = self.rule.labels.iter().filter_map(|label| match &label.source {
            LabelSource::Pointer { pointer, .. } => Some(pointer.as_str()),
            LabelSource::Fact(_) => None,
        });
        self.rule.value.as_deref().into_iter().chain(labels)
    }

    /// Where what it asks for will stand among `pointers`.
    fn places(&self, pointers: &mut Vec<String>) -> Places {
        let mut place = |pointer: &String| {
            pointers.iter().position(|known| known == pointer).unwrap_or_else(|| {
                pointers.push(pointer.clone());
                pointers.len() - 1
            })
        };
        Places {
            value: self.rule.value.as_ref().map(&mut place),
            labels: self
                .rule
                .labels
                .iter()
                .map(|label| match &label.source {
                    LabelSource::Pointer { pointer, .. } => Some(place(pointer)),
                    LabelSource::Fact(_) => None,
                })
                .collect(),
        }
    }

    /// What it counts; else its verdict.
    fn value(&self, facts: &Facts, found: &[Option<Found>]) -> Result<f64, Verdict<'static>> {
        let places = self.places.get(facts.server).ok_or(Verdict::Other(Condition::Server))?;
        let value = match places.value {
            None => Some(1.0),
            Some(at) => found.get(at).and_then(Option::as_ref).and_then(number),
        };
        let value = value.map(|value| value * self.rule.scale);
        let is_usable =
            |value: &f64| value.is_finite() && (self.rule.kind != RuleKind::Counter || *value >= 0.0);
        value.filter(is_usable).ok_or(Verdict::NoValue)
    }

    /// The values of its labels.
    fn label(&self, facts: &Facts, found: &[Option<Found>], labels: &mut [Label]) {
        let Some(places) = self.places.get(facts.server) else { return };
        for ((source, at), value) in self.labels.iter().zip(&places.labels).zip(labels) {
            *value = source.value(facts, at.and_then(|at| found.get(at)?.as_ref()));
        }
    }
}

impl Source {
    fn of(source: &LabelSource) -> Self {
        match source {
            LabelSource::Pointer { allowed, .. } => {
                Self::Pointer(allowed.iter().map(|allowed| Label::said(allowed)).collect())
            }
            LabelSource::Fact(Fact::ToolName) => Self::Tool,
            LabelSource::Fact(Fact::UserTier) => Self::Tier,
            LabelSource::Fact(Fact::ClientName) => Self::Client,
            LabelSource::Fact(Fact::Method) => {
                Self::Methods(Method::ALL.iter().map(|method| Label::said(method.as_str())).collect())
            }
            LabelSource::Fact(Fact::Outcome) => {
                Self::Outcomes(Outcome::ALL.iter().map(|outcome| Label::said(outcome.as_str())).collect())
            }
            LabelSource::Fact(Fact::Status) => {
                let status = |outcome: &Outcome| Label::said(outcome.status().as_str());
                Self::Statuses(Outcome::ALL.iter().map(status).collect())
            }
        }
    }

    /// The label's value, where that was found.
    fn value(&self, facts: &Facts, found: Option<&Found>) -> Label {
        let of = |labels: &[Label], position| labels.get(position).copied().unwrap_or_else(Label::other);
        match self {
            Self::Tool => facts.tool,
            Self::Tier => facts.tier,
            Self::Client => facts.client,
            Self::Methods(labels) => of(labels, facts.method as usize),
            Self::Outcomes(labels) | Self::Statuses(labels) => of(labels, facts.outcome as usize),
            Self::Pointer(allowed) => {
                let said: Cow<'_, str> = match found {
                    Some(Found::Text(text)) => text.into(),
                    Some(Found::Number(number)) => number.to_string().into(),
                    Some(Found::Bool(is_so)) => is_so.to_string().into(),
                    Some(Found::LongText) => return Label::other(),
                    Some(Found::Null | Found::Container) | None => return Label::none(),
                };
                let allowed = allowed.iter().find(|allowed| allowed.as_str() == said);
                allowed.copied().unwrap_or_else(Label::other)
            }
        }
    }
}

/// Of outcomes, there are fewer than bits.
fn bit(outcome: Outcome) -> u32 {
    1 << (outcome as u32)
}

/// A number, also one that is written as a text.
fn number(found: &Found) -> Option<f64> {
    match found {
        Found::Number(number) => Some(*number),
        Found::Text(text) => {
            let plain = text.len() <= NUMBER_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            text.parse().ok().filter(|_| plain)
        }
        Found::LongText | Found::Bool(_) | Found::Null | Found::Container => None,
    }
}

/// A call that somebody wrote down, for rules to be tried on.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// Position in `Config::servers`.
    pub server: usize,
    /// What was asked.
    pub method: Method,
    /// The tool's name.
    pub tool: Option<&'a str>,
    /// How it ended.
    pub outcome: Outcome,
    /// `params`, as JSON.
    pub params: Option<&'a [u8]>,
    /// `result`, as JSON.
    pub result: Option<&'a [u8]>,
}

/// Tells what each rule of `config` makes of `example`, in their order; of facts that only traffic tells, `none`.
pub fn judge(config: &Config, example: Example<'_>, sink: &mut dyn FnMut(Verdict<'_>)) {
    let Some(rules) = Rules::new(config) else { return };
    let facts = Facts {
        server: example.server,
        method: example.method,
        outcome: example.outcome,
        tool: example.tool.map_or_else(Label::none, Label::said),
        tier: Label::none(),
        client: Label::none(),
    };
    let of_server = rules.servers.get(example.server).map_or(0, |of_server| of_server.rules);
    let kept = ByPart { params: example.params, result: example.result, ..ByPart::default() };
    for (at, rule) in rules.all.iter().enumerate() {
        let other = match rule.is_about(example.method, |wanted| example.tool == Some(wanted)) {
            _ if of_server & (1 << at) == 0 => Some(Condition::Server),
            Err(condition) => Some(condition),
            Ok(()) if !rule.counts(example.outcome) => Some(Condition::Outcome),
            Ok(()) => None,
        };
        match other {
            Some(condition) => sink(Verdict::Other(condition)),
            None => rules.judge(1 << at, &facts, kept, &mut |_, verdict| sink(verdict)),
        }
    }
}
