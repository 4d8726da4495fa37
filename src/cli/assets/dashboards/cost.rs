//! What it costs: money, and room in a model's context.

use super::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "cost",
        title: "Cost & context",
        about: "Tokens that tools put into a model's context, what their list costs, and what calls cost by the configured prices.",
        rows: vec![context(), money()],
    }
}

fn context() -> Row {
    (
        "Context",
        vec![
            Panel::lines(
                "Tokens by tool",
                "short",
                &[(
                    "sum by (tool_name, token_type) (rate(mcp_tokens_total{%t}[$__rate_interval]))",
                    "{{tool_name}} {{token_type}}",
                )],
            )
            .about("A second.")
            .stacked(),
            Panel::lines("Bytes of tools/list", "bytes", &[("max by (server) (mcp_tools_list_bytes{%s})", "{{server}}")]),
            Panel::lines("Tokens of tools/list", "short", &[("max by (server) (mcp_tools_list_tokens{%s})", "{{server}}")])
                .about("What the list costs every conversation."),
            Panel::table(
                "Tokens in the range shown",
                "short",
                &[("server", "Server"), ("tool_name", "Tool"), ("token_type", "Type")],
                &[("sum by (server, tool_name, token_type) (increase(mcp_tokens_total{%t}[$__range]))", "Tokens")],
            )
            .sized(12, 9),
            Panel::lines(
                "Tokens of a call, 95th percentile",
                "short",
                &[(
                    "histogram_quantile(0.95, sum by (tool_name, token_type, le) (rate(mcp_token_usage_bucket{%t}[$__rate_interval])))",
                    "{{tool_name}} {{token_type}}",
                )],
            )
            .sized(12, 9),
        ],
    )
}

fn money() -> Row {
    let by_day = "sum by (server, tool_name) (increase(mcp_cost_usd_total{%t}[1d]))";
    (
        "Cost",
        vec![
            Panel::number("The last day", "currencyUSD", "sum(increase(mcp_cost_usd_total{%t}[1d]))"),
            Panel::number(
                "A month, at the last day's rate",
                "currencyUSD",
                "30 * sum(increase(mcp_cost_usd_total{%t}[1d]))",
            ),
            Panel::number(
                "1,000 calls",
                "currencyUSD",
                "1000 * sum(rate(mcp_cost_usd_total{%t}[1h])) / (sum(rate(mcp_tool_invocations_total{%t}[1h])) > 0)",
            ),
            Panel::table(
                "By tool, the last day",
                "currencyUSD",
                &[("server", "Server"), ("tool_name", "Tool")],
                &[(by_day, "US dollars")],
            )
            .sized(12, 8),
            Panel::lines(
                "Of 1,000 calls, by tool",
                "currencyUSD",
                &[(
                    "mcp:cost_usd_per_1000_calls:ratio_rate1h{server=~\"$server\", tool_name=~\"$tool\"}",
                    "{{server}} {{tool_name}}",
                )],
            )
            .sized(12, 8),
            Panel::lines(
                "Cost an hour",
                "currencyUSD",
                &[("mcp:cost_usd:increase1h{server=~\"$server\"}", "{{server}}")],
            )
            .sized(12, 8),
            Panel::lines(
                "Cost against traffic",
                "short",
                &[
                    ("3600 * sum(rate(mcp_cost_usd_total{%t}[$__rate_interval]))", "US dollars an hour"),
                    ("sum(rate(mcp_tool_invocations_total{%t}[$__rate_interval]))", "calls a second"),
                ],
            )
            .sized(12, 8),
        ],
    )
}
