"""What the app can do: one tool for each thing that there is to learn from payloads."""

import json
from typing import Annotated

import mcp_types as types
from mcp.server.apps import Apps
from mcp.server.mcpserver import Elicit, ElicitationResult, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resources import TextResource
from pydantic import BaseModel

from access import RESOURCE, caller

RECEIPT = "ui://receipt.html"
"""The widget of a descriptor in OpenAI's words."""
BOARD = "ui://board.html"
"""The widget of a descriptor in those of MCP Apps."""
CHART = "ui://chart.html"
"""The widget that only a result names."""

APPS = Apps()
APPS.add_html_resource(BOARD, "<p>The board.</p>")

kept: set[str] = set()


class Confirmation(BaseModel):
    confirmed: bool


class Receipt(BaseModel):
    amount: float
    tier: str


class Rows(BaseModel):
    rows: int
    db_ms: float


@APPS.tool(resource_uri=BOARD, description="Creates an assignment")
def create_assignment(priority: str) -> types.CallToolResult:
    if priority not in ("low", "high", "critical"):
        raise ToolError(f"there is no priority {priority}")
    return said(f"An assignment of {priority} priority.")


def sign_up(source: str) -> types.CallToolResult:
    return said(f"Signed up from {source}.")


# A request of the server in the older revisions, a multi-round-trip call in the newest.
async def confirmation(amount: float) -> Elicit[Confirmation]:
    return Elicit(f"Pay {amount}?", Confirmation)


async def checkout(amount: float, answer: Annotated[ElicitationResult[Confirmation], Resolve(confirmation)]) -> Receipt:
    if answer.action != "accept":
        raise ToolError("not paid")
    return Receipt(amount=amount, tier=caller().claims.get("plan", "none"))


def query(table: str) -> Rows:
    times_ms = {"orders": 12.5, "users": 250.0, "audit_2026": 3.0}
    if table not in times_ms:
        raise ToolError(f"there is no table {table}")
    return Rows(rows=len(table), db_ms=times_ms[table])


def lookup(key: str) -> types.CallToolResult:
    cache = "hit" if key in kept else "miss"
    kept.add(key)
    return said(json.dumps({"cache": cache, "value": len(key)}))


def chart(kind: str) -> types.CallToolResult:
    result = said(f"A {kind} chart.")
    result.meta = {"openai/outputTemplate": CHART}
    return result


def report(month: int) -> types.CallToolResult:
    if "reports" in caller().scopes:
        return said(f"The report of month {month}.")
    metadata = RESOURCE.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    challenge = f'Bearer resource_metadata="{metadata}", error="insufficient_scope", scope="use reports"'
    meta = {"mcp/www_authenticate": [challenge]}
    return types.CallToolResult(content=said("Please log in again.").content, is_error=True, _meta=meta)


def register(server: MCPServer) -> None:
    server.add_tool(sign_up, description="Signs somebody up")
    server.add_tool(checkout, description="Pays", meta={"openai/outputTemplate": RECEIPT})
    server.add_tool(query, description="Counts the rows of a table")
    server.add_tool(lookup, description="Looks something up")
    server.add_tool(chart, description="Draws a chart")
    server.add_tool(report, description="Reports a month")
    for uri in (RECEIPT, CHART):
        server.add_resource(TextResource(uri=uri, name=uri, mime_type="text/html+skybridge", text="<p>A widget.</p>"))

    def deploy() -> types.CallToolResult:
        """Makes what a new version of the app would list: a tool more, one less, one told about in other words."""
        server.remove_tool("chart")
        server.remove_tool("query")
        server.add_tool(query, description="Counts what a table holds")
        server.add_tool(export, description="Exports")
        return said("deployed")

    server.add_tool(deploy, description="Deploys")


def export(kind: str) -> types.CallToolResult:
    return said(f"Exported as {kind}.")


def said(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])
