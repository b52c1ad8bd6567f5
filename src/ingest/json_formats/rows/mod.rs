//! Rows of tables, as databases and their clients write them as JSON.

pub(crate) mod clickhouse_rows;
pub(crate) mod compact_rows;
pub(crate) mod field_rows;
pub(crate) mod jaeger_cassandra;
pub(crate) mod jaeger_clickhouse;
