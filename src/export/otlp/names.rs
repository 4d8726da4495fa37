//! What spans and metrics call their attributes: the OpenTelemetry conventions for MCP, which are in development,
//! so each name stands here and nowhere else; and ours, under `mcp.proxy.`.

/// The version of the conventions that the names below are from: the first one with MCP in it.
pub(super) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.39.0";
/// The instrumentation scope.
pub(super) const SCOPE: &str = env!("CARGO_PKG_NAME");

pub(super) const MCP_METHOD_NAME: &str = "mcp.method.name";
pub(super) const MCP_PROTOCOL_VERSION: &str = "mcp.protocol.version";
pub(super) const MCP_SESSION_ID: &str = "mcp.session.id";
pub(super) const MCP_RESOURCE_URI: &str = "mcp.resource.uri";
pub(super) const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
pub(super) const GEN_AI_TOOL_NAME: &str = "gen_ai.tool.name";
pub(super) const GEN_AI_PROMPT_NAME: &str = "gen_ai.prompt.name";
pub(super) const JSONRPC_REQUEST_ID: &str = "jsonrpc.request.id";
pub(super) const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const NETWORK_TRANSPORT: &str = "network.transport";
pub(super) const NETWORK_PROTOCOL_NAME: &str = "network.protocol.name";
pub(super) const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const CLIENT_ADDRESS: &str = "client.address";
pub(super) const CLIENT_PORT: &str = "client.port";
pub(super) const HTTP_REQUEST_METHOD: &str = "http.request.method";
pub(super) const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
pub(super) const USER_AGENT_ORIGINAL: &str = "user_agent.original";

/// The configured name of the server.
pub(super) const PROXY_SERVER: &str = "mcp.proxy.server";
/// `telemetry.md` §2.
pub(super) const PROXY_OUTCOME: &str = "mcp.proxy.outcome";
pub(super) const PROXY_TRANSPORT: &str = "mcp.proxy.transport";
pub(super) const PROXY_ERA: &str = "mcp.proxy.era";
/// Only where the server asked.
pub(super) const PROXY_DIRECTION: &str = "mcp.proxy.direction";
/// Seconds.
pub(super) const PROXY_OVERHEAD: &str = "mcp.proxy.overhead";
/// Bytes.
pub(super) const PROXY_REQUEST_SIZE: &str = "mcp.proxy.request.size";
/// Bytes.
pub(super) const PROXY_RESPONSE_SIZE: &str = "mcp.proxy.response.size";
/// Messages on the stream that carried the answer.
pub(super) const PROXY_STREAM_MESSAGES: &str = "mcp.proxy.stream.messages";
/// Seconds.
pub(super) const PROXY_FIRST_EVENT: &str = "mcp.proxy.stream.first_event";
pub(super) const PROXY_CLIENT_NAME: &str = "mcp.proxy.client.name";
pub(super) const PROXY_CLIENT_VERSION: &str = "mcp.proxy.client.version";
pub(super) const PROXY_CORRELATION_ID: &str = "mcp.proxy.correlation_id";
/// A keyed hash: the id itself acts as a secret.
pub(super) const PROXY_TASK_ID: &str = "mcp.proxy.task.id";
pub(super) const PROXY_TASK_STATUS: &str = "mcp.proxy.task.status";
/// What a link leads to, where that is known.
pub(super) const PROXY_LINK: &str = "mcp.proxy.link";

/// The values that the conventions give.
pub(super) const EXECUTE_TOOL: &str = "execute_tool";
pub(super) const TCP: &str = "tcp";
pub(super) const HTTP: &str = "http";
pub(super) const POST: &str = "POST";

pub(super) const OPERATION_DURATION: &str = "mcp.server.operation.duration";
pub(super) const SESSION_DURATION: &str = "mcp.server.session.duration";
/// Upper bounds, seconds.
pub(super) const DURATION_BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
