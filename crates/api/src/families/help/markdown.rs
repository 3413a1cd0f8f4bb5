//! Articles as HTML. Whoever writes an article can format it, and nothing else: HTML in it is shown as text, pictures are
//! not loaded, links lead to web pages, mail programs and our own paths only.

use crate::families::html::escape;
use parlor_domain::id::ChannelId;
use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

/// An article's text as HTML. Links to other articles keep the channel that the reader came by.
pub fn render(markdown: &str, channel: Option<ChannelId>) -> String {
    let mut writer = Writer { channel, links: Vec::new() };
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).filter_map(|event| writer.event(event));
    let mut page = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut page, events);
    page
}

struct Writer {
    channel: Option<ChannelId>,
    /// For each link that is open: whether it became one.
    links: Vec<bool>,
}

impl Writer {
    /// What becomes of a piece of the article; `None`: only what is inside it stays.
    fn event<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        Some(match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            // Its other text stays.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => return None,
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                // One that lies in the text of another's picture would end that one.
                let address = if self.links.contains(&true) {
                    None
                } else {
                    self.address(link_type, &dest_url)
                };
                self.links.push(address.is_some());
                return address.map(|address| Event::InlineHtml(format!("<a href=\"{}\" rel=\"nofollow noopener\">", escape(&address)).into()));
            }
            Event::End(TagEnd::Link) => return self.links.pop().filter(|open| *open).map(|_| Event::InlineHtml("</a>".into())),
            // The page has its own title.
            Event::Start(Tag::Heading {
                level: HeadingLevel::H1,
                classes,
                attrs,
                id,
            }) => Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                classes,
                attrs,
                id,
            }),
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => Event::End(TagEnd::Heading(HeadingLevel::H2)),
            // Alignment would be written as inline style, which the page's policy forbids.
            Event::Start(Tag::Table(_)) => Event::Start(Tag::Table(Vec::new())),
            other => other,
        })
    }

    /// Where a link may lead: http, https, mailto, or a path of our own.
    fn address(&self, kind: LinkType, target: &str) -> Option<String> {
        if kind == LinkType::Email {
            return Some(format!("mailto:{target}"));
        }
        // Browsers drop line breaks and tabs before they look for a scheme, and take `\` for `/`.
        if target.is_empty() || target.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') || target.starts_with("//") {
            return None;
        }
        let scheme = target
            .split_once(':')
            .map(|(before, _)| before)
            .filter(|before| !before.contains(['/', '?', '#']));
        match scheme.map(str::to_ascii_lowercase).as_deref() {
            None => Some(self.own_path(target)),
            Some("http" | "https" | "mailto") => Some(target.to_owned()),
            Some(_) => None,
        }
    }

    fn own_path(&self, path: &str) -> String {
        match self.channel {
            Some(channel) if path.starts_with("/help/") && !path.contains(['?', '#']) => format!("{path}?channel={channel}"),
            _ => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_formatted() {
        let page = render(
            "# Top\n\n## Part\n\nSome **bold** and `code`.\n\n- one\n- two\n\n| a | b |\n|:-:|--:|\n| 1 | 2 |\n\n```rust x\nlet a = \"<b>\";\n```\n",
            None,
        );
        assert!(page.contains("<h2>Top</h2>") && page.contains("<h2>Part</h2>"), "{page}");
        assert!(
            page.contains("<strong>bold</strong>") && page.contains("<li>one</li>") && page.contains("<td>1</td>"),
            "{page}"
        );
        assert!(page.contains("&lt;b&gt;") && !page.contains("style"), "{page}");
    }

    #[test]
    fn html_is_shown_as_text() {
        for text in [
            "<script>alert(1)</script>",
            "Hi <script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<a href=\"javascript:alert(1)\" onclick=\"x()\">x</a>",
            "<!-- a comment --> and <!---->",
            "<svg/onload=alert(1)>",
            "<iframe src=\"https://example.com\"></iframe>",
            "<style>*{display:none}</style>",
            "<?php ?>",
            "<![CDATA[<b>]]>",
            "<!DOCTYPE html>",
            "**<b onmouseover=alert(1)>**",
            "`<b>`",
            "# <b>x</b>",
            "- <b>x</b>",
            "> <div>\n> x\n> </div>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "&#60;script&#62;",
            "```\"><script>\n</code></pre><script>\n```",
            "| <b> |\n|---|\n| <script> |",
        ] {
            let page = render(text, None);
            let tags: Vec<&str> = page
                .split('<')
                .skip(1)
                .map(|tag| tag.split(['>', ' ', '/']).find(|name| !name.is_empty()).unwrap_or(""))
                .collect();
            let known = [
                "p",
                "strong",
                "code",
                "pre",
                "h2",
                "ul",
                "li",
                "blockquote",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
            ];
            assert!(tags.iter().all(|tag| known.contains(tag)), "{text}: {page}");
            assert!(text.starts_with('`') || page.contains("&lt;"), "it is shown: {page}");
        }
    }

    #[test]
    fn links_lead_to_web_pages_mail_and_own_paths_only() {
        let href = |target: &str| {
            let page = render(&format!("[here]({target})"), None);
            assert!(page.contains("here") || target.contains(' '), "the words stay: {page}");
            page.split_once("href=\"")
                .map(|(_, rest)| rest.split('"').next().unwrap_or_default().to_owned())
        };
        for good in [
            "https://example.com/?a=1",
            "HTTP://example.com",
            "mailto:help@example.com",
            "/help/refunds",
            "/help/a?b=c:d",
            "refunds",
            "#part",
            "?a=b",
        ] {
            assert_eq!(href(good).as_deref(), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "javascript&colon;alert(1)",
            "&#106;avascript:alert(1)",
            "java&#10;script:alert(1)",
            "java&#9;script:alert(1)",
            "&#1;javascript:alert(1)",
            "<java\tscript:alert(1)>",
            "< javascript:alert(1)>",
            "data:text/html,<script>alert(1)</script>",
            "data:text/html;base64,PHNjcmlwdD4=",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:x",
            "tel:1",
            "//example.com",
            "/\\example.com",
            "\\\\\\\\example.com",
            "",
        ] {
            assert_eq!(href(bad), None, "{bad}");
        }
        assert!(render("<javascript:alert(1)> <data:x>", None).find("<a").is_none());
        assert!(render("<help@example.com>", None).contains("href=\"mailto:help@example.com\" rel=\"nofollow noopener\""));
        let quoted = render("[a](<https://example.com/\"onclick=\"x> \"t\\\" onclick=x\")", None);
        assert!(!quoted.contains("\"onclick") && !quoted.contains("\" onclick"), "{quoted}");
        assert!(!render("[a]: javascript:alert(1)\n\n[a] [b][a]", None).contains("<a"));
    }

    #[test]
    fn pictures_are_not_loaded_but_told() {
        let page = render("![A <b>red</b> bike](https://example.com/a.png \"x\") ![b](data:image/svg+xml,<svg>)", None);
        assert!(
            page.contains("red") && page.contains("bike") && !page.contains("<img") && !page.contains("example.com"),
            "{page}"
        );
        let nested = render("[![in [deep](https://a.example.com)](x.png)](https://b.example.com)", None);
        assert_eq!(nested.matches("<a ").count(), nested.matches("</a>").count(), "{nested}");
        assert!(
            !nested.contains("<a href=\"https://b.example.com\" rel=\"nofollow noopener\">in <a"),
            "{nested}"
        );
    }

    #[test]
    fn links_between_articles_keep_the_channel() {
        let channel: ChannelId = "018f6a3e-5b1c-7000-8000-0000000000c1".parse().unwrap();
        let page = render("[a](/help/a) [b](/help/b?x=1) [c](/other) [d](https://example.com/help/d)", Some(channel));
        assert!(
            page.contains(&format!("\"/help/a?channel={channel}\"")) && page.matches("channel=").count() == 1,
            "{page}"
        );
    }
}
