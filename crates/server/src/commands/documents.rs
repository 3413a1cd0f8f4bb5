/// The OpenAPI document, pretty.
pub fn openapi() -> anyhow::Result<String> {
    Ok(parlor_api::app::openapi_document().to_pretty_json()?)
}

/// The AsyncAPI document, pretty.
pub fn asyncapi() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&parlor_api::ws::asyncapi_document())?)
}
