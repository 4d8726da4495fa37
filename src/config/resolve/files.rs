//! Files: PEM files can be read, and hold what they should (what a certificate says is read where it is used); others
//! have a folder to be written to.

use std::io::Read;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use toml::Spanned;

use crate::config::error::{Fault, Mistake};

/// The system's own bundle of authorities is about 200 KiB.
const LARGEST_BYTES: u64 = 4 * 1024 * 1024;

/// The path of a PEM file with at least one certificate.
pub(super) fn certificates(name: &Spanned<String>, base: &Path) -> Result<PathBuf, Mistake> {
    let (path, content) = read(name, base)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(path),
        Ok(_) | Err(pem::Error::NoItemsFound) => Err(none_found("certificate", "CERTIFICATE", name)),
        Err(error) => Err(no_pem(&error, name)),
    }
}

/// The path of a PEM file with a private key.
pub(super) fn private_key(name: &Spanned<String>, base: &Path) -> Result<PathBuf, Mistake> {
    let (path, content) = read(name, base)?;
    match PrivateKeyDer::from_pem_slice(&content) {
        Ok(_) => Ok(path),
        Err(pem::Error::NoItemsFound) => Err(none_found("unencrypted private key", "PRIVATE KEY", name)),
        Err(error) => Err(no_pem(&error, name)),
    }
}

/// The path of a file that can be read.
pub(super) fn readable(name: &Spanned<String>, base: &Path) -> Result<PathBuf, Mistake> {
    read(name, base).map(|(path, _content)| path)
}

/// The path of a file to write. Whether it can be written shows only when it is; a folder that is not there shows now.
pub(super) fn writable(name: &Spanned<String>, base: &Path) -> Result<PathBuf, Mistake> {
    let path = base.join(name.get_ref());
    if path.is_dir() {
        let fault = Fault::new(format!("{} is a folder", path.display()), "name a file in it");
        return Err(fault.at(name.span()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!("the folder {} is not there", folder.display());
        let hint = "make it first; a relative name starts beside the configuration file";
        return Err(Fault::new(message, hint).at(name.span()));
    }
    Ok(path)
}

fn read(name: &Spanned<String>, base: &Path) -> Result<(PathBuf, Vec<u8>), Mistake> {
    let path = base.join(name.get_ref());
    let mut content = Vec::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(LARGEST_BYTES).read_to_end(&mut content));
    match read {
        Ok(_) => Ok((path, content)),
        Err(error) => Err(Fault::new(
            format!("cannot read {}: {error}", path.display()),
            "a relative name is looked up beside the configuration file",
        )
        .at(name.span())),
    }
}

fn none_found(what: &str, label: &str, name: &Spanned<String>) -> Mistake {
    let message = format!("no {what} in this file");
    Fault::new(message, format!("it should hold a PEM block `-----BEGIN {label}-----`")).at(name.span())
}

fn no_pem(error: &pem::Error, name: &Spanned<String>) -> Mistake {
    let hint = "each block begins with a line `-----BEGIN …-----` and ends with `-----END …-----`";
    Fault::new(format!("this file is no valid PEM: {error}"), hint).at(name.span())
}
