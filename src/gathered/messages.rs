//! Every message that was sent or processed, by topic and time.

mod by_hash;
mod logged_message;
mod message_block;
mod message_log;
mod repeats;

pub(crate) use logged_message::{Identity, Inside, LoggedMessage, RepeatableWrite, has_outer_message};
pub(crate) use message_log::{MessageLog, MessagesOfTopic, TopicFacts};
