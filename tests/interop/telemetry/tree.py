"""Whether the spans of a session form the trees that they should."""

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Span = dict[str, Any]
ID = "jsonrpc.request.id"
PROGRESS = "notifications/progress"


@dataclass
class Session:
    """When a session was held, by the clock that the spans go by too."""

    era: str
    carriers: str
    since_s: float
    until_s: float = math.inf


class Journal:
    """The receiver's file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def spans(self, since_s: float = 0, until_s: float = math.inf) -> list[Span]:
        """The spans that began in that time; a line that is still being written is left for the next time."""
        with open(self.path) as file:
            spans = [json.loads(line) for line in file if line.endswith("\n")]
        return [span for span in spans if since_s <= span["start_s"] < until_s]


class Request:
    """The four spans of one request."""

    def __init__(self, asked: Span, server: Span, proxied_client: Span, proxied_server: Span) -> None:
        self.asked = asked
        self.proxied_server = proxied_server
        self.proxied_client = proxied_client
        self.server = server

    @property
    def method(self) -> str:
        return self.asked["attributes"]["mcp.method.name"]


def requests(spans: list[Span], expected: int) -> tuple[list[Request], list[str]]:
    """The requests of a session in their order, and what is missing or too much."""
    asked = by_request(span for span in spans if service(span) == "client" and ID in span["attributes"])
    answered = by_request(span for span in spans if service(span) == "server" and ID in span["attributes"])
    through = [span for span in spans if service(span) == "sightglass"]
    ours = {kind: [span for span in through if span["kind"] == kind] for kind in ("SERVER", "CLIENT")}
    counts = {"client": len(asked), "SERVER": len(ours["SERVER"]), "CLIENT": len(ours["CLIENT"]), "server": len(answered)}
    if set(counts.values()) != {expected}:
        return [], [f"not {expected} spans of each: {counts}"]
    found = []
    for request, (span, *more) in sorted(asked.items(), key=lambda item: int(item[0])):
        servers = answered.get(request, [])
        if more or len(servers) != 1:
            return [], [f"request {request}: {1 + len(more)} spans of the client and {len(servers)} of the server"]
        clients = parents(servers[0], ours["CLIENT"])
        above = parents(clients[0], ours["SERVER"]) if clients else []
        if len(clients) != 1 or len(above) != 1:
            wrong = f"{len(clients)} CLIENT spans, and above these {len(above)} SERVER spans"
            return [], [f"request {request}: above the server's span are {wrong}"]
        found.append(Request(span, servers[0], clients[0], above[0]))
    return found, []


def parents(span: Span, among: list[Span]) -> list[Span]:
    return [one for one in among if one["span"] == span["parent"] and one["trace"] == span["trace"]]


def complaints(session: list[Request], spans: list[Span], era: str, carriers: str) -> list[str]:
    """What is wrong with the place of each request in its trace, and with its name and status."""
    posts = {span["parent"]: span for span in spans if service(span) == "client" and ID not in span["attributes"]}
    found = []
    for request in session:
        says = f"{request.proxied_server['name']}:"
        found += [f"{says} {text}" for text in placed(request, session[0], posts, era, carriers)]
        found += [f"{says} {text}" for text in described(request)]
    return found


def placed(request: Request, first: Request, posts: dict[str, Span], era: str, carriers: str) -> list[str]:
    ours, asked = request.proxied_server, request.asked
    parent = context(asked) if carriers != "neither" else None
    found = []
    if (ours["parent"] or None) != (parent and parent[1]):
        found.append(f"its parent is {ours['parent'] or 'none'}, not {parent and parent[1] or 'none'}")
    if (ours["trace"] == asked["trace"]) != (carriers != "neither"):
        found.append("it is in the wrong trace")
    links = [context(posts[asked["span"]])] if carriers == "both" else []
    if era != "modern" and request is not first:
        links.append(context(first.proxied_server if carriers == "neither" else first.asked))
    if {context(link) for link in ours["links"]} != set(links) or len(ours["links"]) != len(links):
        found.append(f"it is linked to {ours['links']}, not to {links}")
    return found


def described(request: Request) -> list[str]:
    """The server calls and judges the request as the convention says; so must we."""
    server, found = request.server, []
    for span in (request.proxied_server, request.proxied_client):
        if span["name"] != server["name"]:
            found.append(f"the {span['kind']} span is called {span['name']}, the server's {server['name']}")
        if span["status"] != server["status"]:
            found.append(f"the status of the {span['kind']} span is {span['status']}, the server's {server['status']}")
    for key, value in server["attributes"].items():
        ours = request.proxied_server["attributes"].get(key)
        if ours != value:
            found.append(f"{key} is {ours}, the server's {value}")
    if request.proxied_client["events"].count(PROGRESS) != (2 if server["name"].endswith(" progress") else 0):
        found.append(f"the CLIENT span tells of {request.proxied_client['events']}")
    return found


def logged(asked: list[Request], lines: list[Span]) -> list[str]:
    """What the log's lines say otherwise than the spans that they name."""
    named = defaultdict(list)
    for line in lines:
        named[line.get("trace_id"), line.get("span_id")].append(line)
    found = []
    for request in asked:
        span = request.proxied_server
        of_it = [line for line in named[context(span)] if line["event"] in ("tool_invocation", "mcp_request")]
        if len(of_it) != 1:
            found.append(f"{span['name']}: {len(of_it)} lines")
            continue
        said = {key: of_it[0].get(key) for key in LOGGED}
        spans = {key: span["attributes"].get(name) for key, name in LOGGED.items()}
        if said != spans:
            found.append(f"{span['name']}: the line says {said}, the span {spans}")
        if (of_it[0].get("status") == "error") != (span["status"] == "ERROR"):
            found.append(f"{span['name']}: the line's status is {of_it[0].get('status')}, the span's {span['status']}")
    return found


LOGGED = {
    "method": "mcp.method.name",
    "tool_name": "gen_ai.tool.name",
    "error_type": "error.type",
    "outcome": "mcp.proxy.outcome",
}


def by_request(spans: Any) -> dict[str, list[Span]]:
    found = defaultdict(list)
    for span in spans:
        found[span["attributes"][ID]].append(span)
    return found


def context(span: Span) -> tuple[str, str]:
    return span["trace"], span["span"]


def service(span: Span) -> str:
    return span["resource"].get("service.name", "")
