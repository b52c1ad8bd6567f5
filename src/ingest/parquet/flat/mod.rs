//! Tables with one span to a row: canonical files, the tables of many stores, and any whose columns can be told by
//! their names.

pub(crate) mod attributes;
pub(crate) mod calibration;
pub(crate) mod columnar;
pub(crate) mod columns;
pub(crate) mod derived;
pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod ids;
pub(crate) mod mapping;
pub(crate) mod records;
pub(crate) mod table;
pub(crate) mod times;
pub(crate) mod trace_states;
