//! Traces that show how services are cut: two circles, two services that are not worth their network, three without a gateway.

/// Lines of a sample.
pub(super) fn architecture() -> String {
    let mut lines = String::new();
    for trace in 501..=520 {
        lines += &format!(
            "{trace} 1 0 tower SERVER land 0..60 server.address=tower.acme.com
             {trace} 2 1 tower CLIENT wind 2..8
             {trace} 3 2 vane SERVER wind 4..4.5
             {trace} 4 1 tower CLIENT fog 10..18
             {trace} 5 4 lamp SERVER fog 12..12.5
             {trace} 6 1 tower CLIENT query 20..30 db.system=mysql db.namespace=port server.address=h
             {trace} 7 1 tower CLIENT dock 30..58
             {trace} 8 7 quay SERVER dock 31..57 resource.service.version={version}
             {trace} 9 8 quay CLIENT land 32..50
             {trace} 10 9 tower SERVER land 33..49\n",
            version = 1 + trace % 3
        );
    }
    for trace in 521..=532 {
        lines += &format!(
            "{trace} 1 0 crane SERVER lift 0..60 server.address=crane.acme.com
             {trace} 2 1 crane CLIENT move 2..50
             {trace} 3 2 truck SERVER move 4..48
             {trace} 4 3 truck CLIENT lift 5..47
             {trace} 5 4 crane SERVER lift 6..46
             {other} 1 0 ferry SERVER sail 0..60 network.peer.address=8.8.8.8\n",
            other = trace + 12
        );
    }
    lines
}
