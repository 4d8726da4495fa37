//! Envoy with a static configuration: the router and nothing else, no limits that the benchmark would meet.

use std::process::Command;

use anyhow::Result;

use super::{Definition, ENVOY, Recipe, Site, installed};

pub(super) fn row() -> Definition {
    Definition {
        name: ENVOY,
        about: "router filter only, no access log, no statistics sink, a worker a core",
        recipe: Some(Recipe::new(|| installed("envoy"), &["--version"], command)),
    }
}

fn command(site: &Site) -> Result<Command> {
    let (listen, upstream) = (site.listen.port(), site.upstream.port());
    let file = site.write("envoy.yaml", &configuration(listen, upstream))?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let mut command = site.run();
    command.arg("-c").arg(file).args(["--use-dynamic-base-id", "-l", "warn", "--concurrency"]);
    command.arg(workers.to_string());
    Ok(command)
}

fn configuration(listen: u16, upstream: u16) -> String {
    format!(
        r#"static_resources:
  listeners:
  - name: clients
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {listen} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          codec_type: HTTP1
          stream_idle_timeout: 0s
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ prefix: "/" }}
                route: {{ cluster: stub, timeout: 0s }}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: stub
    type: STATIC
    connect_timeout: 5s
    circuit_breakers:
      thresholds: [ {{ max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }} ]
    load_assignment:
      cluster_name: stub
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {upstream} }} }} }}
"#
    )
}
