//! Checks the server's certificate as far as the sslmode asks.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_cert::der::Decode;

use super::files;
use super::options::{Roots, SslMode, TlsOptions};
use crate::error::{Error, Result};

/// A verifier of one sslmode. The handshake's signature is checked in every mode: without it the peer would
/// not even have the key of the certificate it shows.
#[derive(Debug)]
pub(super) struct Verifier {
    /// None where any certificate will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates of the root file. A server may show one of them itself: a self-signed one, usually marked
    /// as an authority, which the chain builder takes from nobody.
    pinned: Vec<CertificateDer<'static>>,
    check_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(options: &TlsOptions, mode: SslMode, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let (roots, pinned) = match (&options.roots, mode) {
            (Roots::File(file), _) => {
                let (roots, certificates) = files::root_file(file)?;
                (Some(roots), certificates)
            }
            (_, SslMode::VerifyCa | SslMode::VerifyFull) => (Some(files::system_roots()?), Vec::new()),
            _ => (None, Vec::new()),
        };
        let chain = roots.map(|roots| chain_verifier(roots, options, provider)).transpose()?;
        Ok(Self {
            chain,
            // With revocation lists every certificate has to stand the chain builder's check.
            pinned: if options.crl.is_none() { pinned } else { Vec::new() },
            check_name: mode == SslMode::VerifyFull,
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

fn chain_verifier(
    roots: RootCertStore,
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>> {
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(file) = &options.crl {
        builder = builder.with_crls(files::revocation_lists(file)?);
    }
    builder.build().map_err(|e| {
        Error::invalid("the certificate authorities or revocation lists cannot be used").caused_by(e)
    })
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        if self.pinned.contains(end_entity) {
            check_validity(end_entity, now)?;
            if self.check_name {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, so the chain is sound.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn check_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let parsed = x509_cert::Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = parsed.tbs_certificate.validity;
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}
