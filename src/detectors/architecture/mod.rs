//! What the structure of services does to changes and to those who use them.

pub(crate) mod distributed_monolith;
pub(crate) mod ill_sized_service;
pub(crate) mod no_gateway;
