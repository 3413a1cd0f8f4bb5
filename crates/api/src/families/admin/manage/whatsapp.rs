//! The number that a channel on WhatsApp is: its settings, how it does, and what its set-up lacks.

use super::assistant::is_web_address;
use crate::extract::{Fields, objects};
use crate::families::admin::form::patched;
use crate::families::shared::given;
use crate::problem::Problem;
use crate::state::AppState;
use parlor_domain::channel::Channel;
use parlor_domain::security::SecurityError;
use parlor_domain::text::{InvalidText, Line};
use parlor_domain::whatsapp::{
    DEFAULT_GRAPH_VERSION, NumberFacts, Secret, SendFailure, Template, Verdict, WhatsappEdit, WhatsappHealth, WhatsappSecrets, WhatsappSettings, verdict_of,
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Where the platform delivers.
const WEBHOOK: &str = "/api/channels/whatsapp/webhook";

/// A text that the platform has approved: what may be sent when the customer has not written for 24 hours.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatsappTemplateShape {
    /// As the platform calls it.
    #[schema(example = "order_ready", max_length = 512)]
    name: String,
    /// Its language as the platform writes it.
    #[schema(example = "en_US", min_length = 2, max_length = 15)]
    language: String,
    /// Its text, with its places as `{{1}}`, `{{2}}` …
    #[schema(example = "Your order {{1}} is ready.", min_length = 1, max_length = 4096)]
    text: String,
}

impl From<&Template> for WhatsappTemplateShape {
    fn from(template: &Template) -> Self {
        let Template { name, language, text } = template.clone();
        Self { name, language, text }
    }
}

impl From<WhatsappTemplateShape> for Template {
    fn from(shape: WhatsappTemplateShape) -> Self {
        let WhatsappTemplateShape { name, language, text } = shape;
        Self { name, language, text }
    }
}

/// What becomes of messages that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhatsappModeWord {
    /// They go to the platform.
    Live,
    /// They are stored with status `logged` and go nowhere: there is no access token.
    LogOnly,
}

/// Why a number cannot be used right now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatsappHealthResponse {
    /// The platform's code; 0: it is not the platform that objects.
    #[schema(example = 190)]
    code: i64,
    /// What it says.
    #[schema(example = "Access token has expired")]
    message: String,
    /// Since when.
    #[schema(example = "2026-11-20T09:00:00.000Z", format = DateTime)]
    since: String,
}

impl From<&WhatsappHealth> for WhatsappHealthResponse {
    fn from(health: &WhatsappHealth) -> Self {
        Self {
            code: health.code,
            message: health.message.clone(),
            since: health.since.to_rfc3339(),
        }
    }
}

/// A number of ours. Its secrets are never shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatsappSettingsResponse {
    /// What the platform calls the number.
    #[schema(example = "830000000000001")]
    phone_number_id: String,
    /// The account that it belongs to.
    #[schema(example = "811000000000001")]
    waba_id: Option<String>,
    /// The number as people write it.
    #[schema(example = "+1 555-000-1111")]
    display_phone: Option<String>,
    /// Where the platform is; null: where the server's environment says, else `https://graph.facebook.com`.
    #[schema(example = "https://graph.example.com")]
    graph_base_url: Option<String>,
    /// The version of its interface.
    #[schema(example = "v26.0")]
    graph_version: String,
    /// What agents may choose from when the customer has not written for 24 hours.
    templates: Vec<WhatsappTemplateShape>,
    /// Whether there is an access token, its own or, for the operator's number, the one of the server's environment.
    #[schema(example = true)]
    has_access_token: bool,
    /// Whether there is an app secret, in the same way. Without one no delivery is believed.
    #[schema(example = true)]
    has_app_secret: bool,
    /// Whether there is a verify token, in the same way. Without one the platform cannot subscribe.
    #[schema(example = true)]
    has_verify_token: bool,
    /// What becomes of messages that are sent.
    mode: WhatsappModeWord,
    /// What to enter as the webhook's address in the platform's console.
    #[schema(example = "https://chat.example.com/api/channels/whatsapp/webhook")]
    webhook_url: String,
    /// Why it cannot be used right now; null: nothing is known against it.
    health: Option<WhatsappHealthResponse>,
}

