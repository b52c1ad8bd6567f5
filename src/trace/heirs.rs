//! What spans without a service name reach, where that depends on the service that they belong to: whose loopback host it is,
//! and whether a peer name is the caller's own.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::frame::{Signature, SignatureId, Symbol, Symbols};
use crate::span::UNKNOWN_SERVICE;

use super::target::{Attributes, Services, Target};

/// Targets of spans without a service name by the service that they belong to, where they are others than those of spans that
/// belong to none.
#[derive(Debug, Default)]
pub(super) struct TargetsOfHeirs {
    /// Where a peer name is that of the service.
    by_peer_name: HashMap<(SignatureId, Symbol), Target, FixedState>,
    /// Names of loopback hosts, by the name that they have where the service is not known.
    loopback: HashMap<(Symbol, Symbol), Symbol, FixedState>,
}

/// Stands for the caller in the name of a loopback host. No service is called so.
const ANY_CALLER: &str = "\0";

impl TargetsOfHeirs {
    /// Works out those of `signatures`, whose targets are `known`.
    pub(super) fn find(
        signatures: &[Signature],
        known: impl Fn(SignatureId) -> Target,
        input: &Symbols,
        services: &Services,
        symbols: &mut Symbols,
    ) -> Self {
        let mut targets = Self::default();
        let Some(unknown_service) = input.get(UNKNOWN_SERVICE) else { return targets };
        if services.len() < 2 {
            return targets;
        }
        let mut loopback: HashSet<Symbol, FixedState> = HashSet::default();
        for (id, signature) in (0..).map(SignatureId).zip(signatures) {
            if signature.service != unknown_service {
                continue;
            }
            let attributes = Attributes { symbols: input, signature };
            let class = attributes.class();
            for peer in attributes.peer_names() {
                if let Some(service) = input.get(peer) {
                    let (name, kind) = attributes.target(class, services, peer);
                    let target = Target { name: symbols.intern(&name), kind };
                    targets.by_peer_name.insert((id, service), target);
                }
            }
            let (name, _) = attributes.target(class, services, ANY_CALLER);
            if name.contains(ANY_CALLER) && loopback.insert(known(id).name) {
                for (service, symbol) in services.values().flatten() {
                    let of_service = symbols.intern(&name.replace(ANY_CALLER, service));
                    targets.loopback.insert((known(id).name, *symbol), of_service);
                }
            }
        }
        targets
    }

    /// The same with other numbers of strings.
    pub(super) fn renumbered(self, renumbered: &[Symbol]) -> Self {
        let new = |symbol: Symbol| renumbered[symbol.index()];
        let by_peer_name = self.by_peer_name.into_iter().map(|((signature, service), Target { name, kind })| {
            ((signature, new(service)), Target { name: new(name), kind })
        });
        let loopback = self.loopback.into_iter().map(|((name, service), own)| ((new(name), new(service)), new(own)));
        Self { by_peer_name: by_peer_name.collect(), loopback: loopback.collect() }
    }

    /// What a span of `signature` reaches if it belongs to `service`. `unknown` is what it reaches if that is not known.
    pub(super) fn get(&self, signature: SignatureId, service: Symbol, unknown: Target) -> Target {
        let loopback = || Some(Target { name: *self.loopback.get(&(unknown.name, service))?, ..unknown });
        self.by_peer_name.get(&(signature, service)).copied().or_else(loopback).unwrap_or(unknown)
    }
}
