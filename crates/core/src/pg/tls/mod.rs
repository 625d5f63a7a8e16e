//! TLS as libpq's sslmode ladder asks for it, by rustls with the ring provider.

mod files;
mod options;
mod verify;

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio_postgres::{CancelToken, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) use files::system_bundle;
pub(super) use options::{Roots, SslMode, TlsOptions};

use super::conninfo::Endpoint;
use crate::error::{Error, Result};
use verify::Verifier;

/// How the connection of a session is secured; its cancel requests go the same way.
#[derive(Clone)]
pub(super) enum Connector {
    Plain,
    Tls(MakeRustlsConnect),
}

impl Connector {
    /// What this endpoint needs. Reads the certificate files.
    pub(super) fn new(options: &TlsOptions, endpoint: &Endpoint) -> Result<Self> {
        match options.mode(endpoint) {
            SslMode::Disable => Ok(Self::Plain),
            mode => Ok(Self::Tls(MakeRustlsConnect::new(client_config(options, mode)?))),
        }
    }

    /// Asks the server to stop what the session is doing.
    pub(super) async fn cancel(self, token: CancelToken) -> Result<(), tokio_postgres::Error> {
        match self {
            Self::Plain => token.cancel_query(NoTls).await,
            Self::Tls(tls) => token.cancel_query(tls).await,
        }
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Tls(_) => "Tls",
        })
    }
}

fn client_config(options: &TlsOptions, mode: SslMode) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier::new(options, mode, &provider)?);
    let versions: &[&SupportedProtocolVersion] = match (options.only_tls13, options.only_tls12) {
        (true, true) => {
            return Err(Error::invalid("ssl_min_protocol_version is above ssl_max_protocol_version"));
        }
        (true, false) => &[&TLS13],
        (false, true) => &[&TLS12],
        (false, false) => &[&TLS13, &TLS12],
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| Error::internal("the TLS library refuses its own defaults").caused_by(e))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = files::identity(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|e| {
                Error::invalid("the client certificate and its key do not work together")
                    .with("sslcert", identity.certificate.display())
                    .with("sslkey", identity.key.display())
                    .caused_by(e)
            })?
        }
    };
    config.enable_sni = options.sni;
    // Direct negotiation (PostgreSQL 17) insists on it, older servers do not look.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests;
