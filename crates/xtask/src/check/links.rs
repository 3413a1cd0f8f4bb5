//! Links from one document to another lead somewhere.

use super::files;
use anyhow::{Result, bail};
use std::{fs, path::Path};

pub fn check() -> Result<()> {
    let (mut dead, mut count) = (Vec::new(), 0);
    for file in files::tracked()?.iter().filter(|file| file.ends_with(".md")) {
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        for target in relative_targets(&fs::read_to_string(file)?) {
            count += 1;
            if !folder.join(&target).exists() {
                dead.push(format!("{file}: {target} does not exist"));
            }
        }
    }
    if !dead.is_empty() {
        bail!("{}", dead.join("\n"));
    }
    println!("{count} links, all of them alive");
    Ok(())
}

/// The files that a document links to: `[text](path#part "title")`, outside code.
fn relative_targets(markdown: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
            targets.extend(prose.split("](").skip(1).filter_map(target));
        }
    }
    targets
}

/// From what follows `](`; nothing for addresses, places on the same page and paths of the running server.
fn target(rest: &str) -> Option<String> {
    let link = rest.split([')', '#', ' ']).next().unwrap_or_default().trim_matches(['<', '>']);
    let outside = link.is_empty() || link.starts_with('/') || link.contains("://") || link.starts_with("mailto:");
    (!outside).then(|| link.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_left_alone() {
        let markdown = "See [one](docs/one.md#part), ![two](two.png \"Two\") and [web](https://example.com/a.md), [here](#here), [page](/api/docs/).";
        assert_eq!(relative_targets(markdown), ["docs/one.md", "two.png"]);
    }

    #[test]
    fn code_has_no_links() {
        assert_eq!(relative_targets("`[a](b)` and [c](d)\n```\n[e](f)\n```\n[g](h)"), ["d", "h"]);
    }
}
