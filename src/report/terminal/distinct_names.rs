//! Names in a column that is too narrow for some of them, such that no two different ones are printed alike.
//!
//! Three things are tried, one after the other. What all names begin or end with is dropped, and said once
//! (`ts-…-service`). What is still too long loses its middle. Those that then look the same show where they differ: what
//! they have in common at the beginning goes instead. What no cut can tell apart (names that differ by what nobody sees)
//! is numbered.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::report::text::sanitized::sanitized;

use super::text_width::{pieces, shortened, text_width};

/// Narrowest column that can number names.
pub(super) const MIN_WIDTH: usize = 8;

/// What stands for no name.
const NO_NAME: &str = "-";

/// Dropped beginnings and ends end or begin with one of these.
const BOUNDARIES: [&str; 7] = ["-", "_", ".", "/", ":", "@", " "];

/// Fewer columns than these are not worth telling that they were dropped.
const MIN_DROPPED: usize = 3;

/// So much of a common beginning stays before the place where names differ, if there is room.
const CONTEXT: usize = 3;

/// Narrowest column with room for that.
const MIN_WIDTH_FOR_CONTEXT: usize = 12;

/// Rounds of cutting common beginnings. Groups of look-alikes get smaller in each.
const MAX_ROUNDS: usize = 16;

/// The names as they are printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FittedNames {
    /// Each, in at most as many columns as there are.
    pub(super) texts: Vec<String>,
    /// What was dropped from all of them, like `ts-…-service`; empty if nothing was.
    pub(super) dropped: String,
}

/// The names in at most `width` columns, but no fewer than [`MIN_WIDTH`]; `None` is no name.
pub(super) fn fitted(names: &[Option<&str>], width: usize) -> FittedNames {
    let width = width.max(MIN_WIDTH);
    let mut places: HashMap<&str, usize, FixedState> = HashMap::default();
    let mut distinct: Vec<String> = Vec::new();
    for name in names.iter().copied().flatten() {
        places.entry(name).or_insert_with(|| {
            distinct.push(sanitized(name).trim().to_owned());
            distinct.len() - 1
        });
    }
    let (distinct, dropped) = without_common_ends(distinct, width);
    let shown = told_apart(&distinct, width);
    let text = |name: &Option<&str>| name.map_or_else(|| NO_NAME.to_owned(), |name| shown[places[name]].clone());
    FittedNames { texts: names.iter().map(text).collect(), dropped }
}

/// Without what all begin and end with, if one of them is too long; and what that is.
fn without_common_ends(texts: Vec<String>, width: usize) -> (Vec<String>, String) {
    let named: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    if named.len() < 2 || named.iter().all(|text| text_width(text) <= width) {
        return (texts, String::new());
    }
    let split: Vec<Vec<&str>> = named.iter().map(|text| pieces(text)).collect();
    let shortest = split.iter().map(Vec::len).min().unwrap_or(0);
    let is_common = |at: &dyn Fn(&[&str]) -> usize| split.iter().all(|name| name[at(name)] == split[0][at(&split[0])]);
    let is_boundary = |piece: &str| BOUNDARIES.contains(&piece);

    // Something of each name must be left.
    let begin = (0..shortest).take_while(|&index| is_common(&|_| index)).count().min(shortest.saturating_sub(1));
    let begin = (0..begin).rev().find(|&index| is_boundary(split[0][index])).map_or(0, |index| index + 1);
    let rest = shortest - begin;
    let end = (1..=rest).take_while(|&back| is_common(&|name| name.len() - back)).count().min(rest.saturating_sub(1));
    let end = (1..=end).rev().find(|&back| is_boundary(split[0][split[0].len() - back])).unwrap_or(0);

    let prefix: String = split[0][..begin].concat();
    let suffix: String = split[0][split[0].len() - end..].concat();
    if text_width(&prefix) + text_width(&suffix) < MIN_DROPPED {
        return (texts, String::new());
    }
    let kept = |text: &String| match text.is_empty() {
        true => String::new(),
        false => text[prefix.len()..text.len() - suffix.len()].to_owned(),
    };
    (texts.iter().map(kept).collect(), format!("{prefix}…{suffix}"))
}

