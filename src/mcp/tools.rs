//! What a result of `tools/list` defines, in a form in which two definitions are the same text exactly where they mean the
//! same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::body::{quoted, unquoted};
use super::parts::{elements, members};

/// One tool. A part that is `None` is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// `name`
    pub name: String,
    /// What `description` says; a value that is no string reads as absent.
    pub description: Option<String>,
    /// `inputSchema`, canonical.
    pub input_schema: Option<String>,
    /// `outputSchema`, canonical.
    pub output_schema: Option<String>,
    /// `annotations`, canonical.
    pub annotations: Option<String>,
}

/// The tools in a result of `tools/list`, by their names in order. What is canonical is JSON without blanks, its keys
/// sorted, its numbers and strings as `serde_json` writes them: how a server's serializer happens to write them is no
/// change. Of tools of the same name the last holds; those without one are passed over, and so are those that come after
/// the first `most`.
///
/// `None` where the result cannot be read: it is cut, it has no array `tools`, or a part of a tool is nested too deeply
/// for `serde_json`.
pub fn definitions(result: &[u8], most: usize) -> Option<Vec<Definition>> {
    let mut tools = None;
    members(result, &mut |key, value| {
        if unquoted(key) == "tools" {
            tools = Some(value);
        }
    })?;
    let mut defined = BTreeMap::new();
    let mut is_readable = true;
    elements(tools?.as_bytes(), &mut |tool| {
        let Some((name, tool)) = Tool::read(tool) else { return };
        if defined.len() < most || defined.contains_key(&name) {
            let definition = tool.definition(name.clone());
            is_readable &= definition.is_some();
            defined.insert(name, definition);
        }
    })?;
    is_readable.then(|| defined.into_values().flatten().collect())
}

/// The members of a tool, as they are written.
#[derive(Default)]
struct Tool<'a> {
    name: Option<&'a str>,
    description: Option<&'a str>,
    input_schema: Option<&'a str>,
    output_schema: Option<&'a str>,
    annotations: Option<&'a str>,
}

impl<'a> Tool<'a> {
    /// A tool and what its name says; `None` where it has none.
    fn read(json: &'a str) -> Option<(String, Self)> {
        let mut tool = Self::default();
        members(json.as_bytes(), &mut |key, value| match &*unquoted(key) {
            "name" => tool.name = Some(value),
            "description" => tool.description = Some(value),
            "inputSchema" => tool.input_schema = Some(value),
            "outputSchema" => tool.output_schema = Some(value),
            "annotations" => tool.annotations = Some(value),
            _ => {}
        })?;
        Some((string(tool.name?)?, tool))
    }

    fn definition(&self, name: String) -> Option<Definition> {
        let part = |json: Option<&str>| json.map_or(Some(None), |json| canonical(json).map(Some));
        Some(Definition {
            name,
            description: self.description.and_then(string),
            input_schema: part(self.input_schema)?,
            output_schema: part(self.output_schema)?,
            annotations: part(self.annotations)?,
        })
    }
}

/// What a string says, as it is written where Unicode has no such string; `None` for any other value.
fn string(json: &str) -> Option<String> {
    let as_written = |_no_text| unquoted(json).into_owned();
    json.starts_with('"').then(|| serde_json::from_str(json).unwrap_or_else(as_written))
}

fn canonical(json: &str) -> Option<String> {
    let mut text = String::with_capacity(json.len());
    write(&serde_json::from_str(json).ok()?, &mut text);
    Some(text)
}

