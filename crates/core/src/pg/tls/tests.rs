//! What each mode takes, in handshakes in memory; `tests/connections.rs` does it with PostgreSQL.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;
use crate::error::ErrorKind;
use crate::pg::Dsn;
use crate::pg::conninfo::Environment;

struct Pair {
    certificate: Certificate,
    key: KeyPair,
}

fn params(authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["db.example.com".to_owned()]).unwrap();
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn self_signed(params: CertificateParams) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair { certificate: params.self_signed(&key).unwrap(), key }
}

fn server_config(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider.key_provider.load_private_key(key).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        // Unlike with_single_cert this does not mind a key that is not the certificate's.
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
}

/// What the client says of a server that shows this certificate and has this key.
fn shake_hands(options: &str, certificate: &Certificate, key: &KeyPair) -> Result<(), rustls::Error> {
    let dsn = Dsn::resolve(&format!("host=db.example.com user=u {options}"), &Environment::empty()).unwrap();
    let config = client_config(&dsn.tls, dsn.tls.mode(&dsn.endpoints()[0])).unwrap();
    let name = ServerName::try_from("db.example.com").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server =
        ServerConnection::new(Arc::new(server_config(vec![certificate.der().clone()], key))).unwrap();
    while client.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn even_require_wants_the_key_of_the_certificate() {
    let (pair, other) = (self_signed(params(false)), KeyPair::generate().unwrap());
    for versions in ["", "ssl_max_protocol_version=TLSv1.2"] {
        let options = format!("sslmode=require {versions}");
        shake_hands(&options, &pair.certificate, &pair.key).unwrap();
        let error = shake_hands(&options, &pair.certificate, &other).unwrap_err();
        assert_eq!(error, rustls::CertificateError::BadSignature.into());
    }
}

#[test]
fn a_self_signed_certificate_must_be_named_and_in_date() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("root.crt");
    let options = format!("sslmode=verify-full sslrootcert={}", file.display());
    for authority in [true, false] {
        let mut past = params(authority);
        past.not_after = date_time_ymd(2001, 1, 1);
        let mut future = params(authority);
        future.not_before = date_time_ymd(4000, 1, 1);
        for (params, expected) in [(params(authority), "Ok"), (past, "Expired"), (future, "NotValidYet")] {
            let pair = self_signed(params);
            std::fs::write(&file, pair.certificate.pem()).unwrap();
            let result = format!("{:?}", shake_hands(&options, &pair.certificate, &pair.key));
            assert!(result.contains(expected), "{authority} {expected}: {result}");
        }
        // A new key under the same names is another server.
        let (named, other) = (self_signed(params(authority)), self_signed(params(authority)));
        std::fs::write(&file, named.certificate.pem()).unwrap();
        shake_hands(&options, &other.certificate, &other.key).unwrap_err();
    }
}

#[test]
fn a_revoked_certificate_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let authority = KeyPair::generate().unwrap();
    let mut ca = params(true);
    ca.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    ca.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    let root = write(directory.path(), "root.crt", &ca.self_signed(&authority).unwrap().pem());
    let issuer = Issuer::new(ca, authority);
    let mut leaf = params(false);
    leaf.serial_number = Some(SerialNumber::from(7));
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    for (serial, revoked) in [(7, true), (8, false)] {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = write(directory.path(), "root.crl", &list.signed_by(&issuer).unwrap().pem().unwrap());
        let options = format!("sslrootcert={} sslcrl={}", root.display(), crl.display());
        let result = shake_hands(&options, &certificate, &key);
        let expected = Err(rustls::CertificateError::Revoked.into());
        assert_eq!(result, if revoked { expected } else { Ok(()) });
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let text = write(directory.path(), "text", "no certificate\n");
    let absent = directory.path().join("absent");
    for (options, kind, message) in [
        (
            format!("sslrootcert={}", text.display()),
            ErrorKind::InvalidInput,
            "the file named in sslrootcert cannot be used",
        ),
        (
            format!("sslrootcert={}", absent.display()),
            ErrorKind::InvalidInput,
            "the file named in sslrootcert cannot be used",
        ),
        (
            format!("sslmode=require sslcert={} sslkey={}", absent.display(), text.display()),
            ErrorKind::InvalidInput,
            "the file named in sslcert cannot be used",
        ),
        (
            "sslmode=require ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2".to_owned(),
            ErrorKind::InvalidInput,
            "ssl_min_protocol_version is above ssl_max_protocol_version",
        ),
    ] {
        let dsn = Dsn::resolve(&format!("host=h user=u {options}"), &Environment::empty()).unwrap();
        let error = client_config(&dsn.tls, dsn.tls.mode(&dsn.endpoints()[0])).unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, message), "{options}");
    }
}
