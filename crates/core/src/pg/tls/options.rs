//! The TLS parameters of a connection string. Without sslmode it is verify-full for a server elsewhere.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::conninfo::{Conninfo, Endpoint, Environment, Host};

/// How much of the server's identity is proven, weakest first (PostgreSQL manual, "SSL Mode Descriptions").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::pg) enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server has it.
    Prefer,
    /// TLS or nothing; the certificate is checked only if a root file is there, as in libpq.
    Require,
    /// The certificate comes from a known authority.
    VerifyCa,
    /// … and is made for the host that was asked for.
    VerifyFull,
}

impl SslMode {
    /// As libpq spells it.
    pub(in crate::pg) fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// The certificate authorities that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pg) enum Roots {
    /// None named: those of the operating system for verify-full, none for weaker modes.
    Unnamed,
    /// `sslrootcert=system`.
    System,
    /// `sslrootcert`, or `~/.postgresql/root.crt` if that exists.
    File(PathBuf),
}

/// Client certificate and its key.
#[derive(Debug, Clone)]
pub(in crate::pg) struct Identity {
    pub(in crate::pg) certificate: PathBuf,
    pub(in crate::pg) key: PathBuf,
}

/// What the connection string says of TLS.
#[derive(Debug, Clone)]
pub(in crate::pg) struct TlsOptions {
    explicit: Option<SslMode>,
    pub(in crate::pg) direct: bool,
    pub(in crate::pg) roots: Roots,
    pub(in crate::pg) crl: Option<PathBuf>,
    pub(in crate::pg) identity: Option<Identity>,
    pub(in crate::pg) sni: bool,
    pub(in crate::pg) only_tls13: bool,
    pub(in crate::pg) only_tls12: bool,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            explicit: None,
            direct: false,
            roots: Roots::Unnamed,
            crl: None,
            identity: None,
            sni: true,
            only_tls13: false,
            only_tls12: false,
        }
    }
}

impl TlsOptions {
    /// Reads them; the single values were checked before, here it is seen whether they fit together.
    pub(in crate::pg) fn read(conninfo: &Conninfo, environment: &Environment) -> Result<Self> {
        let existing = |path: &str| environment.in_home(path).filter(|file| file.exists());
        let roots = match conninfo.filled("sslrootcert") {
            Some("system") => Roots::System,
            Some(file) => Roots::File(PathBuf::from(file)),
            None => existing(".postgresql/root.crt").map_or(Roots::Unnamed, Roots::File),
        };
        let options = Self {
            explicit: conninfo.filled("sslmode").and_then(|mode| match mode {
                "disable" => Some(SslMode::Disable),
                "prefer" => Some(SslMode::Prefer),
                "require" => Some(SslMode::Require),
                "verify-ca" => Some(SslMode::VerifyCa),
                "verify-full" => Some(SslMode::VerifyFull),
                _ => None,
            }),
            direct: conninfo.filled("sslnegotiation") == Some("direct"),
            roots,
            crl: conninfo.filled("sslcrl").map(PathBuf::from).or_else(|| existing(".postgresql/root.crl")),
            identity: identity(conninfo, environment)?,
            sni: conninfo.filled("sslsni") != Some("0"),
            only_tls13: conninfo.filled("ssl_min_protocol_version") == Some("TLSv1.3"),
            only_tls12: conninfo.filled("ssl_max_protocol_version") == Some("TLSv1.2"),
        };
        options.check()?;
        let unchecked = options.roots == Roots::Unnamed && options.explicit <= Some(SslMode::Require);
        if conninfo.filled("sslcrl").is_some() && options.explicit.is_some() && unchecked {
            return Err(Error::invalid("sslcrl has no effect where the certificate is not checked")
                .hint("name the authority in sslrootcert or use sslmode=verify-full"));
        }
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        let Some(mode) = self.explicit else { return Ok(()) };
        let refuse = |message: &str, hint: &str| {
            Err(Error::invalid(message).with("sslmode", mode.as_str()).hint(hint))
        };
        if self.roots == Roots::System && mode != SslMode::VerifyFull {
            return refuse(
                "sslrootcert=system goes with sslmode=verify-full alone",
                "anyone can get a certificate of a public authority, only the name tells the servers apart",
            );
        }
        if self.roots == Roots::Unnamed && mode == SslMode::VerifyCa {
            return refuse(
                "verify-ca needs the certificate authority of the server",
                "name its file in sslrootcert or put it into ~/.postgresql/root.crt, or use verify-full",
            );
        }
        if self.direct && mode < SslMode::Require {
            return refuse(
                "sslnegotiation=direct needs TLS in any case",
                "use sslmode=require or a stronger one",
            );
        }
        Ok(())
    }

    /// The mode for this server: as asked for, else verify-full, but prefer on a loopback address. A Unix
    /// socket has no TLS.
    pub(in crate::pg) fn mode(&self, endpoint: &Endpoint) -> SslMode {
        if matches!(endpoint.host, Host::Socket(_)) {
            return SslMode::Disable;
        }
        self.explicit.unwrap_or(match (endpoint.is_local(), self.direct) {
            _ if self.roots == Roots::System => SslMode::VerifyFull,
            (false, _) => SslMode::VerifyFull,
            (true, true) => SslMode::Require,
            (true, false) => SslMode::Prefer,
        })
    }

    /// The same as libpq's environment variables; `system` is what stands for the authorities of the system.
    pub(in crate::pg) fn variables(&self, mode: SslMode, system: &str) -> Vec<(&'static str, String)> {
        let shown = |path: &std::path::Path| path.display().to_string();
        let mut set = Vec::new();
        match &self.roots {
            Roots::File(file) => set.push(("PGSSLROOTCERT", shown(file))),
            _ if mode == SslMode::VerifyFull => set.push(("PGSSLROOTCERT", system.to_owned())),
            _ => {}
        }
        if let Some(identity) = &self.identity {
            set.push(("PGSSLCERT", shown(&identity.certificate)));
            set.push(("PGSSLKEY", shown(&identity.key)));
        }
        set.extend(self.crl.as_deref().map(|file| ("PGSSLCRL", shown(file))));
        for (given, name, value) in [
            (!self.sni, "PGSSLSNI", "0"),
            (self.direct, "PGSSLNEGOTIATION", "direct"),
            (self.only_tls13, "PGSSLMINPROTOCOLVERSION", "TLSv1.3"),
            (self.only_tls12, "PGSSLMAXPROTOCOLVERSION", "TLSv1.2"),
        ] {
            if given {
                set.push((name, value.to_owned()));
            }
        }
        set
    }

    /// Whether the user chose the mode.
    pub(in crate::pg) fn is_explicit(&self) -> bool {
        self.explicit.is_some()
    }
}

/// As in libpq: the files named, else those in `~/.postgresql` if the certificate is there.
fn identity(conninfo: &Conninfo, environment: &Environment) -> Result<Option<Identity>> {
    if conninfo.filled("sslcertmode") == Some("disable") {
        return Ok(None);
    }
    let certificate = match conninfo.filled("sslcert") {
        Some(file) => PathBuf::from(file),
        None => match environment.in_home(".postgresql/postgresql.crt").filter(|file| file.exists()) {
            Some(file) => file,
            None => return Ok(None),
        },
    };
    let key = conninfo.filled("sslkey").map(PathBuf::from);
    let key = key.or_else(|| environment.in_home(".postgresql/postgresql.key")).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "the client certificate has no key")
            .with("sslcert", certificate.display())
            .hint("name the file of the private key in sslkey")
    })?;
    Ok(Some(Identity { certificate, key }))
}
