//! What spans of a signature do with data, if they are calls: the database and the tables that they use, whether they change
//! something, publish a message or end a transaction.
//!
//! Texts of statements are read here and nowhere else, once a signature; detectors ask by signature
//! ([`Semantics::data_use`](super::Semantics::data_use)).

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSlice as _;

use crate::conventions::{
    Access, Attribute, DatabaseName, Lists, NameLists, Statement, SystemKind, TableUse, WordList, access_of_operation,
    creates_document, is_insert, is_one_of, key_prefix, key_value_access, listed_tables, service_family,
    tables_of_name, tables_of_summary, verb_of_summary, words,
};
use crate::frame::{Signature, SignatureId, Symbol, Symbols, Vocabulary};
use crate::partial::named;
use crate::trace::messages::MessageRole;
use crate::trace::target::{Attributes, Class};

use super::SpanSemantics;

named! {
    /// Where the tables of a call are named.
    pub(crate) enum TablesSeenIn {
        /// In an attribute of their own.
        Collection = "collection",
        /// In the span's name.
        Name = "name",
        /// In the query text.
        Query = "query",
        /// In the summary of the query.
        Summary = "summary",
    }
}

/// How a transaction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TransactionEnd {
    Commit,
    Rollback,
}

/// A table that a call uses, with data of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UsedTable {
    /// The name as printed.
    pub(crate) name: Symbol,
    /// Whether it is written.
    pub(crate) is_written: bool,
}

/// What spans of a signature do with data, if they are calls. Whether they are counted and what they answered is said elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataUse {
    /// The database ([`DatabaseName`]): equal ones are one, whatever their spelling. Empty if there is none, or none that others
    /// could use too.
    pub(crate) database: Symbol,
    /// Where the tables are named; `None` if no table is.
    pub(crate) seen_in: Option<TablesSeenIn>,
    /// The tables, infrastructure left out.
    pub(crate) tables: Box<[UsedTable]>,
    /// Whether it uses data that belongs to a service.
    pub(crate) touches_data: bool,
    /// Whether it is a call of a database at all.
    pub(crate) is_of_database: bool,
    /// Whether the database is a key-value system.
    pub(crate) is_key_value: bool,
    /// Whether it only reads from a database that is no key-value system.
    pub(crate) reads_database: bool,
    /// Whether it writes to a database that is no key-value system, and not only infrastructure.
    pub(crate) writes_database: bool,
    /// Whether it is an HTTP request that changes something at whoever answers it.
    pub(crate) writes_by_http: bool,
    /// Whether it publishes a message.
    pub(crate) publishes: bool,
    /// Whether to do it twice is as good as once, as far as its text says.
    pub(crate) is_idempotent: bool,
    /// Whether it adds something that was not there.
    pub(crate) inserts: bool,
    /// Whether it deletes or updates rows.
    pub(crate) deletes_or_updates: bool,
    /// Whether it puts something into an outbox, or takes it out.
    pub(crate) uses_outbox: bool,
    /// Whether it ends a transaction, and how.
    pub(crate) ends: Option<TransactionEnd>,
    /// Whether the word that its RPC method or path begins with says that something is changed.
    pub(crate) has_writing_word: bool,
}

/// What all signatures do with data, and which services are one in the sense of ownership.
#[derive(Debug)]
pub(super) struct DataUses {
    /// Places in `uses` by signature; 0 for those that do nothing with data.
    places: Vec<u32>,
    /// The first does nothing.
    uses: Vec<DataUse>,
    families: HashMap<Symbol, Symbol, FixedState>,
}

/// Nothing was asked for: no signature does anything.
impl Default for DataUses {
    fn default() -> Self {
        Self { places: Vec::new(), uses: vec![DataUse::default()], families: HashMap::default() }
    }
}

/// So many signatures are one piece of work.
const SIGNATURES_OF_PIECE: usize = 1 << 8;

