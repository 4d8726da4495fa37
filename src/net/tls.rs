//! TLS settings from PEM files, for both sides. The provider is always aws-lc-rs, named here so that no process-wide
//! default is needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};
use rustls_platform_verifier::BuilderVerifierExt;

use super::files::Files;
use crate::config::{ListenerTls, ServerTls};

/// Why TLS cannot be set up. Each names the file that must be mended; what is wrong with it is the
/// source.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TlsError {
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: rustls_pki_types::pem::Error },
    #[error("{} holds no certificate", path.display())]
    Empty { path: PathBuf },
    #[error("{} is not accepted as an authority", path.display())]
    Authority { path: PathBuf, source: rustls::Error },
    #[error("{} cannot verify client certificates", path.display())]
    ClientVerifier { path: PathBuf, source: rustls::server::VerifierBuilderError },
    #[error("certificate and key do not work together")]
    Identity(#[source] rustls::Error),
    #[error("TLS is not available")]
    Provider(#[source] rustls::Error),
}

/// What is offered by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2, else HTTP/1.1.
    Both,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
}

impl Alpn {
    fn names(self) -> Vec<Vec<u8>> {
        match self {
            Self::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
        }
    }
}

/// How to speak TLS to a server: the system's authorities or those of `tls.ca`, a client certificate where one is
/// given.
pub fn client_config(tls: &ServerTls, alpn: Alpn) -> Result<ClientConfig, TlsError> {
    client_config_of(tls, alpn, &Files::read(client_files(tls))?)
}

/// How to answer TLS clients: in these versions by ALPN, client certificates demanded where `client_ca` is given.
pub fn server_config(tls: &ListenerTls, alpn: Alpn) -> Result<ServerConfig, TlsError> {
    server_config_of(tls, alpn, &Files::read(listener_files(tls))?)
}

/// The files of a setting.
pub(super) fn client_files(tls: &ServerTls) -> impl Iterator<Item = &Path> {
    [&tls.ca, &tls.cert, &tls.key].into_iter().flatten().map(PathBuf::as_path)
}

/// The files of a setting.
pub(super) fn listener_files(tls: &ListenerTls) -> impl Iterator<Item = &Path> {
    [&tls.cert, &tls.key].into_iter().chain(&tls.client_ca).map(PathBuf::as_path)
}

/// [`client_config`] from files that were read.
pub(super) fn client_config_of(tls: &ServerTls, alpn: Alpn, files: &Files) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?;
    let builder = match &tls.ca {
        Some(path) => builder.with_root_certificates(files.authorities(path)?),
        None => builder.with_platform_verifier().map_err(TlsError::Provider)?,
    };
    let mut config = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(files.certificates(cert)?, files.private_key(key)?)
            .map_err(TlsError::Identity)?,
        (None, _) | (_, None) => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.names();
    Ok(config)
}

/// [`server_config`] from files that were read.
pub(super) fn server_config_of(
    tls: &ListenerTls,
    alpn: Alpn,
    files: &Files,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?;
    let builder = match &tls.client_ca {
        Some(path) => {
            let roots = Arc::new(files.authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|source| TlsError::ClientVerifier { path: path.clone(), source })?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(files.certificates(&tls.cert)?, files.private_key(&tls.key)?)
        .map_err(TlsError::Identity)?;
    config.alpn_protocols = alpn.names();
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
