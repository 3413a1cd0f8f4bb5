//! What an admin sets of a number.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// Where the platform is, unless a setting says otherwise.
pub const DEFAULT_GRAPH_URL: &str = "https://graph.facebook.com";
/// The version of its interface (Graph API v26.0, 29 July 2026).
pub const DEFAULT_GRAPH_VERSION: &str = "v26.0";

/// A token or secret of the platform. Never shown.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes 1–1,000 visible characters without white space.
    ///
    /// # Errors
    /// [`InvalidSettings`] for anything else.
    pub fn parse(raw: &str) -> Result<Self, InvalidSettings> {
        let text = raw.trim();
        if text.is_empty() || text.len() > 1_000 || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(InvalidSettings("must have 1 to 1,000 visible ASCII characters without white space"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The plain text, for the platform alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A setting that cannot be used. The words are shown to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub &'static str);

/// A text that the platform has approved: what may be sent when the customer has not written for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// As the platform calls it: lower-case letters, digits and underscores.
    pub name: String,
    /// Its language as the platform writes it, such as `de` or `en_US`.
    pub language: String,
    /// Its text, with its places as `{{1}}`, `{{2}}` …
    pub text: String,
}

impl Template {
    /// Checks one.
    ///
    /// # Errors
    /// [`InvalidSettings`] says what is wrong.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        let name_fits = !self.name.is_empty() && self.name.len() <= 512 && self.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let language_fits = (2..=15).contains(&self.language.len()) && self.language.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !name_fits {
            return Err(InvalidSettings("a template's name has lower-case letters, digits and underscores"));
        }
        if !language_fits {
            return Err(InvalidSettings("a template's language is written as the platform does, such as de or en_US"));
        }
        if self.text.trim().is_empty() || self.text.chars().count() > 4_096 || self.text.contains('\0') {
            return Err(InvalidSettings("a template's text has 1 to 4,096 characters"));
        }
        Ok(())
    }

    /// How many places it has.
    #[must_use]
    pub fn places(&self) -> usize {
        (1..=64).take_while(|place| self.text.contains(&format!("{{{{{place}}}}}"))).count()
    }

    /// Its text with its places filled.
    #[must_use]
    pub fn fill(&self, parameters: &[String]) -> String {
        // In one walk: what a parameter says is never a place.
        let mut filled = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let place = after
                .split_once("}}")
                .and_then(|(number, left)| Some((number.trim().parse::<usize>().ok()?, left)));
            match place {
                Some((number, left)) => {
                    filled.push_str(number.checked_sub(1).and_then(|place| parameters.get(place)).map_or("", String::as_str));
                    rest = left;
                }
                None => {
                    filled.push_str("{{");
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

/// A number of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatsappSettings {
    /// What the platform calls it; unique on the server.
    pub phone_number_id: String,
    /// The account that it belongs to.
    #[serde(default)]
    pub waba_id: Option<String>,
    /// The number as people write it.
    #[serde(default)]
    pub display_phone: Option<String>,
    /// Where the platform is; `None`: where the operator says.
    #[serde(default)]
    pub graph_base_url: Option<String>,
    /// The version of its interface; `None`: [`DEFAULT_GRAPH_VERSION`].
    #[serde(default)]
    pub graph_version: Option<String>,
    /// What agents may choose from outside the customer's 24 hours.
    #[serde(default)]
    pub templates: Vec<Template>,
}

impl WhatsappSettings {
    /// The most templates.
    pub const MAX_TEMPLATES: usize = 250;

    /// Checks them all.
    ///
    /// # Errors
    /// The field, and [`InvalidSettings`] that says what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, InvalidSettings)> {
        let digits = |text: &str| (1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
        let wrong = |field, words| Err((field, InvalidSettings(words)));
        if !digits(&self.phone_number_id) {
            return wrong(
                "phone_number_id",
                "must be the number's id in digits, as the platform's console shows it (not the phone number)",
            );
        }
        if self.waba_id.as_deref().is_some_and(|id| !digits(id)) {
            return wrong("waba_id", "must be the account's id in digits");
        }
        if self
            .display_phone
            .as_deref()
            .is_some_and(|phone| phone.chars().count() > 32 || phone.contains('\0'))
        {
            return wrong("display_phone", "must have at most 32 characters");
        }
        let version_fits = |version: &str| {
            let number = version.strip_prefix('v').and_then(|number| number.split_once('.'));
            // A sign would parse, too.
            let fits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u16>().is_ok();
            number.is_some_and(|(major, minor)| fits(major) && fits(minor))
        };
        if self.graph_version.as_deref().is_some_and(|version| !version_fits(version)) {
            return wrong("graph_version", "must be a version such as v26.0");
        }
        if self.templates.len() > Self::MAX_TEMPLATES {
            return wrong("templates", "must be at most 250");
        }
        for template in &self.templates {
            template.check().map_err(|error| ("templates", error))?;
        }
        let mut seen = HashSet::new();
        if !self.templates.iter().all(|template| seen.insert((&template.name, &template.language))) {
            return wrong("templates", "must not have the same name and language twice");
        }
        Ok(())
    }

    /// The template with this name, in this language or, without one, the only one.
    #[must_use]
    pub fn template(&self, name: &str, language: Option<&str>) -> Option<&Template> {
        let mut fitting = self
            .templates
            .iter()
            .filter(|template| template.name == name && language.is_none_or(|language| template.language == language));
        let first = fitting.next()?;
        (language.is_some() || fitting.next().is_none()).then_some(first)
    }
}

/// What the platform and we prove ourselves with to one another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WhatsappSecrets {
    /// What opens the platform to us. Without one nothing is sent.
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// What the platform signs its deliveries with. Without one none is believed.
    #[serde(default)]
    pub app_secret: Option<Secret>,
    /// What the platform says when it subscribes.
    #[serde(default)]
    pub verify_token: Option<Secret>,
}

/// What shall be different; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WhatsappEdit {
    /// The settings, as a whole.
    pub settings: Option<WhatsappSettings>,
    /// The settings that these were made from: with others in force now, nothing is changed.
    pub settings_were: Option<WhatsappSettings>,
    /// `Some(None)` takes it away. Without a new one it goes away with a change of the platform's address.
    pub access_token: Option<Option<Secret>>,
    /// `Some(None)` takes it away.
    pub app_secret: Option<Option<Secret>>,
    /// `Some(None)` takes it away.
    pub verify_token: Option<Option<Secret>>,
}

/// Why a number cannot be used right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatsappHealth {
    /// The platform's code.
    pub code: i64,
    /// What it says.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template {
            name: "order_ready".to_owned(),
            language: "de".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_template_is_filled_in_one_walk() {
        let two = template("Order {{1}} for {{2}} is ready.");
        assert_eq!(two.places(), 2);
        let filled = two.fill(&["{{2}}".to_owned(), "Nadia".to_owned()]);
        assert_eq!(filled, "Order {{2}} for Nadia is ready.");
        assert_eq!(template("{{ no place }} {{1").fill(&[]), "{{ no place }} {{1");
    }

    #[test]
    fn settings_are_checked_field_by_field() {
        let fine = WhatsappSettings {
            phone_number_id: "830000000000001".to_owned(),
            waba_id: None,
            display_phone: None,
            graph_base_url: None,
            graph_version: Some("v26.0".to_owned()),
            templates: vec![template("Ready.")],
        };
        assert_eq!(fine.check(), Ok(()));
        let wrong = |change: fn(&mut WhatsappSettings)| {
            let mut settings = fine.clone();
            change(&mut settings);
            settings.check().map_err(|(field, _)| field)
        };
        assert_eq!(wrong(|s| s.phone_number_id = "+49 170".to_owned()), Err("phone_number_id"));
        assert_eq!(wrong(|s| s.graph_version = Some("26".to_owned())), Err("graph_version"));
        for version in ["v+1.+1", "v1.+1", "v-1.0", "v1.", "v.1", "v1.0.0", "v 1.0", "v٢.0", "v99999.0"] {
            let mut settings = fine.clone();
            settings.graph_version = Some(version.to_owned());
            assert_eq!(settings.check().map_err(|(field, _)| field), Err("graph_version"), "{version}");
        }
        assert_eq!(wrong(|s| s.templates = vec![template(" ")]), Err("templates"));
        assert_eq!(wrong(|s| s.templates.push(template("Other words."))), Err("templates"));
        assert_eq!(
            wrong(|s| s.templates.push(Template {
                language: "en".to_owned(),
                ..template("Ready.")
            })),
            Ok(())
        );
        assert!(Secret::parse("two words").is_err() && Secret::parse(" token ").is_ok_and(|secret| secret.expose() == "token"));
        assert_eq!(format!("{:?}", Secret::parse("token")), "Ok(Secret(…))");
    }

    #[test]
    fn a_template_without_a_language_is_found_if_it_is_the_only_one() {
        let mut settings = WhatsappSettings {
            phone_number_id: "1".to_owned(),
            waba_id: None,
            display_phone: None,
            graph_base_url: None,
            graph_version: None,
            templates: vec![template("Fertig.")],
        };
        assert!(settings.template("order_ready", None).is_some());
        settings.templates.push(Template {
            language: "en".to_owned(),
            ..template("Ready.")
        });
        assert!(settings.template("order_ready", None).is_none());
        assert!(settings.template("order_ready", Some("en")).is_some_and(|found| found.text == "Ready."));
    }
}