impl DataUses {
    /// Works out those of `signatures`, of which `semantics` say the rest.
    pub(super) fn find(
        signatures: &[Signature],
        semantics: &[SpanSemantics],
        vocabulary: &Vocabulary,
        lists: &Lists,
        symbols: &mut Symbols,
    ) -> Self {
        let input = &vocabulary.symbols;
        // As all that is worked out of texts, by piece with strings of its own.
        let pieces: Vec<(Vec<Option<DataUse>>, Symbols)> = signatures
            .par_chunks(SIGNATURES_OF_PIECE)
            .zip(semantics.par_chunks(SIGNATURES_OF_PIECE))
            .map(|(signatures, semantics)| {
                let mut derived = Symbols::default();
                let mut use_of = |(signature, semantics): (&Signature, &SpanSemantics)| {
                    let publishes = semantics.messaging.role == MessageRole::Publish;
                    data_use_of(&Attributes { symbols: input, signature }, publishes, lists, &mut derived)
                };
                (signatures.iter().zip(semantics).map(&mut use_of).collect(), derived)
            })
            .collect();
        let mut found = Self { places: Vec::with_capacity(signatures.len()), ..Self::default() };
        for (uses, derived) in pieces {
            let joined = symbols.absorb(&derived);
            for data_use in uses {
                found.places.push(data_use.as_ref().map_or(0, |_| found.uses.len() as u32));
                found.uses.extend(data_use.map(|data_use| data_use.renumbered(&joined)));
            }
        }
        let services = signatures.iter().map(|signature| signature.service);
        let family = |service| service_family(input.resolve(service), &lists.names.role_words);
        for service in services.chain(vocabulary.other_services.iter().copied()) {
            found.families.entry(service).or_insert_with(|| symbols.intern(&family(service)));
        }
        found
    }

    /// The same with other numbers of strings.
    pub(super) fn renumbered(self, renumbered: &[Symbol]) -> Self {
        let new = |symbol: Symbol| renumbered[symbol.index()];
        Self {
            places: self.places,
            uses: self.uses.into_iter().map(|data_use| data_use.renumbered(renumbered)).collect(),
            families: self.families.into_iter().map(|(service, family)| (new(service), new(family))).collect(),
        }
    }

    /// That of a signature.
    pub(super) fn get(&self, signature: SignatureId) -> &DataUse {
        &self.uses[self.places.get(signature.index()).map_or(0, |&place| place as usize)]
    }

    /// The family of a service of the input.
    pub(super) fn family(&self, service: Symbol) -> Symbol {
        self.families.get(&service).copied().unwrap_or(service)
    }
}

impl DataUse {
    fn renumbered(mut self, renumbered: &[Symbol]) -> Self {
        let Self { database, tables, .. } = &mut self;
        let of_tables = tables.iter_mut().map(|table| &mut table.name);
        for symbol in [database].into_iter().chain(of_tables) {
            *symbol = renumbered[symbol.index()];
        }
        self
    }
}

/// That of a signature, if it does anything with data.
fn data_use_of(attributes: &Attributes<'_>, publishes: bool, lists: &Lists, symbols: &mut Symbols) -> Option<DataUse> {
    let says_write = |operation| begins_with_word_of(operation, &lists.writing_words);
    let class = attributes.class();
    let mut data_use = match class {
        Class::Database => use_of_database(attributes, &lists.names, symbols),
        Class::Http => use_of_http(attributes, &lists.writing_words),
        Class::Rpc => DataUse { has_writing_word: says_write(rpc_method(attributes)), ..DataUse::default() },
        Class::Messaging | Class::Faas | Class::GenAi | Class::Other => DataUse::default(),
    };
    data_use.publishes = publishes;
    data_use.inserts |= publishes;
    let DataUse { is_of_database, writes_by_http, has_writing_word, .. } = data_use;
    (is_of_database || writes_by_http || publishes || has_writing_word).then_some(data_use)
}

/// What a database call of SQL or of a document store may say of itself, in the order in which it is asked.
struct Said<'a> {
    text: Option<&'a str>,
    operation: Option<&'a str>,
    summary: Option<&'a str>,
    name: &'a str,
}

impl<'a> Said<'a> {
    /// What the call does, as far as one word says.
    fn access(&self) -> Option<Access> {
        self.words().find_map(access_of_operation)
    }

    /// The operation, or the words that may be it.
    fn words(&self) -> impl Iterator<Item = &'a str> {
        let last = self.name.rsplit(|c: char| !is_of_operation(c)).find(|word| !word.is_empty());
        let verbs = [self.text.and_then(first_word), self.summary.and_then(verb_of_summary)];
        let of_name = [first_word(self.name), last];
        self.operation.into_iter().chain(verbs.into_iter().chain(of_name).flatten())
    }

    /// The word that says what the call does.
    fn verb(&self) -> &'a str {
        self.words().find(|word| access_of_operation(word).is_some()).unwrap_or_default()
    }
}

