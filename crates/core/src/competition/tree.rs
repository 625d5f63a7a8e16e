//! Tables and indexes with their partitions.

use crate::bench::Lab;
use crate::context::Context;
use crate::error::{Error, Result};

/// Bytes of a table, without its indexes, or of an index; with its partitions. `relation` is qualified and quoted.
pub(super) async fn bytes(cx: &Context, lab: &Lab, relation: &str) -> Result<i64> {
    // The partition tree of what is neither partitioned nor a partition is empty.
    let sql = "SELECT (pg_relation_size($1::text::regclass) + coalesce((SELECT sum(pg_relation_size(relid)) \
               FROM pg_partition_tree($1::text::regclass) WHERE relid <> $1::text::regclass), 0))::text";
    number(&lab.session().text(cx, sql, &[Some(relation.to_owned())]).await?)
}

/// Names of an index, qualified and quoted here, and of its parts on the partitions: plans name the parts.
pub(super) async fn index_names(cx: &Context, lab: &Lab, index: &str) -> Result<Vec<String>> {
    let sql = "SELECT to_json(array_agg(relname)) FROM pg_class WHERE oid = $1::text::regclass \
               OR oid IN (SELECT relid FROM pg_partition_tree($1::text::regclass))";
    let names = lab.session().json(cx, sql, &[Some(index.to_owned())]).await?.into_iter().next();
    serde_json::from_value(names.unwrap_or_default())
        .map_err(|e| Error::internal("the names of an index are no list").caused_by(e))
}

/// Reads a number of bytes.
pub(super) fn number(text: &str) -> Result<i64> {
    text.parse().map_err(|e| Error::internal("a size is not a number").with("value", text).caused_by(e))
}
