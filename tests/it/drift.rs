//! Promise: a tool that is not what it was is noticed, once, with what it was (`telemetry.md` §3, "Sessions and use").

#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sightglass::observe::{Change, Changed, Event, Export};

use crate::support::observed::{Observed, one_server};

/// What is told of changes and of the file.
#[derive(Default)]
struct Told {
    changes: Mutex<Vec<Changed>>,
    problems: Mutex<Vec<String>>,
}

impl Export for Told {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is told to others")]
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::ToolChanged { changed, .. } => {
                self.changes.lock().expect("a lock").push((*changed).clone());
            }
            Event::StateLost { problem } => {
                self.problems.lock().expect("a lock").push((*problem).to_owned());
            }
            _ => {}
        }
    }
}

/// A proxy that remembers tools in a file, or only while it runs.
struct Replica {
    observed: Observed,
    told: Arc<Told>,
}

impl Replica {
    fn start(state: Option<&Path>) -> Self {
        let mut config = one_server();
        config.drift.state = state.map(Path::to_owned);
        let told = Arc::new(Told::default());
        Self { observed: Observed::telling(&config, Arc::clone(&told) as _), told }
    }

    /// A client lists the server's tools, all on one page.
    fn lists(&self, tools: &Value) {
        self.page(&[], None, tools, None);
        self.observed.observer.finish();
    }

    fn page(&self, headers: &[(&str, &str)], cursor: Option<&str>, tools: &Value, next: Option<&str>) {
        let params = cursor.map_or(json!({}), |cursor| json!({"cursor":cursor}));
        let ask = json!({"jsonrpc":"2.0","id":1,"method":"tools/list","params":params});
        let mut result = json!({"tools":tools});
        if let Some(next) = next {
            result["nextCursor"] = next.into();
        }
        let answer = json!({"jsonrpc":"2.0","id":1,"result":result});
        self.observed.post(headers, &ask.to_string()).json(200, &answer.to_string());
    }

    fn changes(&self) -> Vec<(String, Change)> {
        let changes = std::mem::take(&mut *self.told.changes.lock().expect("a lock"));
        changes.into_iter().map(|changed| (changed.tool, changed.change)).collect()
    }
}

/// A folder of this test's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("drift-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("tools.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tool(name: &str, description: &str, parameters: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        parameters.iter().map(|name| ((*name).to_owned(), json!({"type":"string"}))).collect();
    json!({"name":name,"description":description,"inputSchema":{"type":"object","properties":properties}})
}

/// What a server lists while its tools change: the beginning, a parameter more, another description, a tool less.
fn versions() -> [Value; 4] {
    let still = tool("still", "It stays.", &["a"]);
    [
        json!([still, tool("pay", "It pays.", &["amount"]), tool("old", "It goes.", &[])]),
        json!([still, tool("pay", "It pays.", &["amount", "currency"]), tool("old", "It goes.", &[])]),
        json!([
            still,
            tool("pay", "It pays at once.", &["amount", "currency"]),
            tool("old", "It goes.", &[])
        ]),
        json!([still, tool("pay", "It pays at once.", &["amount", "currency"])]),
    ]
}

fn expected() -> [Vec<(String, Change)>; 3] {
    [
        vec![("pay".to_owned(), Change::InputSchema)],
        vec![("pay".to_owned(), Change::Description)],
        vec![("old".to_owned(), Change::Removed)],
    ]
}

#[test]
fn each_change_is_told_once_by_its_kind() {
    let replica = Replica::start(None);
    let [first, later @ ..] = versions();
    for _ in 0..2 {
        replica.lists(&first);
    }
    assert_eq!(replica.changes(), []);
    for (version, expected) in later.iter().zip(expected()) {
        replica.lists(version);
        replica.lists(version);
        assert_eq!(replica.changes(), expected);
    }
    let page = replica.observed.scrape();
    for change in ["input_schema", "description", "removed"] {
        page.metric("mcp_tool_definition_changes_total").label("change", change).is(1);
    }
    page.metric("mcp_tool_definition_changes_total").is(3);
    page.metric("mcp_tools_listed").is(2);
}

#[test]
fn a_change_is_told_with_what_was_before() {
    let replica = Replica::start(None);
    let [first, second, third, _] = versions();
    for version in [first, second, third] {
        replica.lists(&version);
    }
    let changes = std::mem::take(&mut *replica.told.changes.lock().unwrap());
    let [_, description] = &*changes else { panic!("two changes: {changes:#?}") };
    let schema = |amount: &str| {
        format!(r#"{{"properties":{{"amount":{{"type":"string"}}{amount}}},"type":"object"}}"#)
    };
    assert_eq!(changes[0].before, Some(schema("")));
    assert_eq!(changes[0].after, Some(schema(r#","currency":{"type":"string"}"#)));
    assert_eq!(description.before.as_deref(), Some("It pays."));
    assert_eq!(description.after.as_deref(), Some("It pays at once."));
}

#[test]
fn the_order_of_tools_and_of_keys_is_no_change() {
    let replica = Replica::start(None);
    replica.lists(&json!([tool("a", "A.", &["x", "y"]), tool("b", "B.", &[])]));
    let text = r#"[{"inputSchema":{"properties":{},"type":"object"},"description":"B.","name":"b"},
        {"inputSchema":{"type":"object" , "properties":{"y":{"type":"string"},"x":{"type":"string"}}},"name":"a","description":"\u0041."}]"#;
    let ask = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{text}}}}}"#);
    replica.observed.post(&[], ask).json(200, &answer);
    replica.observed.observer.finish();
    assert_eq!(replica.changes(), []);
}

