//! Opens connections: server after server, address after address, until one will do.

use std::net::IpAddr;
use std::time::Duration;

use rand::seq::SliceRandom;
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;
use tokio_postgres::config::{ChannelBinding, SslMode as DriverSslMode, SslNegotiation};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::Dsn;
use super::connect_error::{Attempt, Failure};
use super::conninfo::{Endpoint, Host, Target};
use super::tls::{Connector, SslMode};
use crate::error::{Error, Result};

/// An open connection.
pub(super) struct Link {
    pub(super) client: Client,
    /// Drives the connection; ends when the client is dropped.
    pub(super) driver: JoinHandle<()>,
    /// For cancel requests.
    pub(super) connector: Connector,
}

/// Connects; `purpose` becomes part of the application name, `options` are added to those of the user.
pub(super) async fn connect(dsn: &Dsn, purpose: &str, options: &str) -> Result<Link> {
    let plan = Plan { dsn, purpose, options };
    let failure = match dsn.wire.target {
        Target::PreferStandby => match plan.any_server(Target::Standby).await {
            Err(failure) if failure.try_next => plan.any_server(Target::Any).await,
            result => result,
        },
        target => plan.any_server(target).await,
    };
    failure.map_err(|failure| failure.error)
}

/// What is to be opened.
struct Plan<'a> {
    dsn: &'a Dsn,
    purpose: &'a str,
    options: &'a str,
}

impl Plan<'_> {
    async fn any_server(&self, target: Target) -> Result<Link, Failure> {
        let mut endpoints: Vec<&Endpoint> = self.dsn.endpoints().iter().collect();
        if self.dsn.wire.shuffle {
            endpoints.shuffle(&mut rand::rng());
        }
        let mut failures: Vec<Failure> = Vec::new();
        for endpoint in endpoints {
            let attempt = Attempt { dsn: self.dsn, endpoint };
            let connector = Connector::new(&self.dsn.tls, endpoint).map_err(Failure::last)?;
            for address in self.addresses(&attempt).await.unwrap_or_else(|failure| {
                failures.push(failure);
                Vec::new()
            }) {
                match self.one_address(&attempt, address, connector.clone(), target).await {
                    Ok(link) => return Ok(link),
                    Err(failure) if failure.try_next => failures.push(failure),
                    // A server that answers and refuses is not passed over, as in libpq.
                    Err(failure) => return Err(failure),
                }
            }
        }
        let Some(mut last) = failures.pop() else {
            return Err(Failure::last(Error::internal("a connection string without a server")));
        };
        for other in failures {
            last.error = last.error.with("also tried", other.error.message());
        }
        Err(last)
    }

    /// The addresses of a host; none for a Unix socket.
    async fn addresses(&self, attempt: &Attempt<'_>) -> Result<Vec<Option<IpAddr>>, Failure> {
        let name = match (&attempt.endpoint.host, attempt.endpoint.address) {
            (Host::Socket(_), _) => return Ok(vec![None]),
            (_, Some(address)) => return Ok(vec![Some(address)]),
            (Host::Name(name), None) => name,
        };
        let lookup = tokio::net::lookup_host((name.as_str(), attempt.endpoint.port));
        let found =
            limited(self.dsn.wire.connect_timeout, lookup).await.ok_or_else(|| attempt.timed_out())?;
        let mut addresses: Vec<_> =
            found.map_err(|e| attempt.unresolved(Some(e)))?.map(|address| Some(address.ip())).collect();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(attempt.unresolved(None));
        }
        if self.dsn.wire.shuffle {
            addresses.shuffle(&mut rand::rng());
        }
        Ok(addresses)
    }

    async fn one_address(
        &self,
        attempt: &Attempt<'_>,
        address: Option<IpAddr>,
        connector: Connector,
        target: Target,
    ) -> Result<Link, Failure> {
        let config = self.config(attempt.endpoint, address);
        let opening = async {
            let link = open(&config, connector).await.map_err(|e| attempt.failed(e))?;
            let fits = self.fits(&link.client, target).await.map_err(|e| attempt.failed(e))?;
            if fits { Ok(link) } else { Err(attempt.unfit(target)) }
        };
        limited(self.dsn.wire.connect_timeout, opening).await.ok_or_else(|| attempt.timed_out())?
    }

    fn config(&self, endpoint: &Endpoint, address: Option<IpAddr>) -> Config {
        let (dsn, wire) = (self.dsn, &self.dsn.wire);
        let mut config = Config::new();
        match &endpoint.host {
            Host::Socket(directory) => config.host_path(directory),
            Host::Name(name) => config.host(name),
        };
        if let Some(address) = address {
            config.hostaddr(address);
        }
        config.port(endpoint.port).user(dsn.user()).dbname(dsn.database());
        config.application_name(format!("pgverse {}", self.purpose));
        if let Some(password) = &endpoint.password {
            config.password(password.secret.expose_secret());
        }
        let options: Vec<&str> =
            dsn.options().into_iter().chain([self.options]).filter(|options| !options.is_empty()).collect();
        if !options.is_empty() {
            config.options(options.join(" "));
        }
        config.ssl_mode(match dsn.tls.mode(endpoint) {
            SslMode::Disable => DriverSslMode::Disable,
            SslMode::Prefer => DriverSslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => DriverSslMode::Require,
        });
        if dsn.tls.direct {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        match wire.channel_binding {
            Some("disable") => config.channel_binding(ChannelBinding::Disable),
            Some("require") => config.channel_binding(ChannelBinding::Require),
            _ => &mut config,
        };
        config.keepalives(wire.keepalives);
        wire.keepalives_idle.map(|idle| config.keepalives_idle(idle));
        wire.keepalives_interval.map(|interval| config.keepalives_interval(interval));
        wire.keepalives_retries.map(|retries| config.keepalives_retries(retries));
        wire.tcp_user_timeout.map(|limit| config.tcp_user_timeout(limit));
        // For cancel requests; the attempt as a whole is limited above.
        wire.connect_timeout.map(|limit| config.connect_timeout(limit));
        config
    }

    /// Whether the server is of the kind asked for. A session that pgverse itself made read-only is judged by
    /// the server's role alone.
    async fn fits(&self, client: &Client, target: Target) -> Result<bool, tokio_postgres::Error> {
        if target == Target::Any {
            return Ok(true);
        }
        let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')";
        let answer = client.simple_query(sql).await?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1) == Some("on"))),
            _ => None,
        });
        let Some((standby, set_read_only)) = row else { return Ok(false) };
        let read_only = standby || (set_read_only && self.options.is_empty());
        Ok(match target {
            Target::Any | Target::PreferStandby => true,
            Target::Primary => !standby,
            Target::Standby => standby,
            Target::ReadWrite => !read_only,
            Target::ReadOnly => read_only,
        })
    }
}

async fn open(config: &Config, connector: Connector) -> Result<Link, tokio_postgres::Error> {
    let (client, driver) = match &connector {
        Connector::Plain => {
            let (client, connection) = config.connect(NoTls).await?;
            (client, drive(connection))
        }
        Connector::Tls(tls) => {
            let (client, connection) = config.connect(tls.clone()).await?;
            (client, drive(connection))
        }
    };
    Ok(Link { client, driver, connector })
}

fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    })
}

/// The result, or none if the limit passed first.
async fn limited<T>(limit: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
        None => Some(future.await),
    }
}
