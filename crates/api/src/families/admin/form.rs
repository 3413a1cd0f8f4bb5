//! What the bodies of this family have in common.

use crate::extract::Fields;
use parlor_domain::text::InvalidText;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Parses a text that may stay (`None`), be taken away (null or empty: `Some(None)`) or be replaced.
pub fn patched<T>(fields: &mut Fields, field: &str, raw: Option<&Option<String>>, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Option<Option<T>> {
    raw.map(|raw| fields.optional(field, raw.as_deref(), parse))
}

/// Parses a text that may stay or be replaced, but is always there.
pub fn replaced<T>(fields: &mut Fields, field: &str, raw: Option<&str>, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Option<T> {
    raw.and_then(|raw| fields.parsed(field, parse(raw)))
}

/// An object or null inside a body. Serde would take a list, too: the fields in their order, which is nothing to promise.
///
/// # Errors
/// It is something else.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_map(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_option(Object(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::shared::given;
    use parlor_domain::text::Name;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Patch {
        #[serde(default, deserialize_with = "given")]
        name: Option<Option<String>>,
    }

    #[test]
    fn missing_stays_null_and_empty_take_away() {
        let read = |json: &str| {
            let patch: Patch = serde_json::from_str(json).unwrap();
            let mut fields = Fields::new();
            let name = patched(&mut fields, "name", patch.name.as_ref(), Name::parse).map(|name| name.map(Name::into_string));
            (name, fields.finish().is_ok())
        };
        assert_eq!(read("{}"), (None, true));
        assert_eq!(read(r#"{"name":null}"#), (Some(None), true));
        assert_eq!(read(r#"{"name":" "}"#), (Some(None), true));
        assert_eq!(read(r#"{"name":"Nadia"}"#), (Some(Some("Nadia".to_owned())), true));
        assert_eq!(read(r#"{"name":"a\u0000"}"#), (Some(None), false));
    }
}
