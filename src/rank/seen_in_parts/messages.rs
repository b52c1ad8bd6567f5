//! Messages that lag, come out of order, come twice, and cannot be processed.

/// Traces of two topics each of which has all of it.
pub(super) fn messages() -> String {
    let mut lines = String::new();
    for (topic, first) in [("t1", 701u64), ("t2", 801)] {
        // In the order of traces times go back and forth.
        let destination = format!("messaging.system=kafka messaging.destination.name={topic}");
        for number in 0..32 {
            let (trace, sent) = (first + number, (number * 7 % 32) * 1_000);
            let start = sent + 100 + sent * sent / 20_000;
            lines += &format!(
                "{trace} 1 0 mill PRODUCER send {sent}..{} {destination}
                 {trace} 2 1 post CONSUMER process {start}..{} {destination} messaging.message.id=message-{number}\n",
                sent + 10,
                start + 50,
            );
        }
        // Processed again a second later, or for the third time in vain.
        for number in 0..12 {
            let (trace, again) = (first + 40 + number, number >= 6);
            let (id, at) = (number % 6, if again { 60_000 } else { 50_000 } + number * 10);
            lines += &format!(
                "{trace} 1 0 bank CONSUMER process {at}..{} {destination} messaging.message.id=transfer-{id}
                 {trace} 2 1 bank CLIENT insert {at}..{} db.system=postgresql db.namespace=bank db.statement=INSERT
                 {trace} 3 0 hall CONSUMER process {at}..{} ERROR {destination} messaging.message.id=transfer-{}
                 {trace} 4 0 yard CONSUMER process {at}..{} {destination} messaging.destination.partition.id=0 \
                 messaging.kafka.offset={} messaging.kafka.message.key=k resource.host.name=y\n",
                at + 9,
                at + 8,
                at + 9,
                number % 3,
                at + 60,
                if number % 2 == 0 { number + 1 } else { number - 1 },
            );
        }
    }
    lines
}
