//! The report as one page of HTML that asks for nothing from anywhere, for a browser, a ticket or an archive.
//!
//! Everything that it says stands in the page as text, tables and drawings, so it can be read without scripts; scripts add
//! sorting, filtering, a timeline with a brush, and zooming. What comes from traces goes into the page only through the
//! templates' escaping, or as JSON that scripts read as text.

mod flame_graph;
mod html_table;
mod page;
mod problem_cards;
mod service_map;
mod shown_text;
mod timeline;
mod verdict;
mod waterfall;

pub(in crate::report) use page::write_page;
