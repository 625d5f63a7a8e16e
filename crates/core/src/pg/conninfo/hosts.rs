//! The servers that a connection string names, each with its address, port and password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::passfile::Passfile;
use super::{Conninfo, Environment};
use crate::error::{Error, ErrorKind, Result};

/// One server to try.
#[derive(Clone)]
pub(in crate::pg) struct Endpoint {
    pub(in crate::pg) host: Host,
    /// The address to connect to, if `hostaddr` gives it.
    pub(in crate::pg) address: Option<IpAddr>,
    pub(in crate::pg) port: u16,
    pub(in crate::pg) password: Option<Password>,
}

/// How a server is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pg) enum Host {
    /// Host name or address; the certificate is checked against it.
    Name(String),
    /// Directory of a Unix socket.
    Socket(PathBuf),
}

/// A password and where it came from, for the message when it is wrong.
#[derive(Clone)]
pub(in crate::pg) struct Password {
    pub(in crate::pg) secret: SecretString,
    pub(in crate::pg) origin: String,
}

impl Endpoint {
    /// Whether the data stays on this machine: a Unix socket or a loopback address.
    pub(in crate::pg) fn is_local(&self) -> bool {
        let Host::Name(name) = &self.host else { return true };
        let loopback = match name.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        };
        loopback && self.address.is_none_or(|address| address.is_loopback())
    }

    /// Host name, or the directory of the socket.
    pub(in crate::pg) fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.clone(),
            Host::Socket(directory) => directory.display().to_string(),
        }
    }
}

impl fmt::Display for Endpoint {
    /// Where the server listens, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.address) {
            (Host::Socket(directory), _) => write!(f, "{}/.s.PGSQL.{}", directory.display(), self.port),
            (Host::Name(name), Some(address)) if address.to_string() != *name => {
                write!(f, "{name} [{address}]:{}", self.port)
            }
            (Host::Name(name), _) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            (Host::Name(name), _) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// The servers in the order given, with their passwords, and why a password file was ignored.
pub(in crate::pg) fn endpoints(
    conninfo: &Conninfo,
    environment: &Environment,
    database: &str,
    user: &str,
) -> Result<(Vec<Endpoint>, Option<String>)> {
    let (hosts, addresses) = (list(conninfo.filled("host")), list(conninfo.filled("hostaddr")));
    let count = hosts.len().max(addresses.len()).max(1);
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(Error::invalid(format!(
            "{} hosts do not fit {} addresses",
            hosts.len(),
            addresses.len()
        ))
        .hint("give one hostaddr for each host, or one of the two lists"));
    }
    let ports = list(conninfo.filled("port"));
    if ports.len() > 1 && ports.len() != count {
        return Err(Error::invalid(format!("{} ports do not fit {count} hosts", ports.len()))
            .hint("give one port for all hosts, or one for each"));
    }
    let explicit = conninfo.filled("password").map(|secret| Password {
        secret: SecretString::from(secret),
        origin: conninfo.password_origin.unwrap_or("the connection string").to_owned(),
    });
    let path = match conninfo.filled("passfile") {
        Some(path) => Some(PathBuf::from(path)),
        None => environment.in_home(".pgpass"),
    };
    // As in libpq the file is not even opened when a password is given.
    let passfile = path.as_deref().filter(|_| explicit.is_none()).map(Passfile::read).unwrap_or_default();
    let mut endpoints = Vec::with_capacity(count);
    for at in 0..count {
        let port =
            port(if ports.len() == 1 { ports[0] } else { ports.get(at).copied().unwrap_or_default() })?;
        let address = address(addresses.get(at).copied().unwrap_or_default())?;
        let host = host(hosts.get(at).copied().unwrap_or_default(), address, port, environment)?;
        let password = explicit.clone().or_else(|| {
            // A socket in the default directory goes by the name localhost in the file.
            let name = match &host {
                Host::Socket(directory)
                    if !environment.is_default_socket_directory(&directory.to_string_lossy()) =>
                {
                    directory.to_string_lossy().into_owned()
                }
                Host::Socket(_) => "localhost".to_owned(),
                Host::Name(name) => name.clone(),
            };
            let found =
                passfile.password(&name, port, database, user).filter(|password| !password.is_empty())?;
            let origin = path.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
            Some(Password { secret: SecretString::from(found), origin })
        });
        endpoints.push(Endpoint { host, address, port, password });
    }
    Ok((endpoints, passfile.ignored))
}

fn list(value: Option<&str>) -> Vec<&str> {
    value.map(|value| value.split(',').map(str::trim).collect()).unwrap_or_default()
}

/// The value is not repeated in the message: an unescaped password in a URL may end up in its place.
fn port(text: &str) -> Result<u16> {
    match text {
        "" => Ok(5432),
        text => text.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
            Error::invalid("the port is not a number from 1 to 65535")
                .hint("in a URL, write / in a password as %2F, # as %23 and : as %3A")
        }),
    }
}

fn address(text: &str) -> Result<Option<IpAddr>> {
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse().map_err(|_| {
        Error::invalid(format!("hostaddr \"{text}\" is not an address"))
            .hint("a name goes into host, hostaddr takes its address")
    })?;
    Ok(Some(address))
}

fn host(text: &str, address: Option<IpAddr>, port: u16, environment: &Environment) -> Result<Host> {
    match (text, address) {
        (text, _) if text.starts_with('@') => {
            Err(Error::new(ErrorKind::Unsupported, "abstract Unix sockets are not supported")
                .with("host", text))
        }
        // An address wins over a socket directory, as in libpq.
        (text, Some(address)) if text.is_empty() || text.starts_with('/') => {
            Ok(Host::Name(address.to_string()))
        }
        (text, _) if text.starts_with('/') => Ok(Host::Socket(PathBuf::from(text))),
        ("", None) => Ok(match environment.socket_directory(port) {
            Some(directory) => Host::Socket(directory.to_path_buf()),
            None => Host::Name("localhost".to_owned()),
        }),
        (text, _) => Ok(Host::Name(text.to_owned())),
    }
}
