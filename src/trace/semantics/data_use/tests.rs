use super::*;
use crate::partial::Named as _;
use crate::trace::sample::Sample;

/// Shows what a span does with data, given its kind, its name without spaces and its attributes.
fn shown(span: &str, show: impl FnOnce(&Sample, &DataUse)) {
    let words: Vec<&str> = span.split_whitespace().collect();
    let sample = Sample::of(&format!("1 1 0 web {} {} 0..9 {}", words[0], words[1], words[2..].join(" ")));
    sample.with_trace(0, 0, |trace| show(&sample, trace.data_use(0)));
}

/// The database, then the tables with `!` for those that are written, and where they were seen.
fn database(span: &str) -> String {
    let mut text = String::new();
    shown(span, |sample, data_use| {
        let name = |symbol: Symbol| sample.semantics.symbols.resolve(symbol).to_owned();
        let database = name(data_use.database);
        let DatabaseName { system, namespace, host } = DatabaseName::of_text(&database);
        let database = if database.is_empty() { database } else { format!("{system}/{namespace}@{host}") };
        let tables = data_use.tables.iter().map(|table| name(table.name) + if table.is_written { "!" } else { "" });
        let seen_in = data_use.seen_in.map_or("", TablesSeenIn::as_str);
        text = format!("{database}|{}|{seen_in}", tables.collect::<Vec<_>>().join(","));
    });
    text
}

/// Names of databases are compared without what writes one name in several ways, and some are nobody else's.
#[test]
fn databases_have_identities() {
    for (span, expected) in [
        ("db.system=postgresql db.namespace=shop server.address=DB-1.prod.local", "postgresql/shop@db-1"),
        ("db.system=PostgreSQL db.name=shop net.peer.name=db-1 server.port=5432", "postgresql/shop@db-1"),
        ("db.system=mysql db.namespace=shop server.address=10.0.0.7", "mysql/shop@10.0.0.7"),
        ("db.system=mysql db.namespace=shop server.address=::7", "mysql/shop@::7"),
        ("db.system=mysql db.namespace=shop", "mysql/shop@"),
        ("db.system=mysql db.namespace=test", ""),
        ("db.system=mysql db.namespace=test server.address=db", "mysql/test@db"),
        ("db.system=mysql server.address=db", ""),
        ("db.system=mysql db.namespace=shop server.address=localhost", ""),
        ("db.system=mysql db.namespace=shop server.address=127.0.0.1", ""),
        ("db.system=sqlite db.namespace=shop server.address=db", ""),
        ("db.system=redis server.address=cache", "redis/0@cache"),
        ("db.system=redis db.namespace=3 server.address=cache", "redis/3@cache"),
        ("db.system=redis db.namespace=3", ""),
        ("db.system=elasticsearch db.namespace=x server.address=es", "elasticsearch/@es"),
        ("db.system=elasticsearch", ""),
        ("db.system=dynamodb server.address=dynamodb.eu.amazonaws.com", "aws.dynamodb/@dynamodb"),
        ("db.system=dynamodb", "aws.dynamodb/@"),
        ("db.system.name=aws.dynamodb", "aws.dynamodb/@"),
    ] {
        assert_eq!(database(&format!("CLIENT query {span}")), format!("{expected}||"), "{span}");
    }
}

/// The first source that names a table counts.
#[test]
fn tables_come_from_the_first_source() {
    let shop = "db.system=postgresql db.namespace=shop server.address=db";
    let named = [
        ("query db.query.text=SELECT/**/1 db.collection.name=orders", "|orders|collection"),
        ("query db.query.text=SELECT/**/a/**/FROM/**/Shop.Orders,/**/stock.items", "|orders,stock.items|query"),
        ("query db.query.text=UPDATE/**/orders/**/SET/**/a=1 db.collection.name=x", "|orders!|query"),
        (
            "query db.query.text=DELETE/**/FROM/**/public.orders/**/WHERE/**/a/**/IN(SELECT/**/a/**/FROM/**/orders)",
            "|orders!|query",
        ),
        ("SELECT db.operation=INSERT db.collection.name=Shop.Orders", "|orders!|collection"),
        ("SELECT db.collection.name=stock.items", "|stock.items|collection"),
        ("find db.query.summary=SELECT db.collection.name=orders", "|orders|collection"),
        ("find db.operation=findAndModify db.collection.name=orders", "|orders!|collection"),
        ("find db.operation=createIndexes db.collection.name=orders", "||"),
        ("query db.collection.name=orders_audit", "||collection"),
        ("query", "||"),
    ];
    for (span, tables) in named {
        let expected = format!("postgresql/shop@db{tables}");
        assert_eq!(database(&format!("CLIENT {span} {shop}")), expected, "{span}");
    }
    let redis = "CLIENT query db.system=redis server.address=cache";
    assert_eq!(database(&format!("{redis} db.operation=GET db.collection.name=x")), "redis/0@cache||");
}

