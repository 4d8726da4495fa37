//! `HAProxy`, one thread a core, connections to the server reused.

use std::process::Command;

use anyhow::Result;

use super::{Definition, HAPROXY, Recipe, Site, installed};

pub(super) fn row() -> Definition {
    Definition {
        name: HAPROXY,
        about: "mode http, http-reuse always, no log, a thread a core",
        recipe: Some(Recipe::new(|| installed("haproxy"), &["-v"], command)),
    }
}

fn command(site: &Site) -> Result<Command> {
    let (listen, upstream, connections) = (site.listen, site.upstream, site.connections);
    let file = site.write(
        "haproxy.cfg",
        &format!(
            "global\n  maxconn {connections}\ndefaults\n  mode http\n  no log\n  timeout connect 5s\n  timeout client 1h\n\
             \x20 timeout server 1h\n  http-reuse always\n  option http-no-delay\n\
             frontend clients\n  bind {listen}\n  default_backend stub\n\
             backend stub\n  server stub {upstream} pool-max-conn 256\n"
        ),
    )?;
    let mut command = site.run();
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}
