//! TLS failures: what the sslmode in force asks for, which one would do, and what that gives up.

use rustls::CertificateError;

use super::Attempt;
use crate::error::{Error, ErrorKind};
use crate::pg::tls::{Roots, SslMode};

const PLAIN: &str = "sslmode=disable does without TLS and sends everything in the clear";

impl Attempt<'_> {
    pub(super) fn no_tls(&self) -> Error {
        self.error(ErrorKind::Unsupported, format!("the server has no TLS and {} asks for it", self.mode())).hint(
            "turn it on at the server (ssl=on), or give up encryption and the proof of who the server is: \
             sslmode=disable sends queries and data in the clear",
        )
    }

    pub(super) fn tls_failed(&self, error: rustls::Error) -> Error {
        match error {
            rustls::Error::InvalidCertificate(certificate) => self.bad_certificate(certificate),
            rustls::Error::AlertReceived(_) => self
                .error(ErrorKind::Authentication, "the server refused the TLS handshake")
                .caused_by(error)
                .hint("it may want a client certificate (sslcert, sslkey) of an authority that it knows"),
            _ => self
                .error(ErrorKind::Connection, "the TLS handshake failed")
                .caused_by(error)
                .hint(format!("the server must offer TLS 1.2 or 1.3; {PLAIN}")),
        }
    }

    /// The sslmode in force, and whether it is our default.
    fn mode(&self) -> String {
        let mode = self.dsn.tls.mode(self.endpoint).as_str();
        if self.dsn.tls.is_explicit() {
            format!("sslmode={mode}")
        } else {
            format!("sslmode={mode} (the default here)")
        }
    }

    fn refuse(&self, message: impl Into<String>) -> Error {
        self.error(ErrorKind::Authentication, message).with("mode", self.mode())
    }

    fn bad_certificate(&self, certificate: CertificateError) -> Error {
        match &certificate {
            CertificateError::NotValidForName => self.wrong_name(&[]),
            CertificateError::NotValidForNameContext { presented, .. } => self.wrong_name(presented),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                self.refuse("the certificate of the server has expired").hint(self.or_weaker("renew it"))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => self
                .refuse("the certificate of the server is not valid yet")
                .hint("check the clocks of both machines"),
            CertificateError::Revoked => self
                .refuse("the certificate of the server was revoked")
                .hint("do not connect; ask the server's administrator"),
            CertificateError::UnknownIssuer => self.unknown_authority(),
            // The chain builder's word for a self-signed certificate that is marked as an authority.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => self.unknown_authority(),
            _ => self
                .refuse("the certificate of the server is not acceptable")
                .caused_by(rustls::Error::from(certificate))
                .hint(self.or_weaker("it must be of X.509 version 3, made for servers, and intact")),
        }
    }

    fn unknown_authority(&self) -> Error {
        let known = match &self.dsn.tls.roots {
            Roots::File(file) => file.display().to_string(),
            Roots::System | Roots::Unnamed => "the certificate store of this system".to_owned(),
        };
        self.refuse(format!("the certificate of the server comes from no authority in {known}")).hint(self.or_weaker(
            "name the file of its authority, or of the certificate itself if it is self-signed, in sslrootcert",
        ))
    }

    fn wrong_name(&self, presented: &[String]) -> Error {
        let host = self.endpoint.host();
        let weaker = match &self.dsn.tls.roots {
            Roots::File(_) => "sslmode=verify-ca",
            Roots::System | Roots::Unnamed => "sslmode=verify-ca with sslrootcert=FILE",
        };
        let weaker = format!("{weaker} takes any server with a certificate of that authority for this one");
        if presented.is_empty() {
            return self
                .refuse(format!("the certificate of the server names no host, so not \"{host}\""))
                .hint(format!("make one with a subjectAltName, the common name does not count; {weaker}"));
        }
        // rustls shows `DnsName("a")` and `IpAddress(…)`.
        let name = |shown: &String| {
            let inner = shown.split_once('(').map_or(shown.as_str(), |(_, inner)| inner);
            inner.trim_matches(['"', '(', ')']).to_owned()
        };
        self.refuse(format!("the certificate of the server is not for \"{host}\""))
            .with("it is for", presented.iter().map(name).collect::<Vec<_>>().join(", "))
            .hint(format!("use its name as host, and hostaddr for the address; {weaker}"))
    }

    /// The way out that keeps the check, then the mode that goes without it and what that means.
    fn or_weaker(&self, first: &str) -> String {
        let checked_anyway = matches!(self.dsn.tls.roots, Roots::File(_));
        if checked_anyway || self.dsn.tls.mode(self.endpoint) <= SslMode::Require {
            // As in libpq a root file makes require, and even prefer, check the chain.
            return format!("{first}; {PLAIN}");
        }
        format!(
            "{first}; sslmode=require encrypts but takes any certificate: whoever sits between can read and change everything"
        )
    }
}
