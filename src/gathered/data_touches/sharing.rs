//! What is shared of a database, and whether that may be meant so.

use std::collections::BTreeMap;

use crate::conventions::{DatabaseName, FindingKind, Lists, service_family};
use crate::findings::{Example, TraceCount};
use crate::frame::{Symbol, Symbols};
use crate::partial::Named as _;
use crate::trace::{TablesSeenIn, total_ns};

use super::{DataTouches, SEEN_IN, Touched, Touching};

/// A row: a table that services of several families touch, or a database without such tables that they share.
pub(crate) struct Sharing {
    /// The database as printed, and the table; an empty one for the database.
    pub(crate) key: [Symbol; 2],
    /// Several writers, a foreign reader, a common reader or the same schema.
    pub(crate) kind: FindingKind,
    /// The service that writes most, then calls most.
    pub(crate) owner: Symbol,
    /// Services that write, and those that never do, by name.
    pub(crate) writers: Vec<Symbol>,
    pub(crate) readers: Vec<Symbol>,
    /// Families of these.
    pub(crate) families: u64,
    /// All calls, those that write, and those of other families than the owner's.
    pub(crate) calls: u64,
    pub(crate) writes: u64,
    pub(crate) foreign_calls: u64,
    /// Traces with calls, and those with calls of several families.
    pub(crate) traces: TraceCount,
    pub(crate) joint_traces: u64,
    /// Where most calls name tables.
    pub(crate) seen_in: Option<TablesSeenIn>,
    /// What is known of the database ([`DatabaseName::identity`]), and whether that is its host.
    pub(crate) identity: &'static str,
    pub(crate) has_host: bool,
    /// Path time of the calls in ns.
    pub(crate) critical_ns: i64,
    /// The service of the example, and the example.
    pub(crate) example: (Symbol, Example),
}

impl Sharing {
    /// All services, by name.
    pub(crate) fn services(&self) -> Vec<Symbol> {
        let mut services: Vec<Symbol> = self.writers.iter().chain(&self.readers).copied().collect();
        services.sort_unstable();
        services
    }
}

impl DataTouches {
    /// What is shared of all databases, in the order of the keys.
    pub(crate) fn sharings(&self, symbols: &Symbols, lists: &Lists) -> Vec<Sharing> {
        sharings(self, symbols, lists)
    }
}

fn sharings(touches: &DataTouches, symbols: &Symbols, lists: &Lists) -> Vec<Sharing> {
    let mut databases: BTreeMap<Symbol, BTreeMap<Symbol, &Touched>> = BTreeMap::new();
    for (&[database, table], touched) in &touches.places {
        databases.entry(database).or_default().insert(table, touched);
    }
    let mut families = Families { symbols, lists, known: BTreeMap::new() };
    let mut sharings: Vec<Sharing> = Vec::new();
    for (database, tables) in databases {
        let name = DatabaseName::of_text(symbols.resolve(database));
        let Some(&all) = tables.get(&Symbol::EMPTY) else { continue };
        let printed = all.spelling();
        let shared: Vec<(Symbol, &Touched)> = tables
            .iter()
            .filter(|(table, touched)| !table.is_empty() && families.are_several(touched))
            .map(|(&table, &touched)| (table, touched))
            .collect();
        for &(table, touched) in &shared {
            sharings.extend(sharing_of(&mut families, &name, [printed, table], touched));
        }
        let shares_schema = shared.is_empty()
            && name.has_schema()
            && families.are_several(all)
            && !families.have_schemas_of_their_own(all, &tables);
        if shares_schema {
            sharings.extend(sharing_of(&mut families, &name, [printed, Symbol::EMPTY], all));
        }
    }
    sharings.sort_by_key(|sharing| sharing.key);
    sharings
}

/// Families of services.
struct Families<'a> {
    symbols: &'a Symbols,
    lists: &'a Lists,
    known: BTreeMap<Symbol, String>,
}

