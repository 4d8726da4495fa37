//! The PEM files of one TLS setting, read together.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{self, SHA256};
use rustls::RootCertStore;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::tls::TlsError;

/// The system's own bundle of authorities is about 200 KiB.
const LARGEST_BYTES: u64 = 4 * 1024 * 1024;

/// What stands in files, so that all that is made of it is made of the same.
pub(super) struct Files(Vec<(PathBuf, Vec<u8>)>);

/// What tells contents of files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Files {
    pub(super) fn read<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self, TlsError> {
        let read = |path: &Path| match contents(path) {
            Ok(bytes) => Ok((path.to_owned(), bytes)),
            Err(error) => Err(TlsError::File { path: path.to_owned(), source: pem::Error::Io(error) }),
        };
        Ok(Self(paths.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    /// Of what stands in them, whatever they are called.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut digest = digest::Context::new(&SHA256);
        for (_, bytes) in &self.0 {
            digest.update(&bytes.len().to_be_bytes());
            digest.update(bytes);
        }
        Fingerprint::of(&digest.finish())
    }

    pub(super) fn authorities(&self, path: &Path) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates(path)? {
            roots.add(certificate).map_err(|source| TlsError::Authority { path: path.to_owned(), source })?;
        }
        Ok(roots)
    }

    pub(super) fn certificates(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found: Vec<_> = CertificateDer::pem_slice_iter(self.of(path))
            .collect::<Result<_, _>>()
            .map_err(|source| TlsError::File { path: path.to_owned(), source })?;
        if found.is_empty() {
            return Err(TlsError::Empty { path: path.to_owned() });
        }
        Ok(found)
    }

    pub(super) fn private_key(&self, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(self.of(path))
            .map_err(|source| TlsError::File { path: path.to_owned(), source })
    }

    fn of(&self, path: &Path) -> &[u8] {
        let file = self.0.iter().find(|(read, _)| read == path);
        file.map(|(_, bytes)| bytes.as_slice()).unwrap_or_default()
    }
}

impl Fingerprint {
    /// Of files that cannot be read, by what the system says of them.
    pub(super) fn of_error(error: &TlsError) -> Self {
        Self::of(&digest::digest(&SHA256, format!("{error:?}").as_bytes()))
    }

    fn of(digest: &digest::Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(byte, of)| *byte = *of);
        Self(bytes)
    }
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
