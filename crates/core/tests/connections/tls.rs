//! Each sslmode against servers without TLS, with a certificate of their own, and with one of an authority.

use std::path::PathBuf;

use super::certificates::{Authority, self_signed};
use super::server::{Server, binary};
use super::*;

/// A server that is on this machine but goes by another name, so that it counts as remote.
const REMOTE: &str = "host=db.example.com hostaddr=127.0.0.1";

/// Expected: `true` or `false` for an encrypted or a plain session, else a part of the message.
async fn check(server: &Server, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let outcome = match encrypted(&dsn(server, text)).await {
            Ok(encrypted) => encrypted.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(outcome.contains(expected), "{text}: {outcome}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let server = Server::start(BY_PASSWORD, &[]);
    make_roles(&server).await;
    let files = tempfile::tempdir().unwrap();
    let ca = file(&files, "ca.crt", &Authority::new("ca").certificate);
    let root = format!("sslrootcert={}", ca.display());
    let none = "the server has no TLS";
    let mode = |mode: &str| format!("{REMOTE} sslmode={mode} {root}");
    check(
        &server,
        &[
            ("host=localhost", "false"),
            (REMOTE, none),
            (&mode("disable"), "false"),
            (&mode("prefer"), "false"),
            (&mode("require"), none),
            (&mode("verify-ca"), none),
            (&mode("verify-full"), none),
        ],
    )
    .await;
    assert_eq!(
        failure(&dsn(&server, REMOTE), &[]).await,
        (
            ErrorKind::Unsupported,
            "the server has no TLS and sslmode=verify-full (the default here) asks for it \
             (server: db.example.com [127.0.0.1]:PORT); turn it on at the server (ssl=on), or give up encryption and \
             the proof of who the server is: sslmode=disable sends queries and data in the clear"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn a_self_signed_server_is_believed_only_if_its_certificate_is_named() {
    let pair = self_signed(&["db.example.com"]);
    let server = Server::start(BY_PASSWORD, &[("server.crt", &pair.certificate), ("server.key", &pair.key)]);
    make_roles(&server).await;
    let files = tempfile::tempdir().unwrap();
    let own = file(&files, "own.crt", &pair.certificate);
    let other = file(&files, "other.crt", &Authority::new("other").certificate);
    let with = |mode: &str, root: &PathBuf| format!("{REMOTE} sslmode={mode} sslrootcert={}", root.display());
    let unknown = "the certificate of the server comes from no authority in";
    check(
        &server,
        &[
            ("host=localhost", "true"),
            (REMOTE, unknown),
            (&format!("{REMOTE} sslmode=disable"), "false"),
            (&format!("{REMOTE} sslmode=prefer"), "true"),
            (&format!("{REMOTE} sslmode=require"), "true"),
            (&format!("{REMOTE} sslmode=require ssl_max_protocol_version=TLSv1.2"), "true"),
            (&format!("{REMOTE} sslmode=require ssl_min_protocol_version=TLSv1.3"), "true"),
            (&with("require", &own), "true"),
            (&with("verify-ca", &own), "true"),
            (&with("verify-full", &own), "true"),
            // A root file is looked at in every mode that uses TLS, as in libpq.
            (&with("prefer", &other), unknown),
            (&with("require", &other), unknown),
            (&with("verify-ca", &other), unknown),
            (&with("verify-full", &other), unknown),
        ],
    )
    .await;
    let elsewhere = "host=other.example.com hostaddr=127.0.0.1";
    let named = format!("sslrootcert={}", own.display());
    check(
        &server,
        &[
            (&format!("{elsewhere} sslmode=verify-ca {named}"), "true"),
            (&format!("{elsewhere} sslmode=verify-full {named}"), "is not for \"other.example.com\""),
        ],
    )
    .await;
    assert_eq!(
        failure(&dsn(&server, &with("verify-full", &other)), &[(&other.display().to_string(), "FILE")]).await,
        (
            ErrorKind::Authentication,
            "the certificate of the server comes from no authority in FILE (server: db.example.com \
             [127.0.0.1]:PORT, mode: sslmode=verify-full); \
             name the file of its authority, or of the certificate itself if it is self-signed, in sslrootcert; \
             sslmode=disable does without TLS and sends everything in the clear"
                .to_owned()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_a_known_authority_must_have_the_right_name_for_verify_full() {
    let authority = Authority::new("ca");
    let pair = authority.server(&["db.example.com"]);
    let hba = "hostssl all carol 127.0.0.1/32 cert\nhostssl all alice 127.0.0.1/32 scram-sha-256";
    let own_files = [
        ("server.crt", pair.certificate.as_str()),
        ("server.key", &pair.key),
        ("client_ca.crt", &authority.certificate),
    ];
    let server = Server::start(hba, &own_files);
    make_roles(&server).await;
    let files = tempfile::tempdir().unwrap();
    let root = file(&files, "ca.crt", &authority.certificate);
    let root = format!("sslrootcert={}", root.display());
    let other = file(&files, "other.crt", &Authority::new("other").certificate);
    let wrong_name = "host=db2.example.com hostaddr=127.0.0.1";
    check(
        &server,
        &[
            (&format!("{REMOTE} {root}"), "true"),
            (&format!("{REMOTE} {root} channel_binding=require"), "true"),
            (&format!("{REMOTE} {root} sslsni=0"), "true"),
            (&format!("{REMOTE} {root} sslmode=verify-ca"), "true"),
            (&format!("{REMOTE} sslmode=require"), "true"),
            (REMOTE, "the certificate of the server comes from no authority in the certificate store of this system"),
            (&format!("{REMOTE} sslrootcert={}", other.display()), "comes from no authority in"),
            (&format!("{wrong_name} {root} sslmode=verify-ca"), "true"),
            (&format!("{wrong_name} {root} sslmode=require"), "true"),
            (&format!("{wrong_name} {root}"), "is not for \"db2.example.com\""),
            (&format!("hostaddr=127.0.0.1 {root} sslmode=verify-full"), "is not for \"127.0.0.1\""),
            (&format!("{REMOTE} sslrootcert=/nowhere"), "the file named in sslrootcert cannot be used"),
            ("host=127.0.0.1 sslmode=disable", "it may have one for TLS: try sslmode=verify-full"),
        ],
    )
    .await;
    assert_eq!(
        failure(&dsn(&server, &format!("{wrong_name} {root}")), &[]).await,
        (
            ErrorKind::Authentication,
            "the certificate of the server is not for \"db2.example.com\" (server: db2.example.com [127.0.0.1]:PORT, \
             mode: sslmode=verify-full (the default here), it is for: db.example.com); \
             use its name as host, and hostaddr for the address; \
             sslmode=verify-ca takes any server with a certificate of that authority for this one"
                .to_owned()
        )
    );

    let client = authority.client("carol");
    let (cert, key) =
        (file(&files, "carol.crt", &client.certificate), file(&files, "carol.key", &client.key));
    let by_certificate =
        format!("{REMOTE} {root} user=carol sslcert={} sslkey={}", cert.display(), key.display());
    let stranger = Authority::new("stranger").client("carol");
    let (cert, own_key) =
        (file(&files, "s.crt", &stranger.certificate), file(&files, "s.key", &stranger.key));
    let by_stranger =
        format!("{REMOTE} {root} user=carol sslcert={} sslkey={}", cert.display(), own_key.display());
    check(
        &server,
        &[
            (&by_certificate, "true"),
            (&by_stranger, "the server refused the TLS handshake"),
            (&format!("{REMOTE} {root} user=carol"), "connection requires a valid client certificate"),
        ],
    )
    .await;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    check(&server, &[(&by_certificate, "the private key can be read by others")]).await;

    // A program that is started with the environment connects in the same way.
    let secure = dsn(&server, &format!("{REMOTE} {root}"));
    let mut psql = std::process::Command::new(binary("psql"));
    psql.args(["-X", "-w", "-Atc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]);
    // These would lead it astray.
    psql.env("PGSERVICE", "nowhere").env("PGPASSWORD", "right");
    for (name, value) in secure.child_environment() {
        match value {
            Some(value) => psql.env(name, value),
            None => psql.env_remove(name),
        };
    }
    let output = psql.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "t\n", "{}", String::from_utf8_lossy(&output.stderr));

    cancel_reaches_the_server(&server, &secure).await;
}

/// With verify-full nothing is sent in the clear, so a cancel request that arrives came by TLS.
async fn cancel_reaches_the_server(server: &Server, dsn: &Dsn) {
    let cx = Context::new();
    let session = Session::connect(&cx, dsn, "cancelled").await.unwrap();
    let observer_cx = Context::new();
    let observer = Session::connect(&observer_cx, &server.admin(), "observer").await.unwrap();
    let pid = session.backend_pid().to_string();
    let watch = async {
        let sql =
            "SELECT coalesce(wait_event = 'PgSleep', false)::text FROM pg_stat_activity WHERE pid = $1::int";
        while observer
            .text(&observer_cx, sql, &[Some(pid.clone())])
            .await
            .is_ok_and(|sleeping| sleeping != "true")
        {}
        cx.cancellation().cancel();
    };
    let (result, ()) = tokio::join!(session.batch(&cx, "SELECT pg_sleep(600)"), watch);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    let says = tokio::task::block_in_place(|| server.says("canceling statement due to user request"));
    assert!(says);
}
