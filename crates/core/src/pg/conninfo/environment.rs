//! What libpq takes from its surroundings, as a value: tests and bindings hand in their own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a server's socket is looked for when no host is given: Debian and Red Hat, then PostgreSQL's own default.
const SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/tmp"];

/// Where packagers put `pg_service.conf` when PGSYSCONFDIR does not say.
const CONFIG_DIRECTORIES: &[&str] = &["/etc/postgresql-common", "/etc", "/usr/local/pgsql/etc"];

/// Environment variables, home directory, name of the operating system's user, and the well-known directories.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    os_user: Option<String>,
    socket_directories: Vec<PathBuf>,
    config_directories: Vec<PathBuf>,
}

impl Environment {
    /// Nothing at all: no variable, no home, no directory.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The surroundings of this process.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("PG"))
            .collect();
        Self {
            variables,
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            os_user: whoami::username().ok(),
            socket_directories: SOCKET_DIRECTORIES.iter().map(PathBuf::from).collect(),
            config_directories: CONFIG_DIRECTORIES.iter().map(PathBuf::from).collect(),
        }
    }

    /// The same with a variable, such as PGHOST.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with this home directory, where `.pgpass`, `.pg_service.conf` and `.postgresql/` are read.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The same with this user of the operating system, the default for the database user.
    #[must_use]
    pub fn with_os_user(mut self, user: &str) -> Self {
        self.os_user = Some(user.to_owned());
        self
    }

    /// The same with these default directories for Unix sockets, the first that has a socket is taken.
    #[must_use]
    pub fn with_socket_directories(mut self, directories: impl IntoIterator<Item = PathBuf>) -> Self {
        self.socket_directories = directories.into_iter().collect();
        self
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A file below the home directory.
    pub(in crate::pg) fn in_home(&self, path: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(path))
    }

    pub(in crate::pg) fn os_user(&self) -> Option<&str> {
        self.os_user.as_deref().filter(|user| !user.is_empty())
    }

    /// The default socket directory in which a server of this port has a socket.
    pub(super) fn socket_directory(&self, port: u16) -> Option<&Path> {
        let socket = format!(".s.PGSQL.{port}");
        self.socket_directories
            .iter()
            .find(|directory| directory.join(&socket).exists())
            .map(PathBuf::as_path)
    }

    pub(super) fn is_default_socket_directory(&self, directory: &str) -> bool {
        self.socket_directories.iter().any(|default| default.as_os_str() == directory)
    }

    /// The files in which a service that the user's own file does not have is looked for.
    pub(super) fn system_service_files(&self) -> Vec<PathBuf> {
        let directories = match self.variable("PGSYSCONFDIR") {
            Some(directory) => vec![PathBuf::from(directory)],
            None => self.config_directories.clone(),
        };
        directories
            .into_iter()
            .map(|directory| directory.join("pg_service.conf"))
            .filter(|f| f.exists())
            .collect()
    }
}

impl fmt::Debug for Environment {
    /// Names without values: PGPASSWORD may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("home", &self.home)
            .field("os_user", &self.os_user)
            .finish_non_exhaustive()
    }
}
