//! Failed connection attempts in our words: what is wrong, and the way out. Never with the password.

mod tls;

use std::error::Error as _;
use std::io;

use tokio_postgres::error::DbError;

use super::Dsn;
use super::conninfo::{Endpoint, Host, Target};
use super::error::kind_of;
use super::tls::SslMode;
use crate::error::{Error, ErrorKind};

/// Where an attempt was made.
pub(super) struct Attempt<'a> {
    pub(super) dsn: &'a Dsn,
    pub(super) endpoint: &'a Endpoint,
}

/// A failed attempt.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether the next server or address is tried.
    pub(super) try_next: bool,
}

impl Failure {
    /// No other server is tried.
    pub(super) fn last(error: Error) -> Self {
        Self { error, try_next: false }
    }

    fn next(error: Error) -> Self {
        Self { error, try_next: true }
    }
}

impl Attempt<'_> {
    /// The name has no address.
    pub(super) fn unresolved(&self, cause: Option<io::Error>) -> Failure {
        let host = self.endpoint.host();
        let error = Error::new(ErrorKind::Connection, format!("the host name \"{host}\" has no address"));
        let error = match cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        };
        Failure::next(
            error.hint("check the spelling and the name service; hostaddr takes an address instead"),
        )
    }

    /// No answer in time.
    pub(super) fn timed_out(&self) -> Failure {
        let seconds = self.dsn.wire.connect_timeout.unwrap_or_default().as_secs();
        Failure::next(
            Error::new(ErrorKind::Connection, format!("no answer from {} within {seconds} s", self.endpoint))
                .hint("check host, port and firewall, or give it longer with connect_timeout=SECONDS"),
        )
    }

    /// A server that `target_session_attrs` rules out.
    pub(super) fn unfit(&self, target: Target) -> Failure {
        let target = target.as_str();
        Failure::next(
            Error::new(ErrorKind::Connection, format!("the server at {} is not {target}", self.endpoint))
                .hint("name another server or change target_session_attrs"),
        )
    }

    /// The driver's error.
    pub(super) fn failed(&self, error: tokio_postgres::Error) -> Failure {
        if let Some(db) = error.as_db_error() {
            // A server that is starting up or shutting down is passed over, as in libpq.
            let try_next = db.code().code() == "57P03";
            return Failure { error: self.refused_by_server(db), try_next };
        }
        let cause = error.source();
        if let Some(io) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
            let tls = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            if let Some(tls) = tls.cloned() {
                return Failure::last(self.tls_failed(tls));
            }
            return match io.kind() {
                io::ErrorKind::TimedOut => self.timed_out(),
                kind => Failure::next(self.unreachable(kind).caused_by(error)),
            };
        }
        let text = cause.map(ToString::to_string).unwrap_or_default();
        match text.as_str() {
            "password missing" => Failure::last(self.no_password()),
            "server does not support TLS" => Failure::last(self.no_tls()),
            "server did not use channel binding" => Failure::last(
                self.error(ErrorKind::Authentication, "the server does not bind the password to the TLS connection")
                    .hint("channel_binding=prefer does without, and gives up the proof that nobody sits between"),
            ),
            "unsupported authentication method" | "unsupported SASL mechanism" => Failure::last(
                self.error(ErrorKind::Unsupported, "the server asks for a way to authenticate that is not supported")
                    .hint("passwords (SCRAM, md5, plain) and client certificates work; Kerberos, SSPI and OAuth do not"),
            ),
            _ if error.is_closed() => Failure::next(
                self.error(ErrorKind::Connection, "the server closed the connection")
                    .hint("its log says why; a TLS-only port needs sslnegotiation=direct"),
            ),
            _ => Failure::last(self.error(ErrorKind::Connection, "the connection failed").caused_by(error)),
        }
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message).with("server", self.endpoint)
    }

    fn unreachable(&self, kind: io::ErrorKind) -> Error {
        let socket = matches!(self.endpoint.host, Host::Socket(_));
        match kind {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                let error =
                    Error::new(ErrorKind::Connection, format!("no server listens at {}", self.endpoint));
                error.hint(if socket {
                    "start the server, or correct the socket directory (host) and the port"
                } else {
                    "start the server, or correct host and port; listen_addresses must include this address"
                })
            }
            io::ErrorKind::PermissionDenied => self
                .error(ErrorKind::Permission, "this user may not open the socket of the server")
                .hint("see unix_socket_permissions, or connect by host=localhost"),
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable => {
                Error::new(ErrorKind::Connection, format!("no route to {}", self.endpoint))
                    .hint("check the address, the network and the firewall")
            }
            _ => self
                .error(ErrorKind::Connection, "the connection to the server broke")
                .hint("check that PostgreSQL answers there; its log may say why"),
        }
    }

    fn no_password(&self) -> Error {
        let error = self
            .error(ErrorKind::Authentication, "the server asks for a password and none was given")
            .with("user", self.dsn.user());
        let error = match self.dsn.note() {
            Some(note) => error.with("password file", note),
            None => error,
        };
        error.hint(
            "put it into ~/.pgpass (host:port:database:user:password, mode 0600), PGPASSWORD or the URL",
        )
    }

    fn refused_by_server(&self, db: &DbError) -> Error {
        let (user, database) = (self.dsn.user(), self.dsn.database());
        let code = db.code().code();
        // The name of the file is in the message in every language of the server.
        let by_host_rules = code == "28000" && db.message().contains("pg_hba.conf");
        let (message, hint) = match code {
            "28P01" => {
                let origin = match &self.endpoint.password {
                    Some(password) => format!("the password came from {}", password.origin),
                    None => "no password was given".to_owned(),
                };
                (format!("the server does not accept the password of user \"{user}\""), origin)
            }
            "3D000" => (
                format!("the database \"{database}\" does not exist"),
                "psql -l lists the databases; createdb makes one".to_owned(),
            ),
            "28000" if by_host_rules => {
                let hint = "the server needs a line there for this user, database and address, and a reload";
                let tls = self.dsn.tls.mode(self.endpoint) == SslMode::Disable;
                let plain_tcp = tls && matches!(self.endpoint.host, Host::Name(_));
                let more = if plain_tcp { "; it may have one for TLS: try sslmode=verify-full" } else { "" };
                let message = format!(
                    "pg_hba.conf does not admit user \"{user}\" to database \"{database}\" from here"
                );
                (message, format!("{hint}{more}"))
            }
            _ => {
                let hint = db.hint().map(str::to_owned).or_else(|| match kind_of(db.code()) {
                    ErrorKind::Authentication => Some("check user and password".to_owned()),
                    ErrorKind::Busy => Some("try again later".to_owned()),
                    _ => None,
                });
                let error = self.error(kind_of(db.code()), db.message()).with("sqlstate", code);
                return match hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                };
            }
        };
        let error = self.error(kind_of(db.code()), message).with("sqlstate", code).hint(hint);
        if by_host_rules { error.with("server says", db.message()) } else { error }
    }
}
