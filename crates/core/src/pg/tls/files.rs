//! Certificates, keys and revocation lists, read from PEM files.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::options::Identity;
use crate::error::{Error, ErrorKind, Result};

/// Where distributions keep the authorities of the system in one file.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities of the system as one file, for libpq before 16 that does not know `sslrootcert=system`.
pub(in crate::pg) fn system_bundle() -> Option<&'static str> {
    BUNDLES.iter().copied().find(|file| Path::new(file).exists())
}

/// The authorities that the operating system trusts.
pub(super) fn system_roots() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let error = Error::new(
            ErrorKind::NotFound,
            "this system has no certificate authorities to check the server by",
        )
        .hint("install the package ca-certificates, or name the authority's file in sslrootcert");
        return Err(match found.errors.into_iter().next() {
            Some(cause) => error.caused_by(cause),
            None => error,
        });
    }
    Ok(roots)
}

/// The certificates of a root file, which also stand for themselves.
pub(super) fn root_file(file: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let certificates = certificates(file, "sslrootcert")?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|e| unreadable(file, "sslrootcert").caused_by(e))?;
    }
    Ok((roots, certificates))
}

/// The revocation lists of a file.
pub(super) fn revocation_lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    read_all(CertificateRevocationListDer::pem_file_iter(file), file, "sslcrl")
}

/// Client certificate chain and private key; the key must be the user's alone, as in libpq.
pub(super) fn identity(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(&identity.certificate, "sslcert")?;
    let file = &identity.key;
    let metadata = std::fs::metadata(file).map_err(|e| unreadable(file, "sslkey").caused_by(e))?;
    // 0640 is fine for a key of root's that a group of services shares.
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if !metadata.is_file() || metadata.mode() & forbidden != 0 {
        return Err(Error::new(
            ErrorKind::Permission,
            "the private key can be read by others or is no plain file",
        )
        .with("sslkey", file.display())
        .hint("chmod 0600 makes it usable"));
    }
    let key = PrivateKeyDer::from_pem_file(file).map_err(|e| {
        unreadable(file, "sslkey")
            .caused_by(e)
            .hint("it must be an unencrypted PEM key: openssl pkey -in KEY -out PLAIN")
    })?;
    Ok((chain, key))
}

fn certificates(file: &Path, parameter: &'static str) -> Result<Vec<CertificateDer<'static>>> {
    read_all(CertificateDer::pem_file_iter(file), file, parameter)
}

/// All items of a file; none is an error.
fn read_all<T>(
    items: Result<impl Iterator<Item = Result<T, pem::Error>>, pem::Error>,
    file: &Path,
    parameter: &'static str,
) -> Result<Vec<T>> {
    let items: Vec<T> =
        items.and_then(Iterator::collect).map_err(|e| unreadable(file, parameter).caused_by(e))?;
    if items.is_empty() {
        return Err(unreadable(file, parameter).hint("it has no PEM section of the right kind"));
    }
    Ok(items)
}

fn unreadable(file: &Path, parameter: &'static str) -> Error {
    Error::invalid(format!("the file named in {parameter} cannot be used")).with("file", file.display())
}
