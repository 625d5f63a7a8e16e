//! Connections to real servers: who gets in, how securely, and what is said when it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "connections/certificates.rs"]
mod certificates;
#[path = "connections/server.rs"]
mod server;
#[path = "connections/tls.rs"]
mod tls;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pgverse_core::pg::{Dsn, Environment, Session};
use pgverse_core::{Context, ErrorKind, Result};
use server::{Server, free_port};

/// Everybody may come by TCP with a password, by TLS or not.
const BY_PASSWORD: &str = "host all all 127.0.0.1/32 scram-sha-256";

fn dsn(server: &Server, text: &str) -> Dsn {
    let text = format!("port={} user=alice password=right dbname=postgres {text}", server.port);
    Dsn::resolve(&text, &Environment::empty()).unwrap()
}

async fn make_roles(server: &Server) {
    let cx = Context::new();
    let admin = Session::connect(&cx, &server.admin(), "set-up").await.unwrap();
    admin.batch(&cx, "CREATE ROLE alice LOGIN PASSWORD 'right'; CREATE ROLE carol LOGIN").await.unwrap();
}

/// Whether a session opens, and if so whether it is encrypted.
async fn encrypted(dsn: &Dsn) -> Result<bool> {
    let cx = Context::new();
    let session = Session::connect(&cx, dsn, "test").await?;
    let sql = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(session.text(&cx, sql, &[]).await? == "true")
}

/// The error, with what differs from run to run replaced.
async fn failure(dsn: &Dsn, replace: &[(&str, &str)]) -> (ErrorKind, String) {
    let error = encrypted(dsn).await.expect_err("the connection should fail");
    let mut text = error.to_string();
    assert!(!text.contains("right"), "the password shows: {text}");
    for (from, to) in replace {
        text = text.replace(from, to);
    }
    (error.kind(), text.replace(&dsn.port().to_string(), "PORT"))
}

fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[tokio::test]
async fn failures_say_what_is_wrong_and_the_way_out() {
    let hba = "host postgres,absent alice 127.0.0.1/32 scram-sha-256\nhost postgres ghost 127.0.0.1/32 trust";
    let server = Server::start(hba, &[]);
    make_roles(&server).await;
    let files = tempfile::tempdir().unwrap();
    let pgpass = file(&files, "pgpass", "*:*:*:alice:guess\n");
    let open = file(&files, "open", "*:*:*:alice:right\n");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let here = "host=127.0.0.1";
    let pgpass_name = pgpass.display().to_string();
    let open_name = open.display().to_string();
    for (text, kind, message) in [
        (
            format!("{here} password=guess"),
            ErrorKind::Authentication,
            "the server does not accept the password of user \"alice\" (server: 127.0.0.1:PORT, sqlstate: 28P01); \
             the password came from the connection string",
        ),
        (
            format!("{here} password='' passfile={pgpass_name}"),
            ErrorKind::Authentication,
            "the server does not accept the password of user \"alice\" (server: 127.0.0.1:PORT, sqlstate: 28P01); \
             the password came from PGPASS",
        ),
        (
            format!("{here} password=''"),
            ErrorKind::Authentication,
            "the server asks for a password and none was given (server: 127.0.0.1:PORT, user: alice); \
             put it into ~/.pgpass (host:port:database:user:password, mode 0600), PGPASSWORD or the URL",
        ),
        (
            format!("{here} password='' passfile={open_name}"),
            ErrorKind::Authentication,
            "the server asks for a password and none was given (server: 127.0.0.1:PORT, user: alice, password file: OPEN \
             is ignored: group or others may access it; chmod 0600 makes it usable); \
             put it into ~/.pgpass (host:port:database:user:password, mode 0600), PGPASSWORD or the URL",
        ),
        (
            format!("{here} dbname=absent"),
            ErrorKind::NotFound,
            "the database \"absent\" does not exist (server: 127.0.0.1:PORT, sqlstate: 3D000); \
             psql -l lists the databases; createdb makes one",
        ),
        (
            format!("{here} dbname=template1"),
            ErrorKind::Authentication,
            "pg_hba.conf does not admit user \"alice\" to database \"template1\" from here (server: 127.0.0.1:PORT, \
             sqlstate: 28000, server says: no pg_hba.conf entry for host \"127.0.0.1\", user \"alice\", database \
             \"template1\", no encryption); the server needs a line there for this user, database and address, and a reload",
        ),
        (
            format!("{here} user=ghost"),
            ErrorKind::Authentication,
            "role \"ghost\" does not exist (server: 127.0.0.1:PORT, sqlstate: 28000); check user and password",
        ),
        (
            format!("{here} target_session_attrs=standby"),
            ErrorKind::Connection,
            "the server at 127.0.0.1:PORT is not standby; name another server or change target_session_attrs",
        ),
        (
            "host=/nowhere".to_owned(),
            ErrorKind::Connection,
            "no server listens at /nowhere/.s.PGSQL.PORT: error connecting to server: No such file or directory \
             (os error 2); start the server, or correct the socket directory (host) and the port",
        ),
    ] {
        let replace = [(pgpass_name.as_str(), "PGPASS"), (open_name.as_str(), "OPEN")];
        assert_eq!(failure(&dsn(&server, &text), &replace).await, (kind, message.to_owned()), "{text}");
    }
    // The name service words its own failures; the name ends on a suffix that never exists.
    let (kind, message) = failure(&dsn(&server, "host=no.such.invalid"), &[]).await;
    assert_eq!(kind, ErrorKind::Connection);
    assert!(message.starts_with("the host name \"no.such.invalid\" has no address"), "{message}");
    assert!(
        message.ends_with("check the spelling and the name service; hostaddr takes an address instead"),
        "{message}"
    );
}