/// Different texts of at most `width` columns for each.
fn told_apart(texts: &[String], width: usize) -> Vec<String> {
    let mut rests: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut shown: Vec<String> = texts.iter().map(|text| shortened(text, width)).collect();
    for ((text, rest), shown) in texts.iter().zip(&mut rests).zip(&mut shown) {
        let class = without_package(text);
        if text_width(text) > width && class.len() < text.len() {
            *rest = class;
            *shown = format!("…{}", shortened(class, width - 1));
        }
    }
    for _ in 0..MAX_ROUNDS {
        let mut is_done = true;
        for group in look_alikes(&shown) {
            if group.iter().all(|&index| rests[index] == rests[group[0]]) {
                continue;
            }
            let common = common_beginning(group.iter().map(|&index| rests[index]), width);
            if common == 0 {
                continue;
            }
            is_done = false;
            for &index in &group {
                rests[index] = &rests[index][common..];
                shown[index] = format!("…{}", shortened(rests[index], width - 1));
            }
        }
        if is_done {
            break;
        }
    }
    let mut used: HashSet<String, FixedState> = HashSet::default();
    used.insert(NO_NAME.to_owned());
    for (text, shown) in texts.iter().zip(&mut shown) {
        let mut number = 1;
        while used.contains(shown.as_str()) {
            number += 1;
            let mark = format!("#{number}");
            *shown = format!("{}{mark}", shortened(text, width.saturating_sub(mark.len())));
        }
        used.insert(shown.clone());
    }
    shown
}

/// A name of a class without the names of its packages: these say less than the class does.
fn without_package(text: &str) -> &str {
    let Some((package, class)) = text.rsplit_once('.') else { return text };
    let is_package = package.chars().all(|character| character.is_ascii_alphanumeric() || "._$".contains(character));
    if is_package && class.starts_with(|first: char| first.is_ascii_uppercase()) { class } else { text }
}

/// Tells names apart that come one after the other, each with a width of its own.
#[derive(Debug, Default)]
pub(super) struct ToldApart {
    /// The names by what was printed for them.
    printed: HashMap<String, String, FixedState>,
}

impl ToldApart {
    /// The name in at most `width` columns, but no fewer than [`MIN_WIDTH`]; what was printed for another name is not
    /// printed for this one. `shorter` is printed instead of a name that is too long, if it is not.
    pub(super) fn fitted(&mut self, name: &str, shorter: Option<&str>, width: usize) -> String {
        let width = width.max(MIN_WIDTH);
        let is_free =
            |shown: &&str| text_width(shown) <= width && self.printed.get(*shown).is_none_or(|other| other == name);
        let mut shown = match shorter.filter(|_| text_width(name) > width).filter(is_free) {
            Some(shorter) => shorter.to_owned(),
            None => shortened(name, width),
        };
        if let Some(other) = self.printed.get(&shown).filter(|other| *other != name) {
            let common = common_beginning([other.as_str(), name].into_iter(), width);
            shown = format!("…{}", shortened(&name[common..], width - 1));
        }
        let mut number = 1;
        while self.printed.get(&shown).is_some_and(|other| other != name) {
            number += 1;
            let mark = format!("#{number}");
            shown = format!("{}{mark}", shortened(name, width.saturating_sub(mark.len())));
        }
        self.printed.insert(shown.clone(), name.to_owned());
        shown
    }
}

/// Groups of two or more that look the same, each in the order of its members.
fn look_alikes(shown: &[String]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..shown.len()).collect();
    order.sort_by_key(|&index| (&shown[index], index));
    let groups = order.chunk_by(|&left, &right| shown[left] == shown[right]);
    groups.filter(|group| group.len() > 1).map(<[usize]>::to_vec).collect()
}

