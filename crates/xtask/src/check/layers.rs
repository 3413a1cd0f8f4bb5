//! Which crate may depend on which: the layers of docs/architecture.md, read from the manifests.

use crate::process::{capture, cargo};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{env, fs, path::Path};

/// Our own crates, each with those of ours that its product may use. Tests may use any.
const INWARD: [(&str, &[&str]); 9] = [
    ("parlor-domain", &[]),
    ("parlor-migration", &[]),
    ("parlor-infra", &["parlor-domain", "parlor-migration"]),
    ("parlor-api", &["parlor-domain"]),
    ("parlor-web", &["parlor-domain"]),
    (
        "parlor-server",
        &["parlor-api", "parlor-domain", "parlor-infra", "parlor-migration", "parlor-web"],
    ),
    ("parlor-testkit", &["parlor-domain"]),
    (
        "parlor-bench",
        &[
            "parlor-api",
            "parlor-domain",
            "parlor-infra",
            "parlor-migration",
            "parlor-testkit",
            "parlor-web",
        ],
    ),
    ("xtask", &[]),
];

/// Outside things, by the beginning of their names, and the crates they stay in.
const OWNERS: [Owner; 3] = [
    Owner {
        outside: &["actix"],
        product: &["parlor-api", "parlor-web", "parlor-server"],
        tests: &["parlor-api", "parlor-web", "parlor-server"],
    },
    Owner {
        outside: &["sea-orm", "sea-query", "sqlx"],
        product: &["parlor-infra", "parlor-migration"],
        tests: &["parlor-infra", "parlor-migration", "parlor-server", "parlor-bench"],
    },
    Owner {
        outside: &["reqwest", "hyper"],
        product: &["parlor-infra", "parlor-bench"],
        tests: &["parlor-infra", "parlor-server", "parlor-bench"],
    },
];

struct Owner {
    outside: &'static [&'static str],
    product: &'static [&'static str],
    tests: &'static [&'static str],
}

pub fn check() -> Result<()> {
    let metadata = capture(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let mut broken = broken_rules(&serde_json::from_str(&metadata)?)?;
    // A build of the whole workspace unites the features, so the compiler alone would let the domain spawn and sleep.
    sources_use_only_sync(&env::current_dir()?.join("crates/domain/src"), &mut broken)?;
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    println!("every crate keeps to its layer");
    Ok(())
}

fn broken_rules(metadata: &Value) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for package in list(metadata, "packages")? {
        let name = text(package, "name")?;
        let Some((_, inward)) = INWARD.iter().find(|(known, _)| *known == name) else {
            broken.push(format!("{name} has no place yet: give it one in the table INWARD"));
            continue;
        };
        for dependency in list(package, "dependencies")? {
            let used = text(dependency, "name")?;
            let in_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            let is_ours = dependency.get("path").is_some_and(Value::is_string);
            if is_ours && !in_tests && !inward.contains(&used) {
                broken.push(format!("{name} must not depend on {used}: dependencies point inward"));
            }
            for owner in &OWNERS {
                let owned = owner.outside.iter().any(|outside| used.starts_with(outside));
                let may = if in_tests { owner.tests } else { owner.product };
                if owned && !may.contains(&name) {
                    broken.push(format!("{name} must not depend on {used}{}", if in_tests { ", not even in tests" } else { "" }));
                }
            }
            if name == "parlor-domain" && used == "tokio" && !in_tests {
                let more: Vec<&str> = list(dependency, "features")?
                    .iter()
                    .filter_map(Value::as_str)
                    .filter(|feature| *feature != "sync")
                    .collect();
                if !more.is_empty() {
                    broken.push(format!("parlor-domain may use tokio with the feature `sync` only, and has {}", more.join(", ")));
                }
            }
        }
    }
    Ok(broken)
}

fn sources_use_only_sync(folder: &Path, broken: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            sources_use_only_sync(&path, broken)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path)?;
            // Modules of tests stand last in a file and may do what they like.
            let product = source.split("#[cfg(test)]").next().unwrap_or_default();
            let outside = product.split("tokio::").skip(1).any(|rest| !rest.starts_with("sync"));
            if outside {
                broken.push(format!("{} uses more of tokio than tokio::sync", path.display()));
            }
        }
    }
    Ok(())
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value
        .get(key)
        .and_then(Value::as_array)
        .with_context(|| format!("cargo metadata has no list `{key}`"))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("cargo metadata has no text `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(package: &str, dependency: Value) -> Vec<String> {
        broken_rules(&json!({ "packages": [{ "name": package, "dependencies": [dependency] }] })).unwrap()
    }

    #[test]
    fn dependencies_point_inward() {
        assert_eq!(
            verdict(
                "parlor-api",
                json!({ "name": "parlor-domain", "kind": null, "path": "/domain", "features": [] })
            ),
            [""; 0]
        );
        assert_eq!(
            verdict("parlor-api", json!({ "name": "parlor-infra", "kind": null, "path": "/infra", "features": [] })).len(),
            1
        );
        assert_eq!(
            verdict(
                "parlor-api",
                json!({ "name": "parlor-testkit", "kind": "dev", "path": "/testkit", "features": [] })
            ),
            [""; 0]
        );
    }

    #[test]
    fn outside_things_stay_with_their_owners() {
        assert_eq!(verdict("parlor-infra", json!({ "name": "sea-orm", "kind": null, "features": [] })), [""; 0]);
        assert_eq!(verdict("parlor-api", json!({ "name": "sea-orm", "kind": null, "features": [] })).len(), 1);
        assert_eq!(verdict("parlor-domain", json!({ "name": "actix-web", "kind": "dev", "features": [] })).len(), 1);
        assert_eq!(verdict("parlor-server", json!({ "name": "sea-orm", "kind": "dev", "features": [] })), [""; 0]);
    }

    #[test]
    fn the_domain_has_tokios_locks_and_channels_and_no_more() {
        assert_eq!(
            verdict("parlor-domain", json!({ "name": "tokio", "kind": null, "features": ["sync"] })),
            [""; 0]
        );
        assert_eq!(
            verdict("parlor-domain", json!({ "name": "tokio", "kind": null, "features": ["sync", "time"] })).len(),
            1
        );
    }

    #[test]
    fn a_new_crate_must_be_given_a_place() {
        assert_eq!(
            broken_rules(&json!({ "packages": [{ "name": "parlor-new", "dependencies": [] }] }))
                .unwrap()
                .len(),
            1
        );
    }
}
