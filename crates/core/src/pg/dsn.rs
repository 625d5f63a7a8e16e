//! Where and as whom to connect. The password is held apart and never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};

/// A resolved connection string.
#[derive(Clone)]
pub struct Dsn {
    config: tokio_postgres::Config,
    password: Option<SecretString>,
}

impl Dsn {
    /// Reads a libpq URL (`postgresql://…`) or a `key=value` string.
    pub fn parse(text: &str) -> Result<Self> {
        let mut config: tokio_postgres::Config = text.parse().map_err(|e: tokio_postgres::Error| {
            Error::invalid("the connection string cannot be read").caused_by(e)
        })?;
        let password =
            config.get_password().map(|p| SecretString::from(String::from_utf8_lossy(p).into_owned()));
        if let Some(p) = &password {
            config.password(p.expose_secret());
        }
        Ok(Self { config, password })
    }

    /// A server on a Unix socket in this directory.
    pub fn socket(directory: &Path, port: u16, user: &str, database: &str) -> Self {
        let mut config = tokio_postgres::Config::new();
        config.host_path(directory).port(port).user(user).dbname(database);
        Self { config, password: None }
    }

    /// The same server and user, another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        let mut dsn = self.clone();
        dsn.config.dbname(database);
        dsn
    }

    /// Database name; the user's name where none was given, as libpq does.
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    /// User name.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or("postgres")
    }

    /// Host name, or the directory of a Unix socket.
    pub fn host(&self) -> String {
        match self.config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(name)) => name.clone(),
            Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        }
    }

    /// Port.
    pub fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    /// Directory of the Unix socket, if it is one.
    pub fn socket_directory(&self) -> Option<PathBuf> {
        match self.config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Unix(path)) => Some(path.clone()),
            _ => None,
        }
    }

    /// The password for a program that is started with PGPASSWORD; the caller keeps it out of logs.
    pub fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    pub(super) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }
}

impl fmt::Display for Dsn {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host={} port={} user={} dbname={}", self.host(), self.port(), self.user(), self.database())
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({self})")
    }
}
