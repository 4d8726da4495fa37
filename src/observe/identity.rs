//! Who calls, as far as requests say: user, tier, and in 2026-07-28 the conversation (`telemetry.md` §6).
//!
//! # Why nothing is verified
//! The server judges tokens; here they are only read. A client can claim any user, and so make a number of its own
//! wrong, but no label: tiers are those that the configuration lists, users and conversations are keyed hashes.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::hash::Hasher;
use super::label::{Label, Labels};
use super::redact::Redactor;
use super::table::Table;
use crate::config::{self, Limits, Source};
use crate::mcp::{self, Message, Text};

/// Who made a call.
#[derive(Debug)]
pub struct Caller {
    /// What lines call the user: a keyed hash.
    pub user: Option<String>,
    /// The label `user_tier`.
    pub tier: Label,
}

/// How callers are told apart.
pub(super) struct Identities {
    user: Option<Place>,
    tier: Option<Place>,
    tiers: Labels,
    sessions: Vec<Place>,
    /// Some of those may stand in a head.
    has_sessions_in_head: bool,
    /// Neither user nor tier stands in a body.
    is_in_head: bool,
    /// Members of `params._meta` that a scanner has to tell.
    told: Arc<[Box<str>]>,
    hasher: foldhash::quality::RandomState,
    /// By what was said of them: to hash a user takes longer than to look one up.
    callers: Table<u64, Arc<Caller>>,
    /// What tokens claim, by a hash of the token.
    claims: Table<u64, Arc<Claims>>,
}

/// Where something stands, ready to be looked up.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Header(HeaderName),
    Claim(String),
    /// The position among the members that are told.
    Meta(usize),
    /// A member of `baggage`, and the position of that.
    Baggage(String, usize),
}

/// What a token claims of user and tier.
#[derive(Debug, Default)]
struct Claims {
    user: Option<String>,
    tier: Option<String>,
}

/// What a request's head says; the rest is in its body.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Who calls, where the head alone decides it.
    caller: Option<Arc<Caller>>,
    /// Most configurations look for nothing else in a head.
    others: Option<Box<Others>>,
}

/// What is in a head beside a caller who is known by it.
#[derive(Debug)]
struct Others {
    user: Option<Box<[u8]>>,
    tier: Option<Box<[u8]>>,
    /// One for each place where a session may be named; none where no head names any.
    sessions: Vec<Option<Box<[u8]>>>,
}

/// What was said: UTF-8, but only its bytes, as nobody is to make sure of that again with each call.
type Said<'a> = Cow<'a, [u8]>;

/// Bytes of a value that are looked at; nobody's id is longer.
const VALUE_MAX: usize = Text::CAP;

/// Of `limits.max_sessions`, how many callers and tokens are remembered: one in so many. Whoever is not is read again.
const REMEMBERED_SHARE: usize = 10;

impl Identities {
    /// `None` where the configuration asks for nothing of it.
    pub(super) fn new(config: &config::Identity, limits: &Limits, redactor: &Arc<Redactor>) -> Option<Self> {
        let config::Identity { user, tier, session, clients: _ } = config;
        if user.is_none() && tier.is_none() && session.is_empty() {
            return None;
        }
        let remembered = (limits.max_sessions / REMEMBERED_SHARE).max(1);
        let mut told = Vec::new();
        let user = user.as_ref().map(|source| Place::of(source, &mut told));
        let allowed = tier.as_ref().map_or(&[][..], |tier| &tier.allowed);
        let tiers = Labels::new(allowed.len(), Arc::clone(redactor));
        for tier in allowed {
            tiers.learn_text(tier);
        }
        let tier = tier.as_ref().map(|tier| Place::of(&tier.source, &mut told));
        let sessions: Vec<Place> = session.iter().map(|source| Place::of(source, &mut told)).collect();
        Some(Self {
            has_sessions_in_head: sessions.iter().any(|place| !matches!(place, Place::Meta(_))),
            is_in_head: user.iter().chain(&tier).all(Place::is_in_head),
            user,
            tier,
            tiers,
            sessions,
            told: told.into(),
            hasher: foldhash::quality::RandomState::default(),
            callers: Table::scattered(remembered, limits.session_idle),
            claims: Table::scattered(remembered, limits.session_idle),
        })
    }