#[test]
fn a_restart_forgets_nothing_and_tells_nothing_twice() {
    let folder = Folder::new("restart");
    let mut told = Vec::new();
    for version in versions() {
        for _ in 0..2 {
            let replica = Replica::start(Some(&folder.file()));
            replica.lists(&version);
            told.extend(replica.changes());
        }
    }
    assert_eq!(told, expected().concat());
}

#[test]
fn of_replicas_that_share_a_file_the_first_to_see_a_change_tells_it() {
    let folder = Folder::new("replicas");
    let replicas = [Replica::start(Some(&folder.file())), Replica::start(Some(&folder.file()))];
    let mut told = Vec::new();
    for (round, version) in versions().iter().enumerate() {
        for at in 0..4 {
            let replica = &replicas[(round + at) % 2];
            replica.lists(version);
            told.extend(replica.changes());
        }
    }
    assert_eq!(told, expected().concat());
    assert!(replicas.iter().all(|replica| replica.told.problems.lock().unwrap().is_empty()));
}

#[test]
fn pages_are_one_list() {
    let replica = Replica::start(None);
    let all = |last: &Value| {
        replica.page(&[], None, &json!([tool("a", "A.", &[])]), Some("2"));
        replica.page(&[], Some("2"), &json!([tool("b", "B.", &[])]), Some("3"));
        replica.page(&[], Some("3"), last, None);
        replica.observed.observer.finish();
    };
    all(&json!([tool("c", "C.", &[])]));
    all(&json!([tool("c", "C.", &[])]));
    assert_eq!(replica.changes(), []);
    replica.observed.scrape().metric("mcp_tools_listed").is(3);
    // A page whose beginning nobody saw is no list.
    replica.page(&[], Some("9"), &json!([]), None);
    all(&json!([]));
    assert_eq!(replica.changes(), [("c".to_owned(), Change::Removed)]);
    replica.observed.scrape().metric("mcp_tools_listed").is(2);
}

#[test]
fn what_others_may_not_see_was_not_removed() {
    let replica = Replica::start(None);
    let (one, two) = (json!([tool("a", "A.", &[])]), json!([tool("a", "A.", &[]), tool("b", "B.", &[])]));
    let list = |credentials: &str, tools: &Value| {
        replica.page(&[("authorization", credentials)], None, tools, None);
        replica.observed.observer.finish();
    };
    list("Bearer admin", &two);
    for round in 0..5 {
        list(&format!("Bearer {round}"), &one);
        list("Bearer admin", &two);
    }
    assert_eq!(replica.changes(), []);
    // Whoever had it misses it.
    list("Bearer admin", &one);
    assert_eq!(replica.changes(), [("b".to_owned(), Change::Removed)]);
    // Whoever comes with new credentials each time misses it after a while.
    list("Bearer admin", &two);
    assert_eq!(replica.changes(), [("b".to_owned(), Change::Added)]);
    (0..20).for_each(|round| list(&format!("Bearer new {round}"), &one));
    assert_eq!(replica.changes(), [("b".to_owned(), Change::Removed)]);
}

#[test]
fn what_was_there_before_a_restart_is_missed_whoever_asks_afterwards() {
    let folder = Folder::new("missed");
    let list = |replica: &Replica, tools: &Value| {
        replica.page(&[("authorization", "Bearer one")], None, tools, None);
        replica.observed.observer.finish();
    };
    list(&Replica::start(Some(&folder.file())), &json!([tool("a", "A.", &[]), tool("b", "B.", &[])]));
    let replica = Replica::start(Some(&folder.file()));
    (0..20).for_each(|_| list(&replica, &json!([tool("a", "A.", &[])])));
    assert_eq!(replica.changes(), [("b".to_owned(), Change::Removed)]);
}

#[test]
fn a_file_that_is_no_state_is_told_and_replaced() {
    let folder = Folder::new("broken");
    std::fs::write(folder.file(), "not JSON").unwrap();
    let replica = Replica::start(Some(&folder.file()));
    let [first, second, ..] = versions();
    replica.lists(&first);
    assert_eq!(replica.told.problems.lock().unwrap().len(), 1);
    replica.lists(&second);
    assert_eq!(replica.changes().len(), 1);
    let again = Replica::start(Some(&folder.file()));
    again.lists(&second);
    assert_eq!(again.changes(), []);
    assert!(again.told.problems.lock().unwrap().is_empty());
}

#[test]
fn a_disk_that_cannot_be_written_costs_no_change() {
    let folder = Folder::new("unwritable");
    let replica = Replica::start(Some(&folder.0.join("nowhere").join("tools.json")));
    for version in versions() {
        replica.lists(&version);
    }
    assert_eq!(replica.changes(), expected().concat());
    assert_eq!(replica.told.problems.lock().unwrap().len(), 1);
}