impl WhatsappSettingsResponse {
    /// Those of a channel; `None` if it is no number.
    pub fn new(channel: &Channel, state: &AppState) -> Option<Self> {
        let settings = channel.whatsapp.as_ref()?;
        let (secrets, health) = match state.whatsapp.numbers().secrets_of(channel) {
            Ok(secrets) => (secrets, channel.whatsapp_health.as_ref().map(Into::into)),
            // Said here and not refused, so that an admin still sees the channel and can mend it.
            Err(error) => (WhatsappSecrets::default(), Some(unreadable(channel, &error))),
        };
        Some(Self {
            phone_number_id: settings.phone_number_id.clone(),
            waba_id: settings.waba_id.clone(),
            display_phone: settings.display_phone.clone(),
            graph_base_url: settings.graph_base_url.clone(),
            graph_version: settings.graph_version.clone().unwrap_or_else(|| DEFAULT_GRAPH_VERSION.to_owned()),
            templates: settings.templates.iter().map(Into::into).collect(),
            has_access_token: secrets.access_token.is_some(),
            has_app_secret: secrets.app_secret.is_some(),
            has_verify_token: secrets.verify_token.is_some(),
            mode: if secrets.access_token.is_some() {
                WhatsappModeWord::Live
            } else {
                WhatsappModeWord::LogOnly
            },
            webhook_url: format!("{}{WEBHOOK}", state.settings.public_url),
            health,
        })
    }
}

fn unreadable(channel: &Channel, error: &SecurityError) -> WhatsappHealthResponse {
    tracing::error!(%error, channel = %channel.id, "the secrets of a channel cannot be opened");
    WhatsappHealthResponse {
        code: 0,
        message: "the stored secrets cannot be read: set access_token, app_secret and verify_token again".to_owned(),
        since: channel.updated_at.to_rfc3339(),
    }
}

/// A number of ours. What is missing stays as it is, null takes away.
// No `Debug`: there are secrets in it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatsappSettingsRequest {
    /// What the platform calls the number, in digits: not the phone number. Unique on the server; needed for a new channel.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "830000000000001", max_length = 32)]
    phone_number_id: Option<Option<String>>,
    /// The account that it belongs to, in digits.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "811000000000001", max_length = 32)]
    waba_id: Option<Option<String>>,
    /// The number as people write it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "+1 555-000-1111", max_length = 32)]
    display_phone: Option<Option<String>>,
    /// Where the platform is, http or https; without it where the server's environment says. A change takes the stored access token away
    /// unless `access_token` comes with it: the token must not reach another server.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "https://graph.example.com", max_length = 500)]
    graph_base_url: Option<Option<String>>,
    /// The version of its interface; `v26.0` without it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "v26.0")]
    graph_version: Option<Option<String>>,
    /// Approved templates, replaced as a whole; at most 250.
    #[serde(default, deserialize_with = "templates")]
    #[schema(value_type = Option<Vec<WhatsappTemplateShape>>, max_items = 250)]
    templates: Option<Option<Vec<WhatsappTemplateShape>>>,
    /// What opens the platform; stored encrypted and never shown. Without one messages are stored and not sent.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, write_only, example = "example-access-token", max_length = 1000)]
    access_token: Option<Option<String>>,
    /// What the platform signs its deliveries with; stored encrypted and never shown. Without one no delivery is taken.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, write_only, example = "example-app-secret", max_length = 1000)]
    app_secret: Option<Option<String>>,
    /// The word that the platform says when it subscribes; stored encrypted and never shown.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, write_only, example = "example-verify-token", max_length = 1000)]
    verify_token: Option<Option<String>>,
}

fn templates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<WhatsappTemplateShape>>>, D::Error> {
    objects(deserializer).map(Some)
}

impl WhatsappSettingsRequest {
    /// What shall be different about a number, or about one that is not there yet.
    pub fn onto(self, known: Option<&WhatsappSettings>, fields: &mut Fields) -> WhatsappEdit {
        WhatsappEdit {
            access_token: secret(fields, "access_token", self.access_token.as_ref()),
            app_secret: secret(fields, "app_secret", self.app_secret.as_ref()),
            verify_token: secret(fields, "verify_token", self.verify_token.as_ref()),
            settings_were: known.cloned(),
            settings: self.settings(known, fields),
        }
    }

