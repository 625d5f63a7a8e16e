//! The fixture database `shop`: small, and with everything that a fork must not lose.

use pgverse_core::Context;
use pgverse_core::pg::{Session, quote};

use crate::TestServer;

const SCHEMA: &str = include_str!("shop.sql");

/// OID of the large object in the shop.
pub const LARGE_OBJECT: u32 = 4711;

/// What the next call of `nextval('app.ticket')` returns.
pub const NEXT_TICKET: i64 = 62;

/// Makes the database `name` with the schema and the rows of the shop, a search path and a planner setting of
/// its own, and the extension pg_trgm where the server has it.
pub async fn create(server: &TestServer, name: &str) {
    create_as(server, name, "TEMPLATE template0 ENCODING 'UTF8'").await;
}

/// The same in LATIN1 instead of UTF-8.
pub async fn create_latin1(server: &TestServer, name: &str) {
    create_as(server, name, "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'").await;
}

async fn create_as(server: &TestServer, name: &str, options: &str) {
    let database = quote::ident(name);
    server.sql("postgres", &format!("CREATE DATABASE {database} {options}")).await;
    let cx = Context::new();
    let session = server.session(name).await;
    session.batch(&cx, SCHEMA).await.expect("the fixture runs");
    if has_trigrams(&session).await {
        let sql = "CREATE EXTENSION pg_trgm SCHEMA public; \
                   CREATE INDEX orders_note ON app.orders USING gin (note public.gin_trgm_ops)";
        session.batch(&cx, sql).await.expect("pg_trgm can be installed");
    }
    let settings = format!(
        "ALTER DATABASE {database} SET search_path TO app, 'Mixed Case', public; \
         ALTER DATABASE {database} SET random_page_cost TO 1.3"
    );
    session.batch(&cx, &settings).await.expect("settings of the database can be set");
    session.batch(&cx, "VACUUM ANALYZE").await.expect("statistics can be gathered");
}

/// Whether the server of this session offers pg_trgm.
pub async fn has_trigrams(session: &Session) -> bool {
    let sql = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'";
    !session.rows(&Context::new(), sql, &[]).await.expect("the catalog can be read").is_empty()
}

/// Adds tables `many.t1` to `many.t500`, each with a primary key and one row.
pub async fn add_500_tables(session: &Session) {
    let sql = "CREATE SCHEMA many; \
               DO $$ BEGIN FOR i IN 1..500 LOOP \
                 EXECUTE format('CREATE TABLE many.t%s (id integer PRIMARY KEY)', i); \
                 EXECUTE format('INSERT INTO many.t%s VALUES (%s)', i, i); \
               END LOOP; END $$";
    session.batch(&Context::new(), sql).await.expect("500 tables can be made");
}

/// Everything that the database holds, one line a fact: the rows of each table as a digest, sequences, indexes, large
/// objects, extensions, settings. Two databases with the same lines hold the same.
pub async fn contents(session: &Session) -> Vec<String> {
    let cx = Context::new();
    let mut facts = Vec::new();
    for sql in FACTS {
        let rows = session.rows(&cx, sql, &[]).await.expect("the catalog can be read");
        facts.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    for row in session.rows(&cx, RELATIONS, &[]).await.expect("the catalog can be read") {
        let (name, sequence): (String, bool) = (row.get(0), row.get(1));
        let digest = if sequence {
            format!("SELECT last_value || ' ' || is_called FROM {name}")
        } else {
            format!("SELECT count(*) || ' ' || coalesce(sum(hashtextextended(r::text, 0)), 0) FROM {name} r")
        };
        let digest = session.text(&cx, &digest, &[]).await.expect("a table can be read");
        facts.push(format!("relation {name}: {digest}"));
    }
    facts
}

const RELATIONS: &str = "SELECT format('%I.%I', n.nspname, c.relname), c.relkind = 'S' \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1";

const FACTS: [&str; 6] = [
    "SELECT format('database %s %s', pg_encoding_to_char(encoding), datcollate) FROM pg_database \
     WHERE datname = current_database()",
    "SELECT format('setting %s=%s', name, setting) FROM pg_settings WHERE name IN ('search_path', 'random_page_cost') \
     ORDER BY 1",
    "SELECT format('extension %s %s', extname, extversion) FROM pg_extension ORDER BY 1",
    "SELECT format('large object %s %s', oid, md5(lo_get(oid))) FROM pg_largeobject_metadata ORDER BY 1",
    "SELECT format('index %s %s', pg_get_indexdef(i.indexrelid), i.indisvalid) FROM pg_index i \
     JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1",
    "SELECT format('not logged %s', oid::regclass) FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r' ORDER BY 1",
];
