//! Traces that tell too much, or too little.

/// Traces whose spans give secrets away: what one of them says alone, and what only many say together.
pub(super) fn tells_too_much() -> String {
    let mut lines = String::new();
    for trace in 401..=420 {
        lines += &format!(
            "{trace} 1 0 gate SERVER login 0..100 user.email=ann{trace}@shop.io url=/a?password=hunter{trace}
             {trace} 2 1 gate CLIENT call 10..90 note=bob{}@shop.io number=45391488034364{trace}
             {trace} 3 1 gate INTERNAL help 91..92 note=nothing resource.app.secret=hunter2\n",
            trace % 4,
        );
    }
    lines
}

/// Traces whose messages and bodies are large.
pub(super) fn sends_too_much() -> String {
    let mut lines = String::new();
    for trace in 421..=432 {
        lines += &format!(
            "{trace} 1 0 post SERVER send 0..100 http.response.body.size={trace}0000
             {trace} 2 1 post PRODUCER publish 10..20 messaging.system=kafka messaging.destination.name=letters \
             messaging.message.body.size={trace}000\n"
        );
    }
    lines
}