    fn settings(self, known: Option<&WhatsappSettings>, fields: &mut Fields) -> Option<WhatsappSettings> {
        let touched = self.phone_number_id.is_some()
            || self.waba_id.is_some()
            || self.display_phone.is_some()
            || self.graph_base_url.is_some()
            || self.graph_version.is_some()
            || self.templates.is_some();
        if !touched && known.is_some() {
            return None;
        }
        let text = |given: Option<Option<String>>, known: Option<String>| match given {
            None => known,
            Some(raw) => raw.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        };
        let before = |field: fn(&WhatsappSettings) -> Option<String>| known.and_then(field);
        let Some(phone_number_id) = text(self.phone_number_id, known.map(|known| known.phone_number_id.clone())) else {
            fields.wrong("whatsapp.phone_number_id", "is required");
            return None;
        };
        let base_url = patched(fields, "whatsapp.graph_base_url", self.graph_base_url.as_ref(), parse_base_url);
        let settings = WhatsappSettings {
            phone_number_id,
            waba_id: text(self.waba_id, before(|known| known.waba_id.clone())),
            display_phone: text(self.display_phone, before(|known| known.display_phone.clone())),
            graph_base_url: base_url.unwrap_or_else(|| before(|known| known.graph_base_url.clone())),
            graph_version: text(self.graph_version, before(|known| known.graph_version.clone())),
            templates: match self.templates {
                None => known.map(|known| known.templates.clone()).unwrap_or_default(),
                Some(given) => given.unwrap_or_default().into_iter().map(Into::into).collect(),
            },
        };
        if let Err((field, why)) = settings.check() {
            fields.wrong(&format!("whatsapp.{field}"), why);
        }
        Some(settings)
    }
}

fn secret(fields: &mut Fields, name: &str, raw: Option<&Option<String>>) -> Option<Option<Secret>> {
    let given = raw?.as_deref().filter(|text| !text.trim().is_empty());
    Some(given.and_then(|text| fields.parsed(&format!("whatsapp.{name}"), Secret::parse(text))))
}

/// An http(s) address to which paths are added.
fn parse_base_url(raw: &str) -> Result<String, InvalidText> {
    let line = Line::parse(raw.trim().trim_end_matches('/'))?;
    if is_web_address(line.as_str()) && !line.as_str().contains('?') {
        Ok(line.into_string())
    } else {
        Err(InvalidText::Shape(
            "must be an http or https address such as https://graph.example.com, without user, query and fragment",
        ))
    }
}

/// How the set-up of a number does: whether the platform takes its token, then whether deliveries are believed and can be subscribed.
pub struct NumberChecks {
    /// Whether messages go out, and what was seen.
    pub number: (bool, String),
    /// Whether deliveries are believed.
    pub app_secret: (bool, String),
    /// Whether the webhook can be subscribed.
    pub verify_token: (bool, String),
}

/// Tries a number; `None` if the channel is none. What the platform says stays with the channel as its health.
pub async fn check_number(channel: &Channel, state: &AppState) -> Result<Option<NumberChecks>, Problem> {
    let secrets = match state.whatsapp.numbers().secrets_of(channel) {
        Ok(secrets) => secrets,
        Err(error) => {
            let unread = (false, unreadable(channel, &error).message);
            let (number, app_secret, verify_token) = (unread.clone(), unread.clone(), unread);
            return Ok(Some(NumberChecks {
                number,
                app_secret,
                verify_token,
            }));
        }
    };
    let Some(number) = state.whatsapp.numbers().number(channel)? else {
        return Ok(None);
    };
    let set = |given: bool, fine: &str, lacking: &str| (given, if given { fine } else { lacking }.to_owned());
    let seen = if number.access_token.is_none() {
        (
            false,
            "there is no access token: messages are stored with status logged, and not sent".to_owned(),
        )
    } else {
        let answered = state.whatsapp.gateway().check(&number).await;
        note_health(channel, state, &answered).await?;
        match answered {
            Ok(facts) => (true, words(&facts)),
            Err(SendFailure::Refused(error)) => (false, format!("the platform refuses the number with code {}: {}", error.code, error.message)),
            Err(SendFailure::Unreached(_) | SendFailure::Unknown(_)) => (false, "the platform cannot be reached, or does not answer".to_owned()),
        }
    };
    Ok(Some(NumberChecks {
        number: seen,
        app_secret: set(
            secrets.app_secret.is_some(),
            "an app secret is set",
            "there is no app secret: all deliveries of the platform are refused",
        ),
        verify_token: set(
            secrets.verify_token.is_some(),
            "a verify token is set",
            "there is no verify token: the platform cannot subscribe the webhook",
        ),
    }))
}

