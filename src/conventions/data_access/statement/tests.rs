use super::*;
use crate::conventions::query_template;

/// The tables of a text as printed, those that are written with a `!`. Its template has the same.
fn printed(text: &str) -> String {
    assert_eq!(Statement::of(&query_template(text)), Statement::of(text), "{text}");
    let one = |table: &TableUse| format!("{}{}", table.name.printed("shop"), if table.is_written { "!" } else { "" });
    Statement::of(text).tables.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn tables_are_read_behind_their_words() {
    for (text, tables) in [
        ("SELECT * FROM orders", "orders"),
        ("select a from Shop.orders o, stock.items as i where x in (1, y)", "orders stock.items"),
        ("SELECT * FROM t1 LEFT JOIN t2 ON t1.a = t2.a JOIN t3 ON x = y, t4", "t1 t2 t3 t4"),
        ("SELECT * FROM t1 CROSS APPLY t2", "t1 t2"),
        ("SELECT * FROM t1 OUTER APPLY (SELECT * FROM t2)", "t1 t2"),
        ("SELECT a, (SELECT b FROM t1) c FROM t2", "t1 t2"),
        ("SELECT * FROM (SELECT * FROM t1) s, t2 JOIN t3 ON x = y", "t1 t2 t3"),
        ("SELECT * FROM (t1 JOIN t2 ON x = y), t3", "t1 t2 t3"),
        ("SELECT * FROM (t1 UNION SELECT * FROM t2), t3", "t1 t2 t3"),
        ("SELECT * FROM ((t1))", "t1"),
        ("SELECT a FROM t1 UNION ALL SELECT b, c FROM t2 ORDER BY b, c", "t1 t2"),
        ("SELECT * FROM ONLY t1, LATERAL (SELECT * FROM t2) x", "t1 t2"),
        ("SELECT * FROM \"Order Lines\", `my table`, [dbo].[x y]", "order lines my table x y"),
        ("SELECT x FROM schema.table", "schema.table"),
        ("FROM orders", "orders"),
        ("/* update x */ select /*((*/ a from t1 -- from t2", "t1"),
        ("select a from t1 where b = 'from t2' and c = $$ from t3 $$", "t1"),
        ("SELECT * FROM t1; SELECT * FROM t2;;", "t1 t2"),
        ("SELECT * FROM źć7", "źć7"),
        ("SELECT * FROM t1 WHERE id IN (SELECT id FROM t2) FOR UPDATE OF t1, t9", "t1 t2"),
        ("SELECT * FROM t1 a JOIN t2 b USING (id), t3", "t1 t2 t3"),
        ("SELECT * FROM stock..items", "stock.items"),
    ] {
        assert_eq!(printed(text), tables, "{text}");
    }
}

#[test]
fn what_is_no_table_is_none() {
    for (text, tables) in [
        ("SELECT 1", ""),
        ("SELECT 1 FROM dual", ""),
        ("SELECT * FROM generate_series(1, 2) g, t1", "t1"),
        ("SELECT * FROM t1, unnest(x) u", "t1"),
        ("SELECT EXTRACT(DAY FROM created) FROM t1", "t1"),
        ("SELECT TRIM(BOTH 'x' FROM a), SUBSTRING(b FROM 2), POSITION('a' IN b) FROM t1", "t1"),
        ("SELECT * FROM t1 WHERE a IS DISTINCT FROM b AND c IS NOT DISTINCT FROM d", "t1"),
        ("SELECT EXTRACT(DAY FROM (SELECT max(x) FROM t2)) FROM t1", "t2 t1"),
        ("SELECT * FROM #tmp, @rows, t1", "t1"),
        ("SELECT * FROM ?", ""),
        ("SELECT * FROM %s", ""),
        ("SELECT * FROM TABLE", ""),
        ("SELECT * FROM information_schema.tables, pg_catalog.pg_class, sys.objects", ""),
        ("WITH a AS (SELECT * FROM t1), b (x, y) AS NOT MATERIALIZED (SELECT * FROM a) SELECT * FROM b, t2", "t1 t2"),
        ("WITH RECURSIVE a AS (SELECT 1 UNION SELECT n FROM a) SELECT * FROM A JOIN t1 ON x", "t1"),
        ("SELECT * FROM t1 WITH (NOLOCK), t2", "t1 t2"),
        ("select next value in hibernate_sequence", ""),
        ("select delete, insert into, merge, update from t1", "t1"),
        ("call refresh(1)", ""),
        ("VALUES (1), (2)", ""),
        ("and now for something completely different", ""),
        ("{\"find\": \"orders\", \"from\": \"x\"}", ""),
        ("7", ""),
        ("", ""),
    ] {
        assert_eq!(printed(text), tables, "{text}");
    }
}

#[test]
fn tables_are_written_where_a_statement_begins() {
    for (text, tables) in [
        ("INSERT INTO orders (a, b) VALUES (?, ?)", "orders!"),
        ("insert ignore into orders values (?)", "orders!"),
        ("INSERT OR REPLACE INTO orders VALUES (?)", "orders!"),
        ("INSERT orders SELECT a, b FROM t1, t2", "orders! t1 t2"),
        ("INSERT INTO orders SELECT * FROM t1 ON DUPLICATE KEY UPDATE a = 1, b = 2", "orders! t1"),
        ("INSERT INTO orders VALUES (?) ON CONFLICT (id) DO UPDATE SET a = excluded.a, b = 1", "orders!"),
        ("REPLACE INTO orders VALUES (?)", "orders!"),
        ("UPSERT INTO orders VALUES (?)", "orders!"),
        ("UPDATE orders SET a = 1, b = (SELECT c FROM t1)", "orders! t1"),
        ("UPDATE ONLY orders SET a = 1", "orders!"),
        ("UPDATE TOP (5) orders SET a = 1", "orders!"),
        ("UPDATE orders o SET a = 1 FROM items i, t1 WHERE x", "orders! items t1"),
        ("UPDATE orders JOIN items ON x = y SET a = 1, b = 2", "orders! items"),
        ("DELETE FROM orders WHERE id IN (SELECT id FROM t1)", "orders! t1"),
        ("DELETE FROM orders USING t1, t2 WHERE x = y", "orders! t1 t2"),
        ("DELETE o FROM orders o JOIN items i ON x = y", "orders! items"),
        ("DELETE TOP (5) FROM orders", "orders!"),
        ("TRUNCATE TABLE orders", "orders!"),
        ("MERGE INTO orders o USING items i ON (x = y) WHEN MATCHED THEN UPDATE SET a = 1", "orders! items"),
        (
            "MERGE orders USING (SELECT * FROM t1) s ON x WHEN NOT MATCHED THEN INSERT (a, b) VALUES (1, 2)",
            "orders! t1",
        ),
        ("COPY orders (a, b) FROM STDIN", "orders!"),
        ("COPY orders TO STDOUT", ""),
        ("COPY (SELECT * FROM orders) TO STDOUT", "orders"),
        ("WITH a AS (SELECT * FROM t1) INSERT INTO orders SELECT * FROM a", "t1 orders!"),
        ("WITH gone AS (DELETE FROM t1 RETURNING *) INSERT INTO t2 SELECT * FROM gone", "t1! t2!"),
        ("BEGIN BATCH INSERT INTO t1 (a) VALUES (?); UPDATE t2 SET a = ? APPLY BATCH", "t1! t2!"),
        ("EXPLAIN UPDATE orders SET a = 1", "orders!"),
        ("DELETE FROM users USING TIMESTAMP ? WHERE id = ?", "users!"),
        ("DELETE a FROM users USING TTL ? WHERE id = ?", "users!"),
        ("DELETE FROM users USING timestamps WHERE a = b", "users! timestamps"),
        ("INSERT INTO orders SELECT * FROM orders", "orders!"),
        ("insert into db.table where lalala", "db.table!"),
        ("SELECT REPLACE(a, b, c), TRUNCATE(d, 2) FROM orders", "orders"),
        ("SELECT * FROM orders FOR UPDATE", "orders"),
        ("delete from ?", ""),
        ("delete (((", ""),
        ("merge (into )))", ""),
        ("update /*orders", ""),
        ("insert without i-n-t-o", "without!"),
    ] {
        assert_eq!(printed(text), tables, "{text}");
    }
}

#[test]
fn statements_say_what_they_do() {
    for (text, access) in [
        ("SELECT * FROM orders", Some(Access::Read)),
        ("SELECT 1", Some(Access::Read)),
        ("WITH a AS (SELECT 1) SELECT * FROM t1", Some(Access::Read)),
        ("WITH a AS (SELECT 1) UPDATE t1 SET x = 1", Some(Access::Write)),
        ("INSERT INTO outbox VALUES (?)", Some(Access::Write)),
        ("DELETE orders", Some(Access::Write)),
        ("CREATE TABLE orders AS SELECT * FROM t1", Some(Access::Nothing)),
        ("alter table orders add x int", Some(Access::Nothing)),
        ("SHOW TABLES FROM shop", Some(Access::Nothing)),
        ("COMMIT", Some(Access::Nothing)),
        ("EXPLAIN SELECT * FROM orders", Some(Access::Read)),
        ("explain", Some(Access::Nothing)),
        ("something else", None),
        ("", None),
    ] {
        assert_eq!(Statement::of(text).access, access, "{text}");
    }
    assert!(Statement::of("CREATE TABLE orders AS SELECT * FROM t1").tables.is_empty());
}

#[test]
fn some_statements_may_be_repeated() {
    for (text, inserts, is_idempotent) in [
        ("INSERT INTO t VALUES (?)", true, false),
        ("INSERT INTO t VALUES (?) ON CONFLICT DO NOTHING", true, true),
        ("INSERT IGNORE INTO t VALUES (?)", true, true),
        ("INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = 1", true, true),
        ("INSERT INTO t (a) VALUES (?) IF NOT EXISTS", true, true),
        ("MERGE INTO t USING s ON x", false, true),
        ("REPLACE INTO t VALUES (?)", false, true),
        ("UPDATE t SET a = 'ON CONFLICT'", false, false),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", true, false),
        ("MERGE_LOG", false, false),
    ] {
        let statement = Statement::of(text);
        assert_eq!((statement.inserts, statement.is_idempotent), (inserts, is_idempotent), "{text}");
    }
}

/// Nothing that is cut off or no statement at all stops the scan.
#[test]
fn whatever_is_cut_off_is_scanned() {
    let text = "WITH a AS (SELECT * FROM `t1` x, \"t2\") UPDATE [t3] SET b = 'c', d = $q$ e $q$ /* f */ FROM (t4, t5)";
    for end in (0..=text.len()).filter(|&end| text.is_char_boundary(end)) {
        Statement::of(&text[..end]);
    }
    for text in [
        "))))",
        "((((",
        "FROM FROM FROM",
        "DELETE DELETE FROM",
        "COPY",
        "COPY (",
        "UPDATE TOP (",
        "WITH WITH AS (",
        "FROM a.",
        "FROM .a",
        "$",
        "[",
        "FROM a..",
        ",,,;;;",
    ] {
        Statement::of(text);
    }
}
