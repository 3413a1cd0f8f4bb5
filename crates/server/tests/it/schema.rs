//! Holds every answer against the published OpenAPI document.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// The published document, and the validators made of it so far.
pub struct Published {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Published {
    pub fn get() -> Arc<Self> {
        static ONE: OnceLock<Arc<Published>> = OnceLock::new();
        ONE.get_or_init(|| {
            let document = serde_json::to_value(parlor_api::app::openapi_document()).unwrap();
            Arc::new(Self {
                document,
                validators: Mutex::default(),
            })
        })
        .clone()
    }

    /// Panics if an answer of a documented path has a status, content type or body that the document does not know.
    pub fn check(&self, method: &str, path: &str, status: u16, content_type: &str, body: &Value) {
        let bare = path.split('?').next().unwrap().trim_matches('/');
        let segments: Vec<&str> = bare.split('/').collect();
        let Some((template, item)) = self.find(&segments) else { return };
        let Some(operation) = item.get(method.to_lowercase()) else {
            assert_eq!(status, 405, "{method} {template} is not documented, but answered");
            return;
        };
        assert_ne!(status, 500, "{method} {template}: {body}");
        let response = operation["responses"].get(status.to_string());
        let response = response.unwrap_or_else(|| panic!("{method} {template} answered {status}, which is not documented: {body}"));
        let kind = content_type.split(';').next().unwrap().trim();
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            assert!(
                body.is_null(),
                "{method} {template} answered {status} with a body that is not documented: {body}"
            );
            return;
        };
        let media = content.get(kind).or_else(|| content.get("*/*")).unwrap_or_else(|| {
            panic!(
                "{method} {template} answered {status} as {kind}, documented are {:?}",
                content.keys().collect::<Vec<_>>()
            )
        });
        if !kind.contains("json") {
            return;
        }
        let name = format!("{method} {template} {status} {kind}");
        let validator = self.validator(name.clone(), &media["schema"]);
        let errors: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name} does not fit its schema: {errors:?}\n{body}");
    }

    fn find(&self, segments: &[&str]) -> Option<(&String, &Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let parts = |template: &str| template.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
        let mut fitting: Vec<_> = paths
            .iter()
            .filter(|(template, _)| {
                let parts = parts(template);
                parts.len() == segments.len() && parts.iter().zip(segments).all(|(part, segment)| part.starts_with('{') || part == segment)
            })
            .collect();
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        fitting.first().copied()
    }

    fn validator(&self, name: String, schema: &Value) -> Arc<Validator> {
        let mut known = self.validators.lock().unwrap();
        let made = known.entry(name).or_insert_with(|| {
            let whole = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [schema], "components": self.document["components"]});
            Arc::new(jsonschema::validator_for(&whole).unwrap())
        });
        made.clone()
    }
}