fn is_of_operation(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn first_word(text: &str) -> Option<&str> {
    text.split(|c: char| !is_of_operation(c)).find(|word| !word.is_empty())
}

fn use_of_database(attributes: &Attributes<'_>, names: &NameLists, symbols: &mut Symbols) -> DataUse {
    use Attribute as A;
    let system = attributes.get(A::DbSystem).unwrap_or_default();
    let kind = SystemKind::of(system);
    let name = attributes.symbols.resolve(attributes.signature.name);
    let said = Said {
        text: attributes.get(A::DbQueryText),
        operation: attributes.get(A::DbOperation),
        summary: attributes.get(A::DbQuerySummary),
        name,
    };
    let mut data_use =
        DataUse { is_of_database: true, is_key_value: kind == SystemKind::KeyValue, ..DataUse::default() };
    if let Some(database) = database_of(attributes, system, kind, names) {
        data_use.database = symbols.intern(&database);
    }
    if kind == SystemKind::KeyValue {
        let command = said.text.and_then(first_word).or(said.operation).or_else(|| first_word(name));
        let is_written =
            command.is_some_and(|command| key_value_access(command, &names.reading_commands) == Access::Write);
        let table = said
            .text
            .and_then(|text| key_prefix(text, &names.common_key_prefixes))
            .map(|table| TableUse { is_written, ..table });
        data_use.take_tables(table.map(|table| (TablesSeenIn::Query, vec![table])), "", names, symbols);
        data_use.touches_data = !data_use.tables.is_empty();
        return data_use;
    }

    let statement = said.text.map(Statement::of).unwrap_or_default();
    let creates_document = said.words().next().is_some_and(|word| creates_document(system, word));
    let access = creates_document.then_some(Access::Write).or(statement.access).or_else(|| said.access());
    let namespace = match kind {
        SystemKind::WithoutNamespaces { .. } => "",
        _ => attributes.get(A::DbNamespace).unwrap_or_default(),
    };
    let tables = tables_of(attributes, &said, &statement, access);
    let names_table = tables.is_some();
    let writes_infrastructure_alone =
        data_use.take_tables(tables.filter(|_| access != Some(Access::Nothing)), namespace, names, symbols);
    let verb = said.verb().to_ascii_lowercase();
    data_use.touches_data = match names_table {
        true => !data_use.tables.is_empty(),
        false => said.text.is_none() && access != Some(Access::Nothing),
    };
    data_use.reads_database = access == Some(Access::Read);
    data_use.writes_database = access == Some(Access::Write) && !writes_infrastructure_alone;
    data_use.inserts = statement.inserts || creates_document || is_insert(&verb);
    data_use.is_idempotent = statement.is_idempotent;
    data_use.deletes_or_updates = access == Some(Access::Write)
        && (["delete", "remove", "update", "findandmodify", "findoneand"].iter().any(|word| verb.starts_with(word)));
    data_use.ends = transaction_end(&said);
    data_use
}

impl DataUse {
    /// Takes the tables that are no infrastructure. The answer is whether others are all that is written.
    fn take_tables(
        &mut self,
        tables: Option<(TablesSeenIn, Vec<TableUse>)>,
        namespace: &str,
        names: &NameLists,
        symbols: &mut Symbols,
    ) -> bool {
        let Some((seen_in, tables)) = tables else { return false };
        let (mut writes_infrastructure, mut writes_data) = (false, false);
        let mut kept: Vec<UsedTable> = Vec::new();
        for TableUse { name, is_written } in tables {
            let name = name.printed(namespace);
            self.uses_outbox |= names.is_outbox(&name);
            if names.is_infrastructure(&name) {
                writes_infrastructure |= is_written;
                continue;
            }
            writes_data |= is_written;
            let name = symbols.intern(&name);
            // A text may name one table with and without what qualifies it.
            match kept.iter_mut().find(|table| table.name == name) {
                Some(known) => known.is_written |= is_written,
                None => kept.push(UsedTable { name, is_written }),
            }
        }
        self.seen_in = Some(seen_in);
        self.tables = kept.into_boxed_slice();
        writes_infrastructure && !writes_data
    }
}

/// The database that others may use too: equal texts are one. None of a system that is part of the process, of a loopback host,
/// and where what is recorded says too little.
fn database_of(attributes: &Attributes<'_>, system: &str, kind: SystemKind, names: &NameLists) -> Option<String> {
    let host = attributes.database_host();
    if kind == SystemKind::Embedded || host.as_ref().is_some_and(|host| host.is_loopback()) {
        return None;
    }
    let recorded = attributes.get(Attribute::DbNamespace);
    let (namespace, says_enough) = match kind {
        SystemKind::WithoutNamespaces { is_one_for_all } => ("", is_one_for_all),
        SystemKind::KeyValue => (recorded.unwrap_or("0"), !names.everybody_has(recorded.unwrap_or("0"))),
        SystemKind::WithNamespaces | SystemKind::Embedded => (recorded?, !names.everybody_has(recorded?)),
    };
    if host.is_none() && !says_enough {
        return None;
    }
    let (system, host) =
        (current_name(&system.to_ascii_lowercase()).to_owned(), host.map(|host| host.short_name()).unwrap_or_default());
    Some(DatabaseName { system: &system, namespace, host: &host }.text())
}

/// The name that the semantic conventions give a database system today, of one that they have renamed.
fn current_name(system: &str) -> &str {
    match system {
        "postgres" => "postgresql",
        "mssql" => "microsoft.sql_server",
        "oracle" => "oracle.db",
        "db2" => "ibm.db2",
        "redshift" => "aws.redshift",
        "dynamodb" => "aws.dynamodb",
        "cosmosdb" => "azure.cosmosdb",
        "spanner" => "gcp.spanner",
        "informix" => "ibm.informix",
        "netezza" => "ibm.netezza",
        "hanadb" => "sap.hana",
        "maxdb" => "sap.maxdb",
        "adabas" => "softwareag.adabas",
        "firebird" => "firebirdsql",
        system => system,
    }
}

/// The tables of a call of a database with tables, from the first source that names any.
fn tables_of(
    attributes: &Attributes<'_>,
    said: &Said<'_>,
    statement: &Statement,
    access: Option<Access>,
) -> Option<(TablesSeenIn, Vec<TableUse>)> {
    let is_written = access == Some(Access::Write);
    let sources: [(TablesSeenIn, &dyn Fn() -> Vec<TableUse>); 4] = [
        (TablesSeenIn::Query, &|| statement.tables.clone()),
        (TablesSeenIn::Summary, &|| said.summary.map(tables_of_summary).unwrap_or_default()),
        (TablesSeenIn::Collection, &|| {
            let listed = attributes.get(Attribute::DbCollection);
            listed.map(|listed| listed_tables(listed, is_written)).unwrap_or_default()
        }),
        (TablesSeenIn::Name, &|| tables_of_name(said.name)),
    ];
    let found = sources.into_iter().map(|(seen_in, tables)| (seen_in, tables()));
    found.into_iter().find(|(_, tables)| !tables.is_empty())
}

/// How a call ends a transaction, if it does. What goes back to a savepoint ends none.
fn transaction_end(said: &Said<'_>) -> Option<TransactionEnd> {
    let text = said.text.unwrap_or(said.name);
    let mut of_text = text.split(|c: char| !is_of_operation(c)).filter(|word| !word.is_empty());
    let verb = match said.text {
        // Go's names begin with what they are of: `sql.tx.commit`.
        None if said.name.starts_with("sql.") => of_text.by_ref().last(),
        _ => of_text.next(),
    };
    if of_text.next().is_some_and(|word| is_one_of(word, &["to"])) {
        return None;
    }
    let said = [verb, said.operation];
    let says = |listed: &[&str]| said.into_iter().flatten().any(|word| is_one_of(word, listed));
    if says(&["commit", "committransaction"]) {
        Some(TransactionEnd::Commit)
    } else if says(&["rollback", "aborttransaction"]) {
        Some(TransactionEnd::Rollback)
    } else {
        None
    }
}

fn use_of_http(attributes: &Attributes<'_>, writing_words: &WordList) -> DataUse {
    let method = attributes.http_method().unwrap_or_default();
    let method = method.as_str();
    let name = attributes.symbols.resolve(attributes.signature.name);
    let path = [Attribute::UrlTemplate, Attribute::HttpRoute, Attribute::UrlPath];
    let path = path.into_iter().find_map(|path| attributes.get(path)).unwrap_or(name);
    let segment = path.trim_end_matches('/').rsplit(['/', ' ']).next().unwrap_or_default();
    DataUse {
        writes_by_http: matches!(method, "POST" | "PUT" | "PATCH" | "DELETE"),
        inserts: matches!(method, "POST" | "PATCH"),
        has_writing_word: matches!(method, "POST" | "PUT" | "PATCH") && begins_with_word_of(segment, writing_words),
        ..DataUse::default()
    }
}

/// The method of an RPC without package and service.
fn rpc_method<'a>(attributes: &Attributes<'a>) -> &'a str {
    let name = attributes.symbols.resolve(attributes.signature.name);
    let method = attributes.get(Attribute::RpcMethod).unwrap_or(name);
    method.rsplit(['/', '.', ' ']).next().unwrap_or_default()
}

fn begins_with_word_of(operation: &str, listed: &WordList) -> bool {
    words(operation).next().is_some_and(|first| listed.has(first))
}

#[cfg(test)]
mod tests;
