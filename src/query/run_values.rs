//! The table `run`: what `run.json` says, a row for each value.

use serde_json::Value;

use crate::detectors::{Cell, Column, Unit};
use crate::rank::Table;

/// Its name.
pub(super) const RUN: &str = "run";

static COLUMNS: [Column; 4] = [
    Column::new("section", Unit::Text, "key of run.json"),
    Column::new("name", Unit::Text, "keys and places below it, with points between them; empty if there are none"),
    Column::new("value", Unit::Number, "the number; 1 and 0 for true and false"),
    Column::new("text", Unit::Text, "the text, of what is none of these"),
];

/// The values in a `run.json`, in its order.
pub(super) fn run_table(run: &serde_json::Map<String, Value>) -> Table {
    let mut values = COLUMNS.iter().map(|_| Vec::new()).collect();
    for (section, value) in run {
        add(&mut values, section, "", value);
    }
    Table { name: RUN, columns: COLUMNS.to_vec(), terminal_columns: &[], values, summed_up: 0 }
}

fn add(values: &mut Vec<Vec<Cell>>, section: &str, name: &str, value: &Value) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    let (number, text) = match value {
        Value::Object(parts) => return parts.iter().for_each(|(key, value)| add(values, section, &below(key), value)),
        Value::Array(parts) => {
            let numbered = parts.iter().enumerate();
            return numbered.for_each(|(place, value)| add(values, section, &below(&place.to_string()), value));
        }
        Value::Null => (Cell::None, Cell::None),
        Value::Bool(flag) => (Cell::Float(f64::from(u8::from(*flag))), Cell::None),
        Value::Number(number) => (number.as_f64().map_or(Cell::None, Cell::Float), Cell::None),
        Value::String(text) => (Cell::None, Cell::Text(text.clone())),
    };
    let cells = [Cell::Text(section.to_owned()), Cell::Text(name.to_owned()), number, text];
    values.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_a_row() {
        let run = serde_json::json!({"version": "1", "totals": {"spans": 5, "calls": {"database": 2}},
            "quality": {"is_weighted": true}, "inputs": [{"path": "a"}, {"path": null}], "cautions": []});
        let table = run_table(run.as_object().unwrap());
        let rows: Vec<String> = (0..table.row_count())
            .map(|row| table.values.iter().map(|cells| format!("{:?}", cells[row])).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            rows,
            [
                r#"Text("version") Text("") None Text("1")"#,
                r#"Text("totals") Text("spans") Float(5.0) None"#,
                r#"Text("totals") Text("calls.database") Float(2.0) None"#,
                r#"Text("quality") Text("is_weighted") Float(1.0) None"#,
                r#"Text("inputs") Text("0.path") None Text("a")"#,
                r#"Text("inputs") Text("1.path") None None"#,
            ]
        );
    }
}
