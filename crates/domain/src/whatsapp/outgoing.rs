//! What goes out to a customer.

use super::incoming::MediaKind;
use super::settings::Template;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// To whom: exactly one of the two ways to name a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// By phone number, in digits. Preferred while it is known.
    Phone(String),
    /// By user id.
    User(String),
}

/// A template that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateCall {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// What its places say.
    #[serde(default)]
    pub parameters: Vec<String>,
}

/// A template cannot be sent so. The words are shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTemplate(pub String);

impl TemplateCall {
    /// Checks it against the template, and answers it with the words that the customer will read.
    ///
    /// # Errors
    /// [`InvalidTemplate`] says what is wrong.
    pub fn of(template: &Template, parameters: Vec<String>) -> Result<(Self, String), InvalidTemplate> {
        let places = template.places();
        if parameters.len() != places {
            return Err(InvalidTemplate(format!(
                "template {} has {places} places, and {} parameters were given",
                template.name,
                parameters.len()
            )));
        }
        // The platform refuses line breaks, tabs and runs of spaces in a parameter.
        let wrong = |text: &String| text.trim().is_empty() || text.chars().count() > 1_024 || text.contains(['\n', '\t', '\0']) || text.contains("     ");
        if parameters.iter().any(wrong) {
            return Err(InvalidTemplate(
                "a template's parameter has 1 to 1,024 characters, no line break or tab, and not more than four spaces in a row".to_owned(),
            ));
        }
        let text = template.fill(&parameters);
        let call = Self {
            name: template.name.clone(),
            language: template.language.clone(),
            parameters,
        };
        Ok((call, text))
    }
}

/// Something to tap on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What comes back when it is chosen.
    pub id: String,
    /// What it says.
    pub title: String,
    /// More about it, in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Words with choices to tap on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Interactive {
    /// One to three buttons.
    Buttons {
        /// They.
        buttons: Vec<Choice>,
    },
    /// A list that opens with a button.
    List {
        /// What the button says.
        button: String,
        /// One to ten rows.
        rows: Vec<Choice>,
    },
}

/// Choices cannot be sent so. The words are shown to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidInteractive(pub &'static str);

impl Interactive {
    /// The most characters of the words beside buttons.
    pub const MAX_TEXT: usize = 1_024;

    /// Reads `{"buttons":[{"id","title"}]}` or `{"button","rows":[{"id","title","description"?}]}` and checks it by the platform's
    /// rules (Cloud API, "Interactive messages").
    ///
    /// # Errors
    /// [`InvalidInteractive`] says what is wrong.
    pub fn parse(payload: &Value, text: &str) -> Result<Self, InvalidInteractive> {
        let read: Self = serde_json::from_value(payload.clone()).map_err(|_| {
            InvalidInteractive("payload must be {\"buttons\":[{\"id\",\"title\"}]} or {\"button\",\"rows\":[{\"id\",\"title\",\"description\"}]}")
        })?;
        let fits = |text: &str, most: usize| !text.trim().is_empty() && text.chars().count() <= most && !text.contains('\0');
        if !fits(text, Self::MAX_TEXT) {
            return Err(InvalidInteractive("the words beside choices have at most 1,024 characters"));
        }
        let choices = match &read {
            Self::Buttons { buttons } => {
                if !(1..=3).contains(&buttons.len()) {
                    return Err(InvalidInteractive("there are one to three buttons"));
                }
                if !buttons.iter().all(|button| fits(&button.title, 20) && fits(&button.id, 256)) {
                    return Err(InvalidInteractive("a button's title has 1 to 20 characters, its id 1 to 256"));
                }
                buttons
            }
            Self::List { button, rows } => {
                if !(1..=10).contains(&rows.len()) {
                    return Err(InvalidInteractive("a list has one to ten rows"));
                }
                if !fits(button, 20) {
                    return Err(InvalidInteractive("the button that opens a list says 1 to 20 characters"));
                }
                let row_fits = |row: &Choice| fits(&row.title, 24) && fits(&row.id, 200) && row.description.as_deref().is_none_or(|text| fits(text, 72));
                if !rows.iter().all(row_fits) {
                    return Err(InvalidInteractive(
                        "a row's title has 1 to 24 characters, its id 1 to 200, its description at most 72",
                    ));
                }
                rows
            }
        };
        let mut ids: Vec<&str> = choices.iter().map(|choice| choice.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != choices.len() {
            return Err(InvalidInteractive("each choice has an id of its own"));
        }
        Ok(read)
    }
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingContent {
    /// Words.
    Text(String),
    /// A file that was taken up before.
    Media {
        /// As what it goes.
        kind: MediaKind,
        /// What the platform calls it.
        media_id: String,
        /// Words below it, where there can be any.
        caption: Option<String>,
        /// Its name, for documents.
        file_name: Option<String>,
    },
    /// An approved text.
    Template(TemplateCall),
    /// Words with choices.
    Interactive(Interactive, String),
    /// Our sign on a message of the customer; `None` takes it away.
    Reaction {
        /// The message, as the platform calls it.
        target: String,
        /// The sign.
        emoji: Option<String>,
    },
}

/// One request to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// To whom.
    pub to: Recipient,
    /// What.
    pub content: OutgoingContent,
    /// The message that it answers, as the platform calls it.
    pub reply_to: Option<String>,
    /// What comes back with each status, so that one can be told from another even if no answer comes: at most 512 characters.
    pub callback_data: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn choices_keep_the_rules_of_the_platform() {
        let ok = json!({"buttons": [{"id": "hold", "title": "Yes please"}, {"id": "no", "title": "No"}]});
        assert!(Interactive::parse(&ok, "Shall we hold one?").is_ok());
        let list = json!({"button": "Choose", "rows": [{"id": "a", "title": "Blue", "description": "three left"}]});
        assert!(Interactive::parse(&list, "Which?").is_ok());
        for (wrong, text) in [
            (json!({"buttons": []}), "x"),
            (json!({"buttons": [{"id": "a", "title": "A"}, {"id": "a", "title": "B"}]}), "x"),
            (json!({"buttons": [{"id": "a", "title": "123456789012345678901"}]}), "x"),
            (
                json!({"buttons": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}, {"id": "c", "title": "C"}, {"id": "d", "title": "D"}]}),
                "x",
            ),
            (json!({"button": "Choose", "rows": []}), "x"),
            (json!({"button": "", "rows": [{"id": "a", "title": "A"}]}), "x"),
            (json!({"rows": [{"id": "a", "title": "A"}]}), "x"),
            (json!({"buttons": [{"id": "a", "title": "A"}]}), ""),
            (json!([]), "x"),
        ] {
            assert!(Interactive::parse(&wrong, text).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_template_is_sent_with_all_its_places() {
        let template = Template {
            name: "order_ready".to_owned(),
            language: "de".to_owned(),
            text: "Bestellung {{1}} ist fertig.".to_owned(),
        };
        let sent = TemplateCall::of(&template, vec!["A-17".to_owned()]).map(|(_, text)| text);
        assert_eq!(sent, Ok("Bestellung A-17 ist fertig.".to_owned()));
        for parameters in [vec![], vec![" ".to_owned()], vec!["a\nb".to_owned()], vec!["a".to_owned(), "b".to_owned()]] {
            assert!(TemplateCall::of(&template, parameters).is_err());
        }
    }
}