    /// The members of `params._meta` to be told; none where there are none.
    pub(super) fn told(&self) -> Option<&Arc<[Box<str>]>> {
        (!self.told.is_empty()).then_some(&self.told)
    }

    /// The names of the fields that name user and tier.
    pub(super) fn fields(&self) -> [Option<&str>; 2] {
        [&self.user, &self.tier].map(|place| match place {
            Some(Place::Header(name)) => Some(name.as_str()),
            Some(Place::Claim(_) | Place::Meta(_) | Place::Baggage(..)) | None => None,
        })
    }

    /// What a head says, of which the values of those fields are known.
    pub(super) fn hear(
        &self,
        (headers, [user, tier]): (&HeaderMap, [Option<&HeaderValue>; 2]),
        hashes: &Hasher,
        now: Instant,
    ) -> Heard {
        let claims = self.claims(headers, now);
        let said =
            |place: &Option<Place>, field, claim: fn(&Claims) -> Option<&String>| match place.as_ref()? {
                Place::Header(_) => text_in(field?),
                Place::Claim(_) => claims.as_deref().and_then(claim).map(|said| said.as_bytes().into()),
                place @ (Place::Meta(_) | Place::Baggage(..)) => place.in_head(headers),
            };
        let user = said(&self.user, user, |claims| claims.user.as_ref());
        let tier = said(&self.tier, tier, |claims| claims.tier.as_ref());
        let caller = self.is_in_head.then(|| self.find(user.as_deref(), tier.as_deref(), hashes, now));
        if caller.is_some() && !self.has_sessions_in_head {
            return Heard { caller, others: None };
        }
        let kept = |said: Option<Said<'_>>| said.map(|said| Box::from(&*said));
        let in_head = |place: &Place| kept(place.in_head(headers));
        let sessions =
            if self.has_sessions_in_head { self.sessions.iter().map(in_head).collect() } else { Vec::new() };
        Heard { caller, others: Some(Box::new(Others { user: kept(user), tier: kept(tier), sessions })) }
    }

    /// Who makes the call that `message` is.
    pub(super) fn caller(
        &self,
        heard: &Heard,
        message: &Message,
        hashes: &Hasher,
        now: Instant,
    ) -> Arc<Caller> {
        if let Some(caller) = &heard.caller {
            return Arc::clone(caller);
        }
        let others = heard.others.as_deref();
        let user = said(self.user.as_ref(), others.and_then(|others| others.user.as_deref()), message);
        let tier = said(self.tier.as_ref(), others.and_then(|others| others.tier.as_deref()), message);
        self.find(user.as_deref(), tier.as_deref(), hashes, now)
    }

    fn find(&self, user: Option<&[u8]>, tier: Option<&[u8]>, hashes: &Hasher, now: Instant) -> Arc<Caller> {
        // Nobody is named by nothing: what is not there is told from all that is.
        let key = self.hash(&(user.unwrap_or_default(), tier.unwrap_or_default()));
        self.callers.get(&key, now).unwrap_or_else(|| {
            let caller = Arc::new(Caller {
                user: user.map(|user| hashes.hash(user)),
                tier: tier.map_or_else(Label::none, |tier| self.tiers.resolve(&Text::from(tier))),
            });
            self.callers.insert(key, Arc::clone(&caller), now);
            caller
        })
    }

