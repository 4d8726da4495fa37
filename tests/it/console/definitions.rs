//! `GET /api/tools?server=&tool=`: what a tool is, and when that changed.

use serde_json::{Value, json};

use super::{GOOD, Watched};

const PATH: &str = "/api/tools?server=files&tool=pay";

fn pay(description: &str, parameters: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        parameters.iter().map(|name| ((*name).to_owned(), json!({"type":"string"}))).collect();
    json!({"name":"pay","description":description,"inputSchema":{"type":"object","properties":properties}})
}

/// The kinds of the changes that are told of a tool, the oldest first.
fn kinds(definition: &Value) -> Vec<&str> {
    definition["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["change"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_tool_is_told_as_it_was_listed_last_with_its_changes() {
    let watched = Watched::new();
    watched.call("pay", GOOD);
    assert_eq!(watched.get(PATH).await["definition"], Value::Null);
    watched.lists(&json!([pay("It pays.", &["amount"]), {"name":"still"}]));
    let first = watched.get(PATH).await["definition"].clone();
    assert!(kinds(&first).is_empty(), "{first}");
    watched.lists(&json!([pay("It pays.", &["amount", "currency"]), {"name":"still"}]));
    watched.lists(&json!([pay("It pays at once.", &["amount", "currency"]), {"name":"still"}]));
    let told = watched.get(PATH).await["definition"].clone();
    assert_eq!(kinds(&told), ["input_schema", "description"]);
    assert_eq!(told["parts"]["description"], "It pays at once.");
    let schema: Value = serde_json::from_str(told["parts"]["input_schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["properties"], json!({"amount":{"type":"string"},"currency":{"type":"string"}}));
    assert!(told["parts"].get("annotations").is_none() && told["removed"] == false, "{told}");
    let times = [&first["listed"], &told["changes"][0]["at"], &told["changes"][1]["at"], &told["listed"]];
    let times = times.map(|time| time.as_f64().unwrap());
    // Moments are told to the millisecond, each from how long ago it was.
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1] + 0.002), "{times:?}");
    watched.lists(&json!([{"name":"still"}]));
    let gone = watched.get(PATH).await["definition"].clone();
    assert_eq!((&gone["removed"], kinds(&gone).last()), (&true.into(), Some(&"removed")));
    assert_eq!(watched.get("/api/tools?server=files&tool=nobody").await["definition"], Value::Null);
    assert_eq!(watched.get("/api/tools?server=other&tool=pay").await["definition"], Value::Null);
}

#[tokio::test]
async fn what_is_kept_of_a_tool_is_bounded_and_holds_no_secret() {
    let watched = Watched::new();
    let long = "x".repeat(20_000);
    watched.lists(&json!([pay("Bearer abcdefghijklmnopqrstuvwxyz0123456789", &["password", &long])]));
    let told = watched.get(PATH).await["definition"].clone();
    assert!(!told.to_string().contains("abcdefghij"), "{told}");
    assert_eq!(told["parts"]["input_schema"], Value::Null);
    for number in 0..20 {
        watched.lists(&json!([pay(&format!("Version {number}."), &["password"])]));
    }
    let told = watched.get(PATH).await["definition"].clone();
    assert_eq!((kinds(&told).len(), &told["parts"]["description"]), (8, &"Version 19.".into()));
    // The name of a parameter is no secret.
    assert!(
        told["parts"]["input_schema"].as_str().unwrap().contains("\"password\":{\"type\":\"string\"}"),
        "{told}"
    );
}
