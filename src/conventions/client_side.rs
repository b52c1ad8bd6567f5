//! Who asks: whether somebody outside does, by the host that was asked for and by the address at the other end, and whether it is
//! a probe.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::words::WordList;

/// The host that was asked for, in lower case and without port, if it is one that the internet knows: a global IP address, or a
/// name with a dot whose last label is letters, and none of whose labels behind the first is one of `private` ones.
pub(crate) fn public_host(host: &str, private: &WordList) -> Option<String> {
    let name = without_port(host.trim()).trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return is_global(address).then_some(name);
    }
    let mut labels = name.split('.');
    labels.next()?;
    let mut last = None;
    for label in labels {
        let is_private = private.has(label);
        let is_label = !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        if is_private || !is_label {
            return None;
        }
        last = Some(label);
    }
    let is_domain = |label: &str| label.starts_with("xn--") || label.chars().all(char::is_alphabetic);
    last.is_some_and(is_domain).then_some(name)
}

/// 1 if `text` is an address that the internet knows, else 0.
pub(crate) fn public_address(text: &str) -> u64 {
    let text = text.trim();
    let address = text.parse().or_else(|_| without_port(text).trim_matches(['[', ']']).parse());
    u64::from(address.is_ok_and(is_global))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

/// Whether an address can be reached from anywhere (IANA's special-purpose registries; multicast cannot ask for anything).
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| is_global_v6(address), is_global_v4),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    let is_of_protocols = (first, second, third) == (192, 0, 0);
    let is_benchmark = first == 198 && second & 0xfe == 18;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || is_shared
        || is_of_protocols
        || is_benchmark)
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_documentation = (first, second) == (0x2001, 0xdb8) || first & 0xfff0 == 0x3ff0;
    let is_of_protocols = first == 0x2001 && second < 0x200;
    // Global unicast addresses are those of 2000::/3.
    first & 0xe000 == 0x2000 && !is_documentation && !is_of_protocols
}

/// Parts of user agents of health checks and monitors, in lower case.
const PROBES: [&str; 24] = [
    "kube-probe",
    "googlehc",
    "elb-healthchecker",
    "amazon-route53-health-check",
    "azure traffic manager",
    "load balancer agent",
    "cloudfront-health",
    "envoy/hc",
    "consul health check",
    "consul-health-check",
    "healthcheck",
    "health-check",
    "health check",
    "prometheus/",
    "blackbox",
    "uptimerobot",
    "uptime-kuma",
    "pingdom",
    "statuscake",
    "site24x7",
    "betteruptime",
    "check_http",
    "newrelicpinger",
    "datadogsynthetics",
];

/// 1 if a user agent is a health check's or a monitor's, else 0.
pub(crate) fn probe(user_agent: &str) -> u64 {
    let user_agent = user_agent.to_ascii_lowercase();
    u64::from(PROBES.iter().any(|part| user_agent.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::Lists;

    #[test]
    fn hosts_that_the_internet_knows_are_public() {
        for (host, expected) in [
            ("shop.acme.com", Some("shop.acme.com")),
            ("Shop.Acme.COM.:8443", Some("shop.acme.com")),
            ("acme.io", Some("acme.io")),
            ("svc.acme.io", Some("svc.acme.io")),
            ("münchen.xn--p1ai", Some("münchen.xn--p1ai")),
            ("8.8.8.8:80", Some("8.8.8.8")),
            ("[2606:4700::1]:443", Some("[2606:4700::1]")),
            ("orders", None),
            ("localhost:8080", None),
            ("orders.shop.svc.cluster.local", None),
            ("orders.shop.svc", None),
            ("10-0-0-7.shop.pod", None),
            ("ip-10-0-0-7.eu-west-1.compute.internal", None),
            ("app.example.com", None),
            ("orders.v2", None),
            ("10.0.0.7", None),
            ("192.0.2.7", None),
            ("::1", None),
            ("a..com", None),
            (".", None),
            ("", None),
        ] {
            assert_eq!(public_host(host, &Lists::default().private_labels).as_deref(), expected, "{host}");
        }
    }

    #[test]
    fn global_addresses_are_public() {
        for address in
            ["8.8.8.8", "100.63.0.1", "172.32.0.1", "8.8.8.8:51234", "2606:4700::1111", "::ffff:8.8.8.8", " 9.9.9.9 "]
        {
            assert_eq!(public_address(address), 1, "{address}");
        }
        for address in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "203.0.113.9",
            "198.18.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "fe80::1",
            "fc00::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "web",
            "",
        ] {
            assert_eq!(public_address(address), 0, "{address}");
        }
    }

    #[test]
    fn probes_are_known_by_their_user_agents() {
        for (user_agent, expected) in [
            ("kube-probe/1.29", 1),
            ("GoogleHC/1.0", 1),
            ("ELB-HealthChecker/2.0", 1),
            ("Mozilla/5.0", 0),
            ("curl/8.5", 0),
            ("", 0),
        ] {
            assert_eq!(probe(user_agent), expected, "{user_agent}");
        }
    }
}
