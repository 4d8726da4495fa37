//! nginx as a plain reverse proxy that keeps its connections to the server.
//!
//! # Why
//!
//! Two rows. MCP needs `proxy_buffering off` where a server does not send `X-Accel-Buffering: no`, so that is what people
//! run, and it is slow for large bodies: it reads no more than its first buffer at a time. The second row buffers, with
//! buffers that hold the largest answer of the benchmark and without temporary files: the best it can do there. It sets
//! memory aside for every connection that it may hold, so that is as many as the benchmark opens.

use std::process::Command;

use anyhow::Result;

use super::{Definition, NGINX, Recipe, Site, installed};

pub(super) fn rows() -> [Definition; 2] {
    let unbuffered = |site: &Site| command(site, "proxy_buffering off;");
    let buffered = |site: &Site| {
        command(
            site,
            "proxy_buffer_size 16k; proxy_buffers 20 64k; proxy_busy_buffers_size 512k; proxy_max_temp_file_size 0;",
        )
    };
    let recipe = |command| Recipe::new(|| installed("nginx"), &["-v"], command);
    [
        Definition {
            name: NGINX,
            about: "proxy_buffering off, keep-alive to the server, access_log off, worker_processes auto",
            recipe: Some(recipe(unbuffered)),
        },
        Definition {
            name: "nginx-buffering",
            about: "the same with proxy_buffering on and 1.2 MiB of buffers; bodies from 16 KiB only",
            recipe: Some(Recipe { large_only: true, ..recipe(buffered) }),
        },
    ]
}

fn command(site: &Site, buffering: &str) -> Result<Command> {
    let (at, listen, upstream, connections) =
        (site.folder.display(), site.listen, site.upstream, site.connections);
    let file = site.write(
        "nginx.conf",
        &format!(
            "daemon off; worker_processes auto; pid {at}/pid; error_log {at}/stderr warn;\n\
             events {{ worker_connections {connections}; }}\n\
             http {{ access_log off; tcp_nodelay on; keepalive_requests 1000000000; client_max_body_size 0;\n\
             client_body_buffer_size 64k; client_body_temp_path {at}/a; proxy_temp_path {at}/b;\n\
             fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n\
             upstream stub {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}\n\
             server {{ listen {listen} backlog=4096; location / {{ proxy_pass http://stub; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_read_timeout 1h; {buffering} }} }} }}\n"
        ),
    )?;
    let mut command = site.run();
    command.arg("-c").arg(file).arg("-p").arg(&site.folder);
    Ok(command)
}
