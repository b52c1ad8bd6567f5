//! What fixes would save: each pattern alone, and each on top of others.
//!
//! ```text
//! findings of a trace ─ remedies ─▶ Settling ─▶ saving of each pattern alone ─▶ on its first finding in the trace
//!                                          └──▶ Overlaps: what several patterns would change ─▶ Beyond ─▶ what each adds
//! ```
//!
//! A pattern's saving is what its requests would have been shorter, retimed, not the sum of what its findings claim. Two
//! patterns may shorten the same request; by how much the second shortens it further depends on which is mended first, and
//! that is known only when all are ranked. So segments that several patterns change are kept, packed, until then; so are those with spans that are changed only if all traces together say so.
//! No detector is known here.

mod beyond;
mod late;
mod overlaps;
mod settling;

pub(crate) use beyond::{Beyond, beyond};
pub(crate) use late::LateSettling;
pub(crate) use overlaps::Overlaps;
pub(crate) use settling::{Settling, Unsettled};

/// A pattern: number of its detector in the catalog, and its key.
pub(crate) type PatternKey<'a> = (u8, &'a [crate::frame::Symbol]);