impl Families<'_> {
    fn of(&mut self, service: Symbol) -> String {
        let name = || service_family(self.symbols.resolve(service), &self.lists.names.role_words);
        self.known.entry(service).or_insert_with(name).clone()
    }

    /// How many families services are of.
    fn count<'t>(&mut self, services: impl Iterator<Item = &'t Touching>) -> usize {
        let mut families: Vec<String> = services.map(|touching| self.of(touching.service)).collect();
        families.sort_unstable();
        families.dedup();
        families.len()
    }

    fn are_several(&mut self, touched: &Touched) -> bool {
        touched.services.len() > 1 && self.count(touched.services.iter()) > 1
    }

    /// Whether every family of a database has tables, all of them qualified, and none with a qualifier of another's.
    fn have_schemas_of_their_own(&mut self, all: &Touched, tables: &BTreeMap<Symbol, &Touched>) -> bool {
        let mut owners: BTreeMap<&str, String> = BTreeMap::new();
        for (&table, touched) in tables.iter().filter(|(table, _)| !table.is_empty()) {
            let Some((qualifier, _)) = self.symbols.resolve(table).rsplit_once('.') else { return false };
            for touching in &touched.services {
                let family = self.of(touching.service);
                if *owners.entry(qualifier).or_insert_with(|| family.clone()) != family {
                    return false;
                }
            }
        }
        all.services.iter().all(|touching| {
            let family = self.of(touching.service);
            owners.values().any(|owner| *owner == family)
        })
    }
}

/// The row of what services of several families touch; none if that is what it is made for.
fn sharing_of(
    families: &mut Families<'_>,
    name: &DatabaseName<'_>,
    key: [Symbol; 2],
    touched: &Touched,
) -> Option<Sharing> {
    let services = &touched.services;
    let owner = services
        .iter()
        .max_by_key(|touching| (touching.writes, touching.calls, std::cmp::Reverse(touching.service)))?
        .service;
    let own_family = families.of(owner);
    let foreign: Vec<&Touching> =
        services.iter().filter(|touching| families.of(touching.service) != own_family).collect();
    let writing = families.count(services.iter().filter(|touching| touching.writes > 0));
    let Families { symbols, lists, .. } = *families;
    let is_reporting = |touching: &&Touching| lists.reporting_words.has_word_of(symbols.resolve(touching.service));
    if writing < 2 && foreign.iter().all(is_reporting) {
        return None;
    }
    let kind = match (key[1].is_empty(), writing) {
        (true, _) => FindingKind::SameSchema,
        (false, 0) if name.is_key_value() => return None,
        (false, 0) => FindingKind::CommonReader,
        (false, 1) => FindingKind::ForeignReader,
        (false, _) => FindingKind::SeveralWriters,
    };
    let by_name = |writes: bool| {
        let mut names: Vec<Symbol> = services
            .iter()
            .filter(|touching| (touching.writes > 0) == writes)
            .map(|touching| touching.service)
            .collect();
        names.sort_unstable();
        names
    };
    let first = |example: fn(&Touching) -> Option<&Example>| {
        let examples = foreign.iter().filter_map(|touching| Some((touching.service, example(touching)?)));
        examples
            .min_by_key(|(service, example)| (example.order(), *service))
            .map(|(service, example)| (service, example.clone()))
    };
    let example =
        first(|touching| touching.first_write.as_ref()).or_else(|| first(|touching| Some(&touching.first_call)))?;
    let sum = |count: fn(&Touching) -> u64| services.iter().map(count).sum::<u64>();
    let mut seen_in = [0u64; SEEN_IN];
    for touching in services {
        seen_in.iter_mut().zip(touching.seen_in).for_each(|(all, own)| *all += own);
    }
    let most = (0..SEEN_IN).max_by_key(|&source| (seen_in[source], std::cmp::Reverse(source)));
    Some(Sharing {
        key,
        kind,
        owner,
        writers: by_name(true),
        readers: by_name(false),
        families: families.count(services.iter()) as u64,
        calls: sum(|touching| touching.calls),
        writes: sum(|touching| touching.writes),
        foreign_calls: foreign.iter().map(|touching| touching.calls).sum(),
        traces: touched.traces,
        joint_traces: touched.joint_traces,
        seen_in: most.filter(|&source| seen_in[source] > 0).map(|source| TablesSeenIn::ALL[source]),
        identity: name.identity(),
        has_host: !name.host.is_empty(),
        critical_ns: total_ns(services.iter().map(|touching| touching.critical_ns)),
        example,
    })
}