/// No deeper than `serde_json` reads.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(elements) => {
            text.push('[');
            for (number, element) in elements.iter().enumerate() {
                text.push_str(if number == 0 { "" } else { "," });
                write(element, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            // Whether they come sorted hangs on a feature of `serde_json` that any dependency may switch on.
            let members: BTreeMap<_, _> = members.iter().collect();
            text.push('{');
            for (number, (key, member)) in members.into_iter().enumerate() {
                text.push_str(if number == 0 { "" } else { "," });
                text.push_str(&quoted(key));
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

/// The names of parameters that came, that went, and that are others now, each sorted: the `properties` of two schemas,
/// and whether they are `required`. A schema that is not there, or is no JSON, has none.
pub fn parameters(before: Option<&str>, after: Option<&str>) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (before, after) = (tree(before), tree(after));
    let (before, after) = (properties(&before), properties(&after));
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    let is_changed = |name: &str, now| before.get(name).is_some_and(|was| was != now);
    let changed = after.iter().filter(|(name, now)| is_changed(name, *now)).map(|(name, _)| name);
    (owned(added), owned(removed), owned(changed))
}

fn tree(schema: Option<&str>) -> Value {
    schema.and_then(|schema| serde_json::from_str(schema).ok()).unwrap_or_default()
}

/// Each property of a schema by its name, and whether it is required.
fn properties(schema: &Value) -> BTreeMap<&str, (&Value, bool)> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.map(|(name, property)| (&**name, (property, required.contains(&**name)))).collect()
}

fn owned<'a>(names: impl Iterator<Item = &'a &'a str>) -> Vec<String> {
    names.copied().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(result: &str) -> Vec<Definition> {
        definitions(result.as_bytes(), 100).unwrap()
    }

    fn names(result: &str, most: usize) -> Vec<String> {
        definitions(result.as_bytes(), most).unwrap().into_iter().map(|tool| tool.name).collect()
    }

    #[test]
    fn each_part_of_a_tool_is_told() {
        let result = r#"{"tools":[{"name":"get\u005fsum","title":"Sum","description":"Adds \"a\" and b",
            "inputSchema":{"type":"object","properties":{"b":{"type":"number"},"a":{}}},
            "outputSchema":{},"annotations":{"readOnlyHint":true},"icons":[]}],"nextCursor":"x"}"#;
        let expected = Definition {
            name: "get_sum".to_owned(),
            description: Some(r#"Adds "a" and b"#.to_owned()),
            input_schema: Some(r#"{"properties":{"a":{},"b":{"type":"number"}},"type":"object"}"#.to_owned()),
            output_schema: Some("{}".to_owned()),
            annotations: Some(r#"{"readOnlyHint":true}"#.to_owned()),
        };
        assert_eq!(tools(result), [expected]);
        let odd = tools("{\"tools\":[{\"name\":\"a\\n\u{7f}\",\"description\":\"\\ud83d\"}]}");
        assert_eq!((&*odd[0].name, odd[0].description.as_deref()), ("a\n\u{7f}", Some(r"\ud83d")));
        let bare = Definition { name: "a".to_owned(), ..Definition::default() };
        assert_eq!(tools(r#"{"tools":[{"name":"a","description":null}]}"#), [bare]);
    }

    #[test]
    fn how_a_schema_is_written_is_no_change() {
        let schema = |schema: &str| tools(&format!(r#"{{"tools":[{{"name":"a","inputSchema":{schema}}}]}}"#));
        let one = schema(r#"{"b":[1.50,"é/",{"d":-0,"c":null}],"a":{"y":true,"x":1e2}}"#);
        let other = schema(r#" { "a":{"x":100.0 , "y":true},"b":[ 1.5,"\u00e9\/",{"c":null,"d":-0} ] } "#);
        assert_eq!(one, other);
        assert_ne!(schema("[1,2]"), schema("[2,1]"));
        assert_ne!(schema(r#"{"a":"1"}"#), schema(r#"{"a":1}"#));
    }

    #[test]
    fn a_name_is_needed_and_the_last_of_two_holds() {
        let result = r#"{"tools":[{"name":"b"},{"name":1},{},3,{"name":"a"},{"name":"c"},{"name":"b","description":"x"}]}"#;
        assert_eq!(names(result, 100), ["a", "b", "c"]);
        assert_eq!(names(result, 2), ["a", "b"]);
        assert_eq!(definitions(result.as_bytes(), 1).unwrap()[0].description.as_deref(), Some("x"));
        assert_eq!(names(result, 0), [""; 0]);
        assert_eq!(names(r#"{"tools":[{"name":"a"}],"tools":[]}"#, 1), [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_defines_nothing() {
        let deep =
            format!(r#"{{"tools":[{{"name":"a","inputSchema":{}{}}}]}}"#, "[".repeat(200), "]".repeat(200));
        let cut = r#"{"tools":[{"name":"a"}"#;
        for result in ["", "{}", "null", r#"{"tools":{}}"#, r#"{"tools":null}"#, cut, &deep] {
            assert_eq!(definitions(result.as_bytes(), 100), None, "{result}");
        }
        assert_eq!(tools(r#"{"tools":[]}"#), []);
    }

    #[test]
    fn parameters_come_go_and_change() {
        let before =
            r#"{"properties":{"a":{"type":"string"},"b":{},"c":{"x":1,"y":2},"d":{}},"required":["a"]}"#;
        let after =
            r#"{"properties":{"a":{"type":"number"},"c":{"y":2,"x":1},"d":{},"e":{}},"required":["a","d"]}"#;
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let told = (owned(&["e"]), owned(&["b"]), owned(&["a", "d"]));
        assert_eq!(parameters(Some(before), Some(after)), told);
        assert_eq!(parameters(None, Some(before)), (owned(&["a", "b", "c", "d"]), Vec::new(), Vec::new()));
        assert_eq!(parameters(Some(after), Some("true")).1, owned(&["a", "c", "d", "e"]));
        assert_eq!(parameters(Some("{"), None), <_>::default());
    }
}