/// Bytes that all of the texts begin with, but for a little that tells where one is.
fn common_beginning<'a>(texts: impl Iterator<Item = &'a str>, width: usize) -> usize {
    let split: Vec<Vec<&str>> = texts.map(pieces).collect();
    let first = &split[0];
    let common = (0..first.len()).take_while(|&index| split.iter().all(|text| text.get(index) == Some(&first[index])));
    let common = common.count();
    let context = if width >= MIN_WIDTH_FOR_CONTEXT { CONTEXT } else { 0 };
    let dropped = if common > context { common - context } else { common };
    first[..dropped].iter().map(|piece| piece.len()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(names: &[&str], width: usize) -> FittedNames {
        fitted(&names.iter().map(|&name| Some(name)).collect::<Vec<_>>(), width)
    }

    #[test]
    fn common_ends_are_dropped_and_said() {
        let names = ["ts-order-service", "ts-order-other-service", "ts-seat-service"];
        assert_eq!(shown(&names, 22).texts, names);
        assert_eq!(shown(&names, 22).dropped, "");
        let FittedNames { texts, dropped } = shown(&names, 12);
        assert_eq!(texts, ["order", "order-other", "seat"]);
        assert_eq!(dropped, "ts-…-service");
        // Words stay whole, and nothing is left of no name.
        assert_eq!(shown(&["inventory-service", "invoice-service"], 12).dropped, "…-service");
        assert_eq!(shown(&["a-long-service-name", "a-long-service-name-two"], 12).texts, ["name", "name-two"]);
        assert_eq!(fitted(&[None, Some("ts-order-service"), Some("ts-seat-service"), Some("")], 10).texts[0], "-");
    }

    #[test]
    fn look_alikes_show_where_they_differ() {
        let select = |column: &str| format!("SELECT {column} FROM order_items WHERE order_id = ? AND product_id = ?");
        let (price, quantity) = (select("price"), select("quantity"));
        let shown = shown(&[&price, &quantity, "GET /cart"], 14).texts;
        assert_eq!(shown, ["…CT pri…id = ?", "…CT qua…id = ?", "GET /cart"]);
    }

    #[test]
    fn classes_lose_their_packages() {
        let names = [
            "java.sql.SQLException",
            "java.net.ConnectException",
            "shop.Inventory/CheckStock",
            "rates.carrier.example",
        ];
        assert_eq!(shown(&names, 14).texts, ["…SQLException", "…Connec…eption", "…Invent…kStock", "rates.c…xample"]);
        let FittedNames { texts, dropped } = shown(&["a.b.ConnectException", "c.d.ConnectException"], 18);
        assert_eq!((texts, dropped.as_str()), (vec!["a.b".to_owned(), "c.d".to_owned()], "….ConnectException"));
    }

    /// What is printed is different wherever names are, though nobody sees the difference.
    #[test]
    fn names_that_cannot_be_told_apart_are_numbered() {
        assert_eq!(
            shown(&["a\u{1}b", "a\u{2}b", "cart", "cart "], 8).texts,
            ["a\u{fffd}b", "a\u{fffd}b#2", "cart", "cart#2"]
        );
        assert_eq!(fitted(&[None, Some("-"), None], 8).texts, ["-", "-#2", "-"]);
    }

    /// Letters of which names look alike: common ends, wide ones, some that join, some that are not seen.
    fn names() -> impl Strategy<Value = Vec<String>> {
        let alike = ("(ts-|com\\.example\\.|)", "[ab]{0,12}", "[ab]{0,12}", "(-service|/\\{id\\}|)");
        let alike = alike.prop_map(|(begin, middle, more, end)| format!("{begin}{middle}{more}{end}"));
        let odd = "[a订👍\u{301}\u{200d}\u{202e}\u{1b} ש#…-]{0,20}";
        prop::collection::vec(prop_oneof![3 => alike, 1 => odd], 0..24)
    }

    #[test]
    fn names_one_after_the_other_are_told_apart() {
        let mut told = ToldApart::default();
        let select = |column: &str| format!("SELECT {column} FROM orders WHERE id = ?");
        assert_eq!(told.fitted(&select("price"), None, 14), "SELECT …id = ?");
        assert_eq!(told.fitted(&select("quantity"), None, 14), "…CT qua…id = ?");
        assert_eq!(told.fitted(&select("price"), None, 14), "SELECT …id = ?");
        assert_eq!(told.fitted(&select("quantity"), None, 60), select("quantity"));
        // What is shorter is used where it is needed, and for one name only.
        assert_eq!(told.fitted("orders: SELECT", Some("…: SELECT"), 14), "orders: SELECT");
        assert_eq!(told.fitted("orders: SELECT", Some("…: SELECT"), 10), "…: SELECT");
        assert_eq!(told.fitted("stocks: SELECT", Some("…: SELECT"), 10), "stock…LECT");
    }

    proptest! {
        #[test]
        fn no_two_names_in_a_row_are_printed_alike(names in prop::collection::vec((names(), MIN_WIDTH..40), 0..4)) {
            let mut told = ToldApart::default();
            let mut printed: HashMap<String, String> = HashMap::new();
            for (names, width) in &names {
                for name in names {
                    let name = sanitized(name).into_owned();
                    let shown = told.fitted(&name, None, *width);
                    prop_assert!(text_width(&shown) <= *width, "{shown:?} is wider than {width}");
                    let known = printed.entry(shown).or_insert_with(|| name.clone());
                    prop_assert_eq!(&*known, &name);
                }
            }
        }

        #[test]
        fn no_two_names_are_printed_alike(names in names(), width in MIN_WIDTH..40) {
            let given: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).chain([None]).collect();
            let FittedNames { texts, dropped } = fitted(&given, width);
            for (name, text) in given.iter().zip(&texts) {
                prop_assert!(text_width(text) <= width, "{text:?} is wider than {width}");
                for (other, other_text) in given.iter().zip(&texts) {
                    prop_assert_eq!(name == other, text == other_text, "{:?} {:?} {:?}", name, other, &dropped);
                }
            }
        }
    }
}
