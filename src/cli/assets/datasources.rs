//! Grafana's datasources, linked to each other: exemplars → traces, traces ↔ lines, lines → traces.

/// The provisioning file. Where each is, Grafana has from its environment; `$$` is how the file writes `$`.
pub(super) const TEXT: &str = r#"# Written by `sightglass assets`; changes belong there.
apiVersion: 1
datasources:
  - name: Prometheus
    uid: prometheus
    type: prometheus
    access: proxy
    url: $PROMETHEUS_URL
    isDefault: true
    jsonData:
      httpMethod: POST
      prometheusType: Prometheus
      timeInterval: 15s
      exemplarTraceIdDestinations:
        - name: trace_id
          datasourceUid: tempo
  - name: Loki
    uid: loki
    type: loki
    access: proxy
    url: $LOKI_URL
    jsonData:
      derivedFields:
        - name: trace_id
          matcherType: label
          matcherRegex: trace_id
          url: '$${__value.raw}'
          urlDisplayLabel: Trace
          datasourceUid: tempo
  - name: Tempo
    uid: tempo
    type: tempo
    access: proxy
    url: $TEMPO_URL
    jsonData:
      nodeGraph:
        enabled: true
      tracesToLogsV2:
        datasourceUid: loki
        spanStartTimeShift: '-1m'
        spanEndTimeShift: 1m
        filterByTraceID: false
        customQuery: true
        query: '{event=~".+"} | trace_id="$${__trace.traceId}"'
      tracesToMetrics:
        datasourceUid: prometheus
        spanStartTimeShift: '-15m'
        spanEndTimeShift: 15m
        tags:
          - key: gen_ai.tool.name
            value: tool_name
        queries:
          - name: Calls of the tool a second
            query: 'sum by (server, status) (rate(mcp_tool_invocations_total{$$__tags}[5m]))'
          - name: 95th percentile of the tool
            query: 'histogram_quantile(0.95, sum by (le) (rate(mcp_tool_duration_seconds_bucket{$$__tags}[5m])))'
  - name: Alertmanager
    uid: alertmanager
    type: alertmanager
    access: proxy
    url: $ALERTMANAGER_URL
    jsonData:
      implementation: prometheus
"#;