/// What spans do beside using tables.
#[test]
fn spans_say_what_they_change() {
    let marks = |span: &str| {
        let mut text = String::new();
        shown(span, |_, data_use| {
            let marks = [
                (data_use.touches_data, "touches"),
                (data_use.writes_database, "writes"),
                (data_use.writes_by_http, "http"),
                (data_use.publishes, "publishes"),
                (data_use.inserts, "inserts"),
                (data_use.is_idempotent, "idempotent"),
                (data_use.deletes_or_updates, "undoes"),
                (data_use.uses_outbox, "outbox"),
                (data_use.ends == Some(TransactionEnd::Commit), "commit"),
                (data_use.ends == Some(TransactionEnd::Rollback), "rollback"),
                (data_use.has_writing_word, "word"),
            ];
            let marks = marks.iter().filter(|(is_set, _)| *is_set).map(|(_, mark)| *mark);
            text = marks.collect::<Vec<_>>().join(" ");
        });
        text
    };
    for (span, expected) in [
        ("CLIENT q db.system=postgresql db.query.text=SELECT/**/1", ""),
        ("CLIENT q db.system=postgresql db.query.text=SELECT/**/a/**/FROM/**/b", "touches"),
        ("CLIENT Orders.save db.system=postgresql db.query.summary=SELECT␣b", "touches"),
        ("CLIENT Orders.find db.system=postgresql db.query.summary=INSERT␣b", "touches writes inserts"),
        ("CLIENT q db.system=postgresql db.query.summary=SELECT␣a␣DELETE␣b", "touches writes undoes"),
        ("CLIENT q db.system=postgresql db.query.summary=CREATE␣TABLE␣b", ""),
        ("CLIENT save db.system=mongodb db.operation=find db.query.summary=insert␣b", "touches"),
        ("CLIENT q db.system=postgresql db.query.text=INSERT/**/INTO/**/b/**/VALUES(1)", "touches writes inserts"),
        (
            "CLIENT q db.system=postgresql db.query.text=INSERT/**/INTO/**/b/**/VALUES(1)ON/**/CONFLICT/**/DO/**/NOTHING",
            "touches writes inserts idempotent",
        ),
        ("CLIENT q db.system=postgresql db.query.text=DELETE/**/FROM/**/b", "touches writes undoes"),
        ("CLIENT q db.system=postgresql db.query.text=INSERT/**/INTO/**/outbox/**/VALUES(1)", "inserts outbox"),
        (
            "CLIENT q db.system=postgresql db.query.text=INSERT/**/INTO/**/b/**/SELECT/**/a/**/FROM/**/outbox",
            "touches writes inserts outbox",
        ),
        ("CLIENT q db.system=postgresql db.query.text=CREATE/**/TABLE/**/b", ""),
        ("CLIENT q db.system=postgresql", "touches"),
        ("CLIENT COMMIT db.system=postgresql", "commit"),
        ("CLIENT q db.system=postgresql db.operation=ROLLBACK", "rollback"),
        ("CLIENT sql.tx.commit db.system=postgresql", "commit"),
        ("CLIENT sql.tx.rollback db.system=postgresql", "rollback"),
        ("CLIENT q db.system=elasticsearch db.operation=create db.collection.name=b", "touches writes inserts"),
        ("CLIENT q db.system=elasticsearch db.operation=indices.create db.collection.name=b", ""),
        ("CLIENT q db.system=postgresql db.query.text=ROLLBACK/**/TO/**/SAVEPOINT/**/a", ""),
        ("CLIENT q db.system=mongodb db.operation=insertMany db.collection.name=b", "touches writes inserts"),
        ("CLIENT q db.system=mongodb db.operation=findAndModify db.collection.name=b", "touches writes undoes"),
        ("CLIENT b.update db.system=mongodb db.collection.name=b", "touches writes undoes"),
        ("CLIENT q db.system=mongodb db.query.text={\"delete\":\"b\"}", "writes undoes"),
        ("CLIENT q db.system=dynamodb db.operation=PutItem aws.dynamodb.table_names=b", "touches writes inserts"),
        ("CLIENT q db.system=redis db.query.text=SET/**/cart:1", "touches"),
        ("CLIENT q db.system=redis db.query.text=SET/**/session:1", ""),
        ("CLIENT POST http.request.method=POST url.full=http://a/b", "http inserts"),
        ("CLIENT PUT http.request.method=PUT url.full=http://a/reserve-items", "http word"),
        ("CLIENT DELETE http.request.method=DELETE url.full=http://a/reserve", "http"),
        ("CLIENT GET http.request.method=GET url.full=http://a/reserve", ""),
        ("CLIENT q rpc.system=grpc rpc.service=shop.Stock rpc.method=ReserveItems", "word"),
        ("SERVER shop.Stock/AddItem rpc.system=grpc", "word"),
        ("SERVER shop.Stock/GetItem rpc.system=grpc", ""),
        ("PRODUCER q messaging.system=kafka messaging.destination.name=orders", "publishes inserts"),
        (
            "CLIENT q messaging.system=AmazonSQS messaging.destination.name=orders messaging.operation=send",
            "publishes inserts",
        ),
        ("CLIENT q messaging.system=kafka messaging.destination.name=orders messaging.operation=receive", ""),
        ("CONSUMER q messaging.system=kafka messaging.destination.name=orders", ""),
        (
            "CLIENT SNS.Publish rpc.system=aws-api rpc.service=SNS rpc.method=Publish server.address=sns.aws",
            "publishes inserts",
        ),
        ("CLIENT SQS.ReceiveMessage rpc.system=aws-api rpc.service=SQS rpc.method=ReceiveMessage", ""),
        ("CLIENT q rpc.system=grpc rpc.method=Publish", ""),
        ("INTERNAL q", ""),
    ] {
        assert_eq!(marks(span), expected, "{span}");
    }
}

/// Services of one family are told by their names, wherever they occur.
#[test]
fn services_have_families() {
    let sample = Sample::of(
        "1 1 0 orders-api    SERVER a 0..9
         1 2 1 orders-worker SERVER b 1..8
         1 3 2 stock         SERVER c 2..7",
    );
    let symbols = &sample.semantics.symbols;
    let family = |service: &str| symbols.resolve(sample.semantics.family(symbols.get(service).unwrap()));
    assert_eq!(["orders-api", "orders-worker", "stock"].map(family), ["orders", "orders", "stock"]);
}
