//! Traces in which services share tables, write and publish apart, and do not undo what they did.

/// Lines of a sample.
pub(super) fn data() -> String {
    let mut lines = String::new();
    for trace in 401..=412 {
        // Texts hold no spaces here: comments part their words.
        lines += &format!(
            "{trace} 1 0 bakery SERVER bake 0..100
             {trace} 2 1 bakery CLIENT query 10..20 db.system=mysql db.namespace=town server.address=h \
             db.query.text=INSERT/**/INTO/**/bread/**/VALUES(?)
             {trace} 3 1 bakery CLIENT get 20..60
             {trace} 4 3 dairy SERVER milk 21..59
             {trace} 5 4 dairy CLIENT query 30..40 db.system=mysql db.namespace=town server.address=h \
             db.query.text=UPDATE/**/bread/**/SET/**/a=?
             {trace} 6 4 dairy CLIENT query 40..50 db.system=mysql db.namespace=town server.address=h \
             db.query.text=SELECT/**/a/**/FROM/**/flour
             {trace} 7 1 bakery CLIENT query 60..70 db.system=mysql db.namespace=town server.address=h \
             db.query.text=SELECT/**/a/**/FROM/**/flour
             {trace} 8 1 bakery PRODUCER send 70..80 {} messaging.system=kafka messaging.destination.name=bread
             {trace} 9 1 bakery PRODUCER send 80..90 messaging.system=kafka messaging.destination.name=cake
             {trace}0 10 0 guild SERVER found 0..100 ERROR
             {trace}0 11 10 guild CLIENT AddMember 10..20 rpc.system=grpc
             {trace}0 12 11 {} SERVER AddMember 11..19
             {trace}0 13 10 guild CLIENT get 30..40 ERROR
             {trace}0 14 13 hall SERVER rent 31..39 ERROR
             {trace}0 15 10 guild CLIENT get 50..60
             {trace}0 16 15 {} SERVER release 51..59\n",
            if trace % 4 == 0 { "ERROR" } else { "" },
            if trace % 2 == 0 { "smith" } else { "mason" },
            if trace % 5 == 0 { "smith" } else { "baker" },
        );
    }
    lines
}