async fn note_health(channel: &Channel, state: &AppState, answered: &Result<NumberFacts, SendFailure>) -> Result<(), Problem> {
    let health = match answered {
        Ok(_) if channel.whatsapp_health.is_some() => None,
        Err(SendFailure::Refused(error)) if matches!(verdict_of(error), Verdict::Credentials | Verdict::Restricted) => {
            let known = channel.whatsapp_health.as_ref().filter(|known| known.code == error.code);
            Some(WhatsappHealth {
                code: error.code,
                message: error.message.chars().take(500).collect(),
                since: known.map_or_else(|| state.clock.now(), |known| known.since),
            })
        }
        // Nothing new, or nothing that tells anything about the number.
        Ok(_) | Err(_) => return Ok(()),
    };
    Ok(state.channels.set_health(channel, health).await?)
}

fn words(facts: &NumberFacts) -> String {
    let NumberFacts {
        display_phone,
        verified_name,
        quality,
    } = facts;
    let quality = quality.as_ref().map(|quality| format!("quality {quality}"));
    let known: Vec<&str> = [display_phone, verified_name, &quality].into_iter().filter_map(Option::as_deref).collect();
    if known.is_empty() {
        "the platform knows the number".to_owned()
    } else {
        format!("the platform knows the number: {}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value, known: Option<&WhatsappSettings>) -> (WhatsappEdit, Vec<String>) {
        let request: WhatsappSettingsRequest = serde_json::from_value(json).unwrap();
        let mut fields = Fields::new();
        let edit = request.onto(known, &mut fields);
        let wrong = fields.finish().err().map(|problem| problem.errors).unwrap_or_default();
        (edit, wrong.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn what_is_missing_stays_and_null_takes_away() {
        let all = serde_json::json!({
            "phone_number_id": "830000000000001", "waba_id": "811000000000001", "display_phone": "+1 555-000-1111",
            "graph_base_url": "https://graph.example.com/", "graph_version": "v26.0",
            "templates": [{"name": "order_ready", "language": "de", "text": "Fertig."}], "access_token": " token ", "app_secret": "secret"
        });
        let (edit, wrong) = read(all, None);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(edit.access_token.flatten().as_ref().map(Secret::expose), Some("token"));
        assert!(edit.verify_token.is_none());
        let settings = edit.settings.unwrap();
        assert_eq!(settings.graph_base_url.as_deref(), Some("https://graph.example.com"));
        let (kept, _) = read(serde_json::json!({"app_secret": null}), Some(&settings));
        assert_eq!((kept.settings, kept.app_secret), (None, Some(None)));
        let (renamed, _) = read(serde_json::json!({"display_phone": null, "graph_base_url": null}), Some(&settings));
        let expected = WhatsappSettings {
            display_phone: None,
            graph_base_url: None,
            ..settings.clone()
        };
        assert_eq!(renamed.settings, Some(expected));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let with = |field: &str, value: serde_json::Value| {
            let mut body = serde_json::json!({"phone_number_id": "830000000000001"});
            body[field] = value;
            body
        };
        for (field, value) in [
            ("phone_number_id", serde_json::json!("+1 555")),
            ("phone_number_id", serde_json::Value::Null),
            ("waba_id", serde_json::json!("x")),
            ("graph_base_url", serde_json::json!("graph.example.com")),
            ("graph_base_url", serde_json::json!("https://user:word@graph.example.com")),
            ("graph_base_url", serde_json::json!("https://graph.example.com?a=b")),
            ("graph_version", serde_json::json!("26")),
            ("templates", serde_json::json!([{"name": "Order", "language": "de", "text": "x"}])),
            ("access_token", serde_json::json!("two words")),
        ] {
            let (_, wrong) = read(with(field, value.clone()), None);
            assert_eq!(wrong, [format!("whatsapp.{field}")], "{value}");
        }
        assert_eq!(read(serde_json::json!({}), None).1, ["whatsapp.phone_number_id"]);
    }
}