#[tokio::test]
async fn servers_are_tried_in_turn_until_one_answers() {
    let server = Server::start(BY_PASSWORD, &[]);
    make_roles(&server).await;
    let closed = free_port();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = silent.local_addr().unwrap().port();
    let open = server.port;
    let resolve = |host: &str, port: String, rest: &str| {
        let text = format!("host={host} port={port} user=alice password=right dbname=postgres {rest}");
        Dsn::resolve(&text, &Environment::empty()).unwrap()
    };
    let three = "127.0.0.1,/nowhere,127.0.0.1";
    assert!(!encrypted(&resolve(three, format!("{closed},1,{open}"), "")).await.unwrap());
    assert!(
        !encrypted(&resolve(three, format!("{closed},1,{open}"), "load_balance_hosts=random")).await.unwrap()
    );
    // One that accepts the connection and then says nothing costs its time-out.
    let late = resolve("127.0.0.1,127.0.0.1", format!("{mute},{open}"), "connect_timeout=1");
    assert!(!encrypted(&late).await.unwrap());

    let none = resolve("127.0.0.1,127.0.0.1", format!("{mute},{closed}"), "connect_timeout=1");
    let error = encrypted(&none).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no server listens at 127.0.0.1:{closed} (also tried: no answer from 127.0.0.1:{mute} within 1 s): \
             error connecting to server: Connection refused (os error 111); \
             start the server, or correct host and port; listen_addresses must include this address"
        )
    );
    // A server that refuses is not passed over.
    let refused = resolve("127.0.0.1,127.0.0.1", format!("{open},{open}"), "user=nobody");
    assert_eq!(encrypted(&refused).await.unwrap_err().kind(), ErrorKind::Authentication);

    for (target, fits) in [
        ("any", true),
        ("primary", true),
        ("read-write", true),
        ("prefer-standby", true),
        ("read-only", false),
    ] {
        let dsn = resolve("127.0.0.1", open.to_string(), &format!("target_session_attrs={target}"));
        assert_eq!(encrypted(&dsn).await.is_ok(), fits, "{target}");
    }
    let read_only = "options='-c default_transaction_read_only=on' target_session_attrs=";
    for (target, fits) in [("read-only", true), ("read-write", false), ("primary", true)] {
        let dsn = resolve("127.0.0.1", open.to_string(), &format!("{read_only}{target}"));
        assert_eq!(encrypted(&dsn).await.is_ok(), fits, "{target}");
    }
}

#[tokio::test]
async fn options_of_the_user_are_kept_and_the_session_is_named() {
    let server = Server::start(BY_PASSWORD, &[]);
    make_roles(&server).await;
    let cx = Context::new();
    let dsn = dsn(&server, "host=127.0.0.1 options='-c geqo=off' application_name=mine");
    let session = Session::connect(&cx, &dsn, "lab").await.unwrap();
    assert_eq!(session.text(&cx, "SHOW geqo", &[]).await.unwrap(), "off");
    assert_eq!(session.text(&cx, "SHOW application_name", &[]).await.unwrap(), "pgverse lab");

    // A source's session has both the user's options and ours.
    let source = pgverse_core::pg::Source::new(dsn.clone());
    let session = source.session(&cx).await.unwrap();
    let sql = "SELECT current_setting('geqo') || current_setting('default_transaction_read_only')";
    let rows = session.rows(&cx, sql, &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, &str>(0), "offon");

    // Our own read-only sessions do not turn a primary into something else.
    let primary = Dsn::resolve(
        &format!("{dsn} password=right options='-c geqo=off' target_session_attrs=read-write"),
        &Environment::empty(),
    );
    pgverse_core::pg::Source::new(primary.unwrap()).session(&cx).await.unwrap();
}