    /// What names the conversation that a 2026-07-28 call belongs to: the first that there is, with its place in the
    /// configured order.
    pub(super) fn session<'a>(&self, heard: &'a Heard, message: &'a Message) -> Option<(usize, Said<'a>)> {
        self.sessions.iter().enumerate().find_map(|(at, place)| {
            let heard = heard.others.as_ref().and_then(|others| others.sessions.get(at)?.as_deref());
            Some((at, said(Some(place), heard, message)?))
        })
    }

    /// Forgets who was not seen for long.
    pub(super) fn tick(&self, now: Instant) {
        self.callers.expire(now);
        self.claims.expire(now);
    }

    fn claims(&self, headers: &HeaderMap, now: Instant) -> Option<Arc<Claims>> {
        let name = |place: &Option<Place>| match place {
            Some(Place::Claim(name)) => Some(name.clone()),
            Some(Place::Header(_) | Place::Meta(_) | Place::Baggage(..)) | None => None,
        };
        let (user, tier) = (name(&self.user), name(&self.tier));
        if user.is_none() && tier.is_none() {
            return None;
        }
        let token = headers.get(AUTHORIZATION)?.as_bytes();
        let key = self.hash(&token);
        if let Some(known) = self.claims.get(&key, now) {
            return Some(known);
        }
        let names = [user.as_deref().unwrap_or_default(), tier.as_deref().unwrap_or_default()];
        let mut found = mcp::claims(token, &names).into_iter();
        let mut next = || found.next().flatten().filter(|claim| is_usable(claim.as_bytes()));
        let claims = Arc::new(Claims { user: next(), tier: next() });
        self.claims.insert(key, Arc::clone(&claims), now);
        Some(claims)
    }

    fn hash(&self, value: &impl std::hash::Hash) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, value)
    }
}

impl Place {
    fn of(source: &Source, told: &mut Vec<Box<str>>) -> Self {
        let mut position = |member: &str| {
            told.iter().position(|known| **known == *member).unwrap_or_else(|| {
                told.push(member.into());
                told.len() - 1
            })
        };
        match source {
            Source::Header(name) => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => Self::Header(name),
                // The configuration has checked it.
                Err(_) => Self::Claim(String::new()),
            },
            Source::Claim(name) => Self::Claim(name.clone()),
            Source::Meta(member) => Self::Meta(position(member)),
            Source::Baggage(key) => Self::Baggage(key.clone(), position("baggage")),
        }
    }

    /// Whether it never stands in a body.
    fn is_in_head(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Claim(_))
    }

    /// What the head has here.
    fn in_head<'h>(&self, headers: &'h HeaderMap) -> Option<Said<'h>> {
        match self {
            Self::Header(name) => text_in(headers.get(name)?),
            Self::Baggage(key, _) => {
                let mut lines = headers.get_all(BAGGAGE).iter().filter_map(|line| line.to_str().ok());
                member(lines.find_map(|line| mcp::baggage(line, key))?)
            }
            Self::Claim(_) | Self::Meta(_) => None,
        }
    }
}

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// What a field says.
fn text_in(value: &HeaderValue) -> Option<Said<'_>> {
    let value = value.to_str().ok()?.as_bytes();
    is_usable(value).then_some(Cow::Borrowed(value))
}

/// What a member of `baggage` says.
fn member(value: Cow<'_, str>) -> Option<Said<'_>> {
    let value = match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
        Cow::Owned(value) => Cow::Owned(value.into_bytes()),
    };
    is_usable(&value).then_some(value)
}

/// What the head or, where the place is there, the body says.
fn said<'a>(place: Option<&Place>, heard: Option<&'a [u8]>, message: &'a Message) -> Option<Said<'a>> {
    if let Some(heard) = heard {
        return Some(heard.into());
    }
    let told = |at: usize| message.params.told(at).filter(|text| !text.is_cut());
    match place? {
        Place::Meta(at) => Some(told(*at)?.as_bytes()).filter(|value| is_usable(value)).map(Cow::Borrowed),
        Place::Baggage(key, at) => member(mcp::baggage(told(*at)?.as_str(), key)?),
        Place::Header(_) | Place::Claim(_) => None,
    }
}

fn is_usable(value: &[u8]) -> bool {
    !value.is_empty() && value.len() <= VALUE_MAX
}
