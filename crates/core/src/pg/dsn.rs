//! Where and as whom to connect, resolved as libpq does it. The password is held apart and never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::conninfo::{self, Conninfo, Endpoint, Environment, Host, Wire};
use super::tls::{TlsOptions, system_bundle};
use crate::error::{Error, Result};

/// A resolved connection string. Connection string, service file, PG* variables and defaults have been read,
/// in libpq's order of precedence; the passwords too. Certificate files are read on connecting.
#[derive(Clone)]
pub struct Dsn {
    endpoints: Vec<Endpoint>,
    user: String,
    database: String,
    options: Option<String>,
    passfile: Option<String>,
    note: Option<String>,
    pub(super) wire: Wire,
    pub(super) tls: TlsOptions,
}

impl Dsn {
    /// Reads a libpq URL (`postgresql://…`) or a `key=value` string in the surroundings of this process.
    ///
    /// # Errors
    /// `InvalidInput` for text that is no connection string, `Unsupported` for a parameter that pgverse cannot
    /// honour, `NotFound` for a service that is not defined.
    pub fn parse(text: &str) -> Result<Self> {
        Self::resolve(text, &Environment::of_process())
    }

    /// The same in surroundings of the caller's choice.
    pub fn resolve(text: &str, environment: &Environment) -> Result<Self> {
        let conninfo = Conninfo::resolve(text, environment)?;
        let user = match conninfo.filled("user").or_else(|| environment.os_user()) {
            Some(user) => user.to_owned(),
            None => {
                return Err(Error::invalid("no user is given and the operating system names none")
                    .hint("put user=… into the connection string or set PGUSER"));
            }
        };
        let database = conninfo.filled("dbname").unwrap_or(&user).to_owned();
        let (endpoints, note) = conninfo::endpoints(&conninfo, environment, &database, &user)?;
        Ok(Self {
            endpoints,
            user,
            database,
            options: conninfo.filled("options").map(str::to_owned),
            passfile: conninfo.filled("passfile").map(str::to_owned),
            note,
            wire: Wire::read(&conninfo)?,
            tls: TlsOptions::read(&conninfo, environment)?,
        })
    }

    /// A server on a Unix socket in this directory.
    pub fn socket(directory: &Path, port: u16, user: &str, database: &str) -> Self {
        let host = Host::Socket(directory.to_path_buf());
        Self {
            endpoints: vec![Endpoint { host, address: None, port, password: None }],
            user: user.to_owned(),
            database: database.to_owned(),
            options: None,
            passfile: None,
            note: None,
            wire: Wire::default(),
            tls: TlsOptions::default(),
        }
    }

    /// The same server and user, another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// Database name; the user's name where none was given, as libpq does.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// User name; that of the operating system's user where none was given.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Host name, or the directory of a Unix socket; the first where several were given.
    pub fn host(&self) -> String {
        self.endpoints.first().map(Endpoint::host).unwrap_or_default()
    }

    /// Port of the first host.
    pub fn port(&self) -> u16 {
        self.endpoints.first().map_or(5432, |endpoint| endpoint.port)
    }

    /// Directory of the Unix socket, if the first host is one.
    pub fn socket_directory(&self) -> Option<PathBuf> {
        match &self.endpoints.first()?.host {
            Host::Socket(directory) => Some(directory.clone()),
            Host::Name(_) => None,
        }
    }

    /// Whether every server named is on this machine: Unix sockets and loopback addresses.
    pub fn is_local(&self) -> bool {
        self.endpoints.iter().all(Endpoint::is_local)
    }

    /// The password for the first host, for a program that is started with PGPASSWORD; the caller keeps it out
    /// of logs.
    pub fn password(&self) -> Option<&SecretString> {
        self.endpoints.first()?.password.as_ref().map(|password| &password.secret)
    }

    /// The environment in which libpq, with an empty connection string, connects as this does: variables to
    /// set and, with `None`, variables to remove, because an inherited PGSERVICE or PGHOSTADDR would lead
    /// elsewhere. PGPASSWORD is not among them, see [`Dsn::password`].
    ///
    /// ```no_run
    /// # let dsn = pgverse_core::pg::Dsn::parse("host=/tmp user=u")?;
    /// let mut pg_dump = std::process::Command::new("pg_dump");
    /// for (name, value) in dsn.child_environment() {
    ///     match value {
    ///         Some(value) => pg_dump.env(name, value),
    ///         None => pg_dump.env_remove(name),
    ///     };
    /// }
    /// # Ok::<(), pgverse_core::Error>(())
    /// ```
    pub fn child_environment(&self) -> Vec<(&'static str, Option<String>)> {
        let set = self.child_variables();
        let removed = conninfo::variables()
            .filter(|name| *name != "PGPASSWORD" && set.iter().all(|(given, _)| given != name))
            .map(|name| (name, None));
        let removed: Vec<_> = removed.collect();
        set.into_iter().map(|(name, value)| (name, Some(value))).chain(removed).collect()
    }

    fn child_variables(&self) -> Vec<(&'static str, String)> {
        let list =
            |each: fn(&Endpoint) -> String| self.endpoints.iter().map(each).collect::<Vec<_>>().join(",");
        let mut set = vec![
            ("PGHOST", list(Endpoint::host)),
            ("PGPORT", list(|endpoint| endpoint.port.to_string())),
            ("PGUSER", self.user.clone()),
            ("PGDATABASE", self.database.clone()),
            ("PGAPPNAME", "pgverse".to_owned()),
            // libpq knows no fractions and rounds nothing.
            ("PGCONNECT_TIMEOUT", self.wire.connect_timeout.map_or(0, |limit| limit.as_secs()).to_string()),
            ("PGTARGETSESSIONATTRS", self.wire.target.as_str().to_owned()),
        ];
        if self.endpoints.iter().any(|endpoint| endpoint.address.is_some()) {
            let address = |e: &Endpoint| e.address.map(|a| a.to_string()).unwrap_or_default();
            set.push(("PGHOSTADDR", list(address)));
        }
        set.extend(self.options.clone().map(|options| ("PGOPTIONS", options)));
        set.extend(self.passfile.clone().map(|file| ("PGPASSFILE", file)));
        set.extend(self.wire.channel_binding.map(|value| ("PGCHANNELBINDING", value.to_owned())));
        if self.wire.shuffle {
            set.push(("PGLOADBALANCEHOSTS", "random".to_owned()));
        }
        // One mode for all hosts: the strongest that any of them needs. libpq ignores it on Unix sockets.
        let tcp = self.endpoints.iter().filter(|endpoint| matches!(endpoint.host, Host::Name(_)));
        if let Some(mode) = tcp.map(|endpoint| self.tls.mode(endpoint)).max() {
            set.push(("PGSSLMODE", mode.as_str().to_owned()));
            set.extend(self.tls.variables(mode, system_bundle().unwrap_or("system")));
        }
        set
    }

    /// The servers to try.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Server options of the user (`-c geqo=off`).
    pub(super) fn options(&self) -> Option<&str> {
        self.options.as_deref()
    }

    /// Why a password file was ignored, for the message when a password is missing.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

impl fmt::Display for Dsn {
    /// A connection string without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |each: fn(&Endpoint) -> String| {
            conninfo::quote(&self.endpoints.iter().map(each).collect::<Vec<_>>().join(","))
        };
        write!(f, "host={} port={}", list(Endpoint::host), list(|endpoint| endpoint.port.to_string()))?;
        write!(f, " user={} dbname={}", conninfo::quote(&self.user), conninfo::quote(&self.database))
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({self})")
    }
}

#[cfg(test)]
mod tests;
