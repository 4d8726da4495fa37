//! Text → configuration: the steps in their order.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::error::{Error, Fault, Mistake};
use super::otel::Otel;
use super::substitute::{self, Environment, Substituted};
use super::suggest::nearest;
use super::upstreams::Overrides;
use super::{Config, raw, resolve, rules};

/// A configuration is written by people.
const LARGEST_BYTES: u64 = 4 * 1024 * 1024;

/// The configuration in the file at `path`, with `overrides` in place of what it says.
pub(super) fn file(path: &Path, environment: Environment<'_>, overrides: Overrides) -> Result<Config, Error> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let hint = "give the file's name with `--config`, or a server's URL with `--upstream`";
        return Err(Error::whole(name, Fault::new(format!("cannot be read: {error}"), hint)));
    }
    if bytes.len() as u64 > LARGEST_BYTES {
        let fault = Fault::new("larger than 4 MiB", "a configuration is a small TOML file");
        return Err(Error::whole(name, fault));
    }
    let Ok(content) = String::from_utf8(bytes) else {
        let fault = Fault::new("not UTF-8", "save it as UTF-8 text");
        return Err(Error::whole(name, fault));
    };
    text(&content, &name, environment, overrides)
}

/// The configuration that `text` stands for. Relative names in it are taken from the folder of `file`.
pub(super) fn text(
    text: &str,
    file: &str,
    environment: Environment<'_>,
    overrides: Overrides,
) -> Result<Config, Error> {
    steps(text, file, environment, overrides).map_err(|mistake| Error::in_text(file, text, mistake))
}

/// The default configuration but for what the variables of OpenTelemetry say.
pub(super) fn nothing(environment: Environment<'_>) -> Result<Config, Error> {
    let read = resolve::file(raw::File::default(), Path::new(""), Otel::read(environment));
    read.map(|(config, _)| config).map_err(|mistake| Error::whole("", mistake.fault))
}

fn steps(
    text: &str,
    file: &str,
    environment: Environment<'_>,
    overrides: Overrides,
) -> Result<Config, Mistake> {
    let mut document = DeTable::parse(text).map_err(|error| from_toml(&error, text))?;
    let substituted = substitute::table(document.get_mut(), environment)?;
    let raw = raw::File::deserialize(Deserializer::from(document))
        .map_err(|error| hide(from_toml(&error, text), &substituted))?;
    let base = Path::new(file).parent().unwrap_or(Path::new(""));
    let otel = Otel::read(environment);
    let (mut config, mut spans) =
        resolve::file(raw, base, otel).map_err(|mistake| hide(mistake, &substituted))?;
    config.from_environment = substituted.remembered();
    for (position, server) in config.servers.iter_mut().enumerate() {
        server.from_environment = config.from_environment.of_server(position);
    }
    overrides.apply(&mut config, &mut spans);
    rules::check(&config, &spans).map_err(|mistake| hide(mistake, &substituted))?;
    Ok(config)
}

fn hide(mistake: Mistake, substituted: &Substituted) -> Mistake {
    let Fault { message, hint } = mistake.fault;
    Mistake { fault: Fault::new(substituted.hide_in(&message), substituted.hide_in(&hint)), ..mistake }
}

fn from_toml(error: &toml::de::Error, text: &str) -> Mistake {
    let message = error.message();
    let written = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    let fault = Fault::from_text(message).unwrap_or_else(|| Fault::new(message, hint(message, written)));
    Mistake { span: error.span(), fault }
}

/// What to do about a message of `toml` or `serde` about what is `written`.
fn hint(message: &str, written: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let first = quoted.next().unwrap_or_default();
    if message.starts_with("unknown field") {
        return match nearest(first, quoted) {
            Some(key) => format!("did you mean `{key}`?"),
            None => "remove it; config.toml in the repository shows every key".to_owned(),
        };
    }
    if message.starts_with("missing field") {
        return format!("add the line {first} = \"…\" to this block");
    }
    if message.starts_with("invalid type: map, expected a sequence") && written.starts_with('[') {
        return format!("this block begins with `[{written}]`, in double brackets");
    }
    if message.starts_with("invalid type: sequence") && !message.contains("expected a table") {
        return "write one value, without the square brackets".to_owned();
    }
    if message.contains("expected a sequence") {
        return "write a list in square brackets: [\"…\"]".to_owned();
    }
    if message.ends_with("expected a string") {
        return "write it in double quotes".to_owned();
    }
    if message.contains("expected a boolean") {
        return "write true or false, without quotes".to_owned();
    }
    if message.contains("duplicate key") {
        return "a key stands once in a table; keep one of the two".to_owned();
    }
    if message.starts_with("invalid type") {
        return "config.toml in the repository shows how each key is written".to_owned();
    }
    "the file is TOML: tables in [brackets], `key = value` lines, texts in double quotes".to_owned()
}
