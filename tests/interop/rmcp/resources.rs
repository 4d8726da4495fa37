//! Two fixed resources, one template, and the listing in two pages.

use rmcp::ErrorData;
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource, ResourceContents,
    ResourceTemplate,
};
use serde_json::json;

use crate::content::PICTURE;
use crate::fixture::{CACHE_MS, CACHE_SCOPE};
use crate::tools::bad_cursor;

/// The cursor of the second page.
const SECOND_PAGE: &str = "resources-2";

/// `resources/list`: one resource a page.
pub(crate) fn page(cursor: Option<&str>) -> Result<ListResourcesResult, ErrorData> {
    let (resource, next_cursor) = match cursor {
        None => (static_text(), Some(SECOND_PAGE.to_owned())),
        Some(SECOND_PAGE) => (static_binary(), None),
        Some(other) => return Err(bad_cursor(other)),
    };
    let page = ListResourcesResult { resources: vec![resource], next_cursor, ..Default::default() };
    Ok(page.with_ttl_ms(CACHE_MS).with_cache_scope(CACHE_SCOPE))
}

/// `resources/templates/list`.
pub(crate) fn templates() -> ListResourceTemplatesResult {
    let template = ResourceTemplate::new("test://template/{id}/data", "template")
        .with_description("Data for one id")
        .with_mime_type("application/json");
    ListResourceTemplatesResult::with_all_items(vec![template])
        .with_ttl_ms(CACHE_MS)
        .with_cache_scope(CACHE_SCOPE)
}

/// `resources/read`. An unknown URI is an error whose data names it.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        "test://static-text" => {
            ResourceContents::text("This is the content of the static text resource.", uri)
                .with_mime_type("text/plain")
        }
        "test://static-binary" => ResourceContents::blob(PICTURE, uri).with_mime_type("image/png"),
        _ => {
            let id = template_id(uri).ok_or_else(|| {
                ErrorData::resource_not_found("Resource not found", Some(json!({"uri": uri})))
            })?;
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            ResourceContents::text(data.to_string(), uri).with_mime_type("application/json")
        }
    };
    Ok(ReadResourceResult::new(vec![contents]).with_ttl_ms(CACHE_MS).with_cache_scope(CACHE_SCOPE))
}

fn template_id(uri: &str) -> Option<&str> {
    let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

fn static_text() -> Resource {
    Resource::new("test://static-text", "static-text")
        .with_description("A fixed text")
        .with_mime_type("text/plain")
}

fn static_binary() -> Resource {
    Resource::new("test://static-binary", "static-binary")
        .with_description("A fixed picture")
        .with_mime_type("image/png")
}
