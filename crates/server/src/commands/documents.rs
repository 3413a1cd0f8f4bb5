/// The OpenAPI document, pretty.
pub fn openapi() -> anyhow::Result<String> {
    Ok(parlor_api::app::openapi_document().to_pretty_json()?)
}

/// The AsyncAPI document, pretty.
pub fn asyncapi() -> anyhow::Result<String> {
    Ok(parlor_api::ws::asyncapi_yaml().trim_end().to_owned())
}
