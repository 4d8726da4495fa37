//! A recording shown to an observer, in the order in which it happened and at its times.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use sightglass::observe::{Connection, Disconnect, End, Exchange, Route, Target, Watch};
use tokio::time::Instant;

use crate::support::observed::Observed;
use crate::support::recording::{Message, Recording, Side, What};

/// What was seen of a recording whose bodies came in frames of at most `chunk` bytes. The clock must be paused.
pub(super) async fn replay(recording: &Recording, chunk: usize) -> Observed {
    let mut replay = Replay {
        recording,
        chunk,
        observed: Observed::new(),
        connections: BTreeMap::new(),
        exchanges: BTreeMap::new(),
        watches: BTreeMap::new(),
    };
    let began = Instant::now();
    for step in &recording.steps {
        tokio::time::advance((began + step.at).saturating_duration_since(Instant::now())).await;
        replay.step(&step.what);
    }
    assert!(replay.connections.is_empty() && replay.watches.is_empty(), "{}", recording.name);
    replay.observed
}

struct Replay<'a> {
    recording: &'a Recording,
    chunk: usize,
    observed: Observed,
    connections: BTreeMap<usize, Connection>,
    exchanges: BTreeMap<usize, Exchange>,
    watches: BTreeMap<(usize, Side), Watch>,
}

impl Replay<'_> {
    fn step(&mut self, what: &What) {
        match what {
            What::Connected { connection } => {
                self.connections.insert(*connection, self.observed.observer.connection());
            }
            What::Head { exchange, side: Side::Client } => self.ask(*exchange),
            What::Head { exchange, side: Side::Server } => self.answer(*exchange),
            What::Data { exchange, side, data } => {
                let watch = self.watches.get_mut(&(*exchange, *side)).unwrap();
                for frame in data.chunks(self.chunk) {
                    watch.frame(&Bytes::copy_from_slice(frame));
                }
            }
            What::End { exchange, side } => {
                self.watches.remove(&(*exchange, *side)).unwrap().end(End::Complete);
                if let (Side::Client, Some(asked)) = (side, self.exchanges.get(exchange)) {
                    asked.forwarded();
                }
            }
            What::Cut { exchange, by } => {
                let end = if *by == Side::Client { End::Cancelled } else { End::Failed };
                self.watches.remove(&(*exchange, Side::Server)).unwrap().end(end);
            }
            What::Closed { connection, by } => {
                let who = if *by == Side::Client { Disconnect::Client } else { Disconnect::Server };
                self.connections.remove(connection).unwrap().closed(who);
            }
        }
    }

    fn ask(&mut self, number: usize) {
        let recorded = &self.recording.exchanges[number];
        let request = Request::builder().method(recorded.method()).uri(recorded.path());
        let mut head = request.body(()).unwrap().into_parts().0;
        head.headers = headers(&recorded.request).collect();
        let target = Target { server: Some(0), route: Route::Mount, upstream_path: recorded.path() };
        let connection = &self.connections[&recorded.connection];
        let exchange = connection.exchange(target, &head, SocketAddr::from(([127, 0, 0, 1], 50_000)));
        self.watches.insert((number, Side::Client), exchange.request().unwrap());
        self.exchanges.insert(number, exchange);
    }

    fn answer(&mut self, number: usize) {
        let recorded = &self.recording.exchanges[number];
        let mut head = Response::builder().status(recorded.status()).body(()).unwrap().into_parts().0;
        head.headers = headers(&recorded.response).collect();
        let watch = self.exchanges.remove(&number).unwrap().answered(&head, None).unwrap();
        self.watches.insert((number, Side::Server), watch);
    }
}

fn headers(message: &Message) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
    message.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
}
