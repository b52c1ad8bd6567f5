//! Topics by their names: which are for messages that could not be processed, and where these came from.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::frame::{Symbol, Symbols};
use crate::gathered::{Identity, LoggedMessage, TopicFacts};
use crate::trace::{DeadLetterName, destination_words, without_dead_letter_words};

use super::{By, PutAside, is_first};

/// All topics of the input.
#[derive(Default)]
pub(super) struct Topics {
    topics: BTreeMap<Symbol, Topic>,
    /// Topics by system and words of the destination; of several the one whose name comes first.
    by_words: BTreeMap<(String, Vec<String>), Symbol>,
    /// Of the topic that is shown: messages that groups have processed and may process again.
    known: HashSet<(Symbol, Identity), FixedState>,
}

#[derive(Default)]
struct Topic {
    dead_letter: DeadLetterName,
    /// Messages that each group has processed, however often.
    messages_of_groups: BTreeMap<Symbol, u64>,
    published: u64,
    processed_by: BTreeSet<Symbol>,
    /// Where its messages come from, if these could not be processed there.
    source: Option<Symbol>,
}

impl Topics {
    /// Takes notice of a message that is processed, in time order.
    pub(super) fn see_processing(&mut self, message: &LoggedMessage) {
        let topic = self.topics.entry(message.topic).or_default();
        topic.processed_by.insert(message.service);
        let mut is_new = |identity| !message.may_come_again || self.known.insert((message.group, identity));
        *topic.messages_of_groups.entry(message.group).or_default() += u64::from(is_first(message, &mut is_new));
    }

    /// Makes ready for the messages of the next topic.
    pub(super) fn end_topic(&mut self) {
        self.known = HashSet::default();
    }

    /// Takes notice of what is known of all topics, once all messages were seen.
    pub(super) fn learn<'a>(&mut self, topics: impl Iterator<Item = (Symbol, &'a TopicFacts)>) {
        for (name, facts) in topics {
            let topic = self.topics.entry(name).or_default();
            (topic.published, topic.dead_letter) = (facts.published, facts.dead_letter);
        }
    }

    /// Looks at the names, once all topics were seen.
    pub(super) fn learn_names(&mut self, symbols: &Symbols) {
        let parts = |topic: Symbol| {
            let name = symbols.resolve(topic);
            name.split_once('/').unwrap_or(("", name))
        };
        for &topic in self.topics.keys() {
            let (system, destination) = parts(topic);
            self.by_words.entry((system.to_owned(), destination_words(destination))).or_insert(topic);
        }
        for (&name, topic) in self.topics.iter_mut().filter(|(_, topic)| topic.dead_letter != DeadLetterName::No) {
            let (system, destination) = parts(name);
            topic.source = without_dead_letter_words(destination)
                .into_iter()
                .filter_map(|words| self.by_words.get(&(system.to_owned(), words)).copied())
                .find(|&source| source != name);
        }
    }

    /// Whether a topic is for messages that could not be processed.
    fn is_dead(&self, topic: Symbol) -> bool {
        self.topics.get(&topic).is_some_and(|known| match known.dead_letter {
            DeadLetterName::No => false,
            DeadLetterName::Beside => known.source.is_some(),
            DeadLetterName::Always => true,
        })
    }

    /// Where the messages of such a topic come from, as the names say.
    pub(super) fn source_of(&self, topic: Symbol) -> Option<Symbol> {
        self.topics.get(&topic)?.source
    }

    /// Those of these messages that were put aside: not what was replayed, not what a producer only made for a client, and of
    /// what comes out of a destination only what nobody is known to have sent there.
    pub(super) fn put_aside(&self, messages: Vec<PutAside>) -> Vec<PutAside> {
        let is_replay = |message: &PutAside| {
            let is_publish = matches!(message.by, By::Client | By::Producer);
            is_publish && message.failed_as.is_some_and(|inside| self.is_dead(inside.topic))
        };
        let mut aside: Vec<PutAside> = messages
            .into_iter()
            .filter(|message| message.by == By::Settlement || self.is_dead(message.topic))
            .filter(|message| !is_replay(message))
            .collect();
        let of_kind = |aside: &[PutAside], by: By| -> BTreeSet<Symbol> {
            aside.iter().filter(|message| message.by == by).map(|message| message.topic).collect()
        };
        let (by_clients, by_producers) = (of_kind(&aside, By::Client), of_kind(&aside, By::Producer));
        aside.retain(|PutAside { topic, by, .. }| match by {
            By::Client | By::Settlement => true,
            By::Producer => !by_clients.contains(topic),
            By::Broker => !by_clients.contains(topic) && !by_producers.contains(topic),
        });
        aside
    }

    /// How many messages of a topic these groups have processed; where none of them is known, the group that has processed most,
    /// or else what was published.
    pub(super) fn messages_of(&self, topic: Symbol, groups: &[Symbol]) -> u64 {
        let Some(topic) = self.topics.get(&topic) else { return 0 };
        let of_groups: u64 = groups.iter().filter_map(|group| topic.messages_of_groups.get(group)).sum();
        let most = || topic.messages_of_groups.values().copied().max().unwrap_or(0);
        [of_groups, most(), topic.published].into_iter().find(|&count| count > 0).unwrap_or(0)
    }

    /// Services that read a topic of messages that could not be processed; of another topic, what was put aside of it.
    pub(super) fn readers_of(&self, name: Symbol) -> Vec<Symbol> {
        let is_read = |(other, topic): &(&Symbol, &Topic)| {
            let other = **other;
            if self.is_dead(name) { other == name } else { self.is_dead(other) && topic.source == Some(name) }
        };
        let readers: BTreeSet<Symbol> =
            self.topics.iter().filter(is_read).flat_map(|(_, topic)| topic.processed_by.iter().copied()).collect();
        readers.into_iter().collect()
    }
}
