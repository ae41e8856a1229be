//! TOML and JSON, each read into the same tree.

use std::borrow::Cow;

use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast};
use toml::de::{DeInteger, DeTable, DeValue, Error};

use super::mistakes::Mistakes;
use super::tree::{Entry, Node, Place, Value};

/// Of a longer text only the first wrong word is told, in bytes: each of them
/// costs the parser two hundred more.
const LONGEST_TO_RECOVER: usize = 256 << 10;

/// A whole plan: JSON if it begins with a brace, which TOML cannot. Of JSON
/// only the first wrong word is told.
pub(super) fn read<'t>(text: &'t str, mistakes: &mut Mistakes) -> Vec<Entry<'t>> {
    match text.trim_start().starts_with('{') {
        true => read_json(text, mistakes),
        false => read_toml(text, mistakes),
    }
}

fn read_toml<'t>(text: &'t str, mistakes: &mut Mistakes) -> Vec<Entry<'t>> {
    let (table, errors) = match text.len() <= LONGEST_TO_RECOVER {
        true => {
            let (table, errors) = DeTable::parse_recoverable(text);
            (table.into_inner(), errors)
        }
        false => match DeTable::parse(text) {
            Ok(table) => (table.into_inner(), Vec::new()),
            Err(error) => (DeTable::new(), vec![error]),
        },
    };
    for (place, message) in first_of_each_line(&errors, text) {
        mistakes.add_syntax(place, toml_expected(message));
    }
    toml_entries(table, text)
}

/// What else is wrong with a line mostly follows from the first.
fn first_of_each_line<'e>(errors: &'e [Error], text: &str) -> Vec<(Place, &'e str)> {
    let errors = errors.iter();
    let placed = errors.map(|it| (it.span().unwrap_or_default(), it.message()));
    let mut errors: Vec<(Place, &str)> = placed.collect();
    errors.sort_by_key(|(place, _)| place.start);
    errors.dedup_by(|(later, _), (place, _)| {
        let between = text.get(place.start..later.start);
        between.is_some_and(|it| !it.contains('\n'))
    });
    errors
}

/// The parser's `WHAT, expected MORE` in our order.
fn toml_expected(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((what, more)) => format!("expected {more}: {what}"),
        None => format!("expected other TOML: {message}"),
    }
}

fn toml_entries<'t>(table: DeTable<'t>, text: &str) -> Vec<Entry<'t>> {
    let entries = table.into_iter().map(|(key, value)| Entry {
        place: key.span(),
        key: key.into_inner(),
        node: toml_node(value.span(), value.into_inner(), text),
    });
    let mut entries: Vec<Entry<'t>> = entries.collect();
    entries.sort_by_key(|entry| entry.place.start);
    entries
}

fn toml_node<'t>(place: Place, value: DeValue<'t>, text: &str) -> Node<'t> {
    let value = match value {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => toml_number(&number),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Float(_) => Value::Foreign("a fraction"),
        DeValue::Datetime(_) => Value::Foreign("a date"),
        DeValue::Array(array) => {
            let nodes = array.into_iter();
            let nodes = nodes.map(|it| toml_node(it.span(), it.into_inner(), text));
            Value::List(nodes.collect())
        }
        DeValue::Table(table) => Value::Table(toml_entries(table, text)),
    };
    match (&value, text.get(place.clone())) {
        (Value::Table(_), Some(raw)) if raw.starts_with('{') => {
            Node::new(place.start..place.start + 1, value)
        }
        _ => Node::new(place, value),
    }
}

fn toml_number<'t>(number: &DeInteger<'t>) -> Value<'t> {
    match i64::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => Value::Number(number.to_string().into()),
        Err(_) => Value::Foreign("a number beyond 64 bits"),
    }
}

fn read_json<'t>(text: &'t str, mistakes: &mut Mistakes) -> Vec<Entry<'t>> {
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(text, &CollectOptions::default(), &strict) {
        Ok(parsed) => match parsed.value {
            Some(ast::Value::Object(object)) => json_entries(object),
            _ => Vec::new(),
        },
        Err(error) => {
            let (range, kind) = (error.range(), error.kind().to_string());
            let expected = match kind.strip_prefix("Expected ") {
                Some(more) => format!("expected {more}"),
                None => format!("expected other JSON: {}", lower(&kind)),
            };
            mistakes.add_syntax(range.start..range.end, expected);
            Vec::new()
        }
    }
}

/// A sentence within another one.
fn lower(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|it| it.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

fn json_entries(object: ast::Object<'_>) -> Vec<Entry<'_>> {
    let entries = object.properties.into_iter().map(|property| {
        let (key, range) = match property.name {
            ast::ObjectPropName::String(name) => (name.value, name.range),
            ast::ObjectPropName::Word(name) => (Cow::Borrowed(name.value), name.range),
        };
        Entry {
            key,
            place: range.start..range.end,
            node: json_node(property.value),
        }
    });
    entries.collect()
}

fn json_node(value: ast::Value<'_>) -> Node<'_> {
    let (range, value) = match value {
        ast::Value::StringLit(text) => (text.range, Value::Text(text.value)),
        ast::Value::NumberLit(number) if number.value.contains(['.', 'e', 'E']) => {
            (number.range, Value::Foreign("a fraction"))
        }
        ast::Value::NumberLit(number) => (number.range, Value::Number(number.value.into())),
        ast::Value::BooleanLit(flag) => (flag.range, Value::Flag(flag.value)),
        ast::Value::NullKeyword(null) => (null.range, Value::Foreign("null")),
        ast::Value::Array(array) => {
            let nodes = array.elements.into_iter().map(json_node);
            (array.range, Value::List(nodes.collect()))
        }
        ast::Value::Object(object) => {
            let mut brace = object.range;
            brace.end = brace.start + 1;
            (brace, Value::Table(json_entries(object)))
        }
    };
    Node::new(range.start..range.end, value)
}
