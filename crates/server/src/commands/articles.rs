use super::agent::find_workspace;
use crate::wiring::Wired;
use anyhow::{Context, bail};
use clap::Subcommand;
use parlor_domain::article::{ArticleBody, Slug};
use parlor_domain::text::Line;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What can be done with help articles.
#[derive(Debug, Subcommand)]
pub enum ArticlesCommand {
    /// Bring all Markdown files of a folder in: new ones are published, known ones (by file name) changed
    Import {
        /// The folder. The first `# ` heading of a file is its title
        dir: PathBuf,
        /// The name of the workspace; without it the first one
        #[arg(long)]
        workspace: Option<String>,
    },
}

/// Does it and tells the answer.
pub async fn run(command: ArticlesCommand, wired: &Wired) -> anyhow::Result<String> {
    let ArticlesCommand::Import { dir, workspace } = command;
    let articles = read_folder(&dir)?;
    let workspace = find_workspace(wired, workspace.as_deref()).await?;
    let imported = wired.state.articles.import(workspace, articles).await?;
    Ok(format!(
        "created: {}, changed: {}, unchanged: {}",
        imported.created, imported.changed, imported.unchanged
    ))
}

/// All or nothing: a file that cannot be an article stops the import before anything is stored.
fn read_folder(dir: &Path) -> anyhow::Result<Vec<(Slug, Line, ArticleBody)>> {
    let place = || format!("cannot read the folder {}", dir.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(place)? {
        let path = entry.with_context(place)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md")) {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("there is no .md file in {}", dir.display());
    }
    files.sort();
    let mut seen: BTreeMap<Slug, PathBuf> = BTreeMap::new();
    let mut articles = Vec::with_capacity(files.len());
    for path in files {
        let article = read_file(&path).with_context(|| format!("{} cannot be an article", path.display()))?;
        if let Some(other) = seen.insert(article.0.clone(), path.clone()) {
            bail!("{} and {} would have the same address: rename one of them", other.display(), path.display());
        }
        articles.push(article);
    }
    Ok(articles)
}

fn read_file(path: &Path) -> anyhow::Result<(Slug, Line, ArticleBody)> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let slug = Slug::from_words(&stem).context("nothing of its name can stand in an address")?;
    let text = std::fs::read_to_string(path)?;
    let (title, body) = split(text.trim_start_matches('\u{feff}'));
    let title = Line::parse(title.unwrap_or(&stem)).context("the title")?;
    let body = ArticleBody::parse(body.trim()).context("the text")?;
    Ok((slug, title, body))
}

/// The first heading of the first rank, and everything else. What looks so in a block of code is none.
fn split(text: &str) -> (Option<&str>, String) {
    let mut fenced = false;
    let mut title = None;
    let mut body = String::with_capacity(text.len());
    for line in text.lines() {
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
        }
        match line.strip_prefix("# ") {
            Some(heading) if title.is_none() && !fenced => title = Some(heading.trim()),
            _ => {
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    (title, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_heading_is_the_title_and_leaves_the_text() {
        assert_eq!(split("# Refunds\n\nThree days.\n"), (Some("Refunds"), "\nThree days.\n".to_owned()));
        assert_eq!(split("Text\r\n# A\n# B"), (Some("A"), "Text\n# B\n".to_owned()));
        assert_eq!(split("```sh\n# no title\n```\n# Yes"), (Some("Yes"), "```sh\n# no title\n```\n".to_owned()));
        assert_eq!(split("## Part\n#no"), (None, "## Part\n#no\n".to_owned()));
    }
}
