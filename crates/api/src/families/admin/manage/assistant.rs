//! The assistant of a channel: its settings, how its model does, and a try without anybody listening.

use crate::extract::{AdminAuth, Body, Fields};
use crate::families::admin::form::patched;
use crate::families::shared::{BodyProblems, CommonProblems, NotFoundProblem, StaffProblems, given};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::http::Uri;
use actix_web::{HttpResponse, post, web};
use parlor_domain::assistant::{AssistantSettings, ModelHealth, ModelKey, Prompt, Source, Tried, TriedBy};
use parlor_domain::channel::Channel;
use parlor_domain::id::ChannelId;
use parlor_domain::text::{InvalidText, Line, MessageText, Metadata, Name};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most characters of a key.
const MAX_KEY: usize = 1_000;

/// How a model server does, as this node saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthWord {
    /// Not asked yet.
    Unknown,
    /// The last answer came.
    Healthy,
    /// The last try failed.
    Failing,
}

/// How the model of a channel does.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssistantHealthResponse {
    /// In a word.
    state: HealthWord,
    /// Why it fails, or that there is none.
    #[schema(example = "the model server cannot be reached")]
    detail: Option<String>,
}

impl AssistantHealthResponse {
    fn of(channel: &Channel, state: &AppState) -> Self {
        let known = |state, detail: Option<String>| Self { state, detail };
        match state.assistant.health_of(channel) {
            Ok(None) => known(HealthWord::Unknown, Some("no model is set: help articles answer".to_owned())),
            Ok(Some(ModelHealth::Unknown)) => known(HealthWord::Unknown, None),
            Ok(Some(ModelHealth::Healthy)) => known(HealthWord::Healthy, None),
            Ok(Some(ModelHealth::Failing(why))) => known(HealthWord::Failing, Some(why.to_string())),
            // Said here and not refused, so that an admin still sees the channel and can mend it.
            Err(error) => {
                tracing::error!(%error, channel = %channel.id, "the assistant's key cannot be read");
                known(HealthWord::Failing, Some("the stored key cannot be read: set api_key again".to_owned()))
            }
        }
    }
}

/// The assistant of a channel. Its key is never shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssistantSettingsResponse {
    /// Whether it answers at all.
    #[schema(example = true)]
    enabled: bool,
    /// Whether it also answers in conversations that begin as rooms.
    #[schema(example = false)]
    in_rooms: bool,
    /// The name that its messages carry.
    #[schema(example = "Robin")]
    name: Option<String>,
    /// The model server; null: the one of the server's environment, if there is one.
    #[schema(example = "https://models.example.com/v1")]
    base_url: Option<String>,
    /// The model; null: the one of the server's environment.
    #[schema(example = "small-chat")]
    model: Option<String>,
    /// Whether a key for the model server is stored.
    #[schema(example = true)]
    has_api_key: bool,
    /// What the model is told first.
    #[schema(example = "You help the customers of a bicycle shop.")]
    system_prompt: Option<String>,
    /// How freely it answers; null: the model server's own default.
    #[schema(example = 0.3)]
    temperature: Option<f64>,
    /// The most tokens of an answer.
    #[schema(example = 800)]
    max_tokens: Option<u32>,
    /// Whether the limit goes as `max_completion_tokens`.
    #[schema(example = false)]
    max_completion_tokens: bool,
    /// Whether the model server is asked for its count of tokens.
    #[schema(example = true)]
    include_usage: bool,
    /// Whether the model is offered the tool to ask for a person.
    #[schema(example = true)]
    handover_tool: bool,
    /// Further fields of the request to the model server.
    #[schema(value_type = Option<Object>, example = json!({"top_p": 0.9}))]
    extra_body: Option<serde_json::Value>,
    /// Seconds until the first piece of an answer must come.
    #[schema(example = 30)]
    first_seconds: u16,
    /// Seconds for a whole answer.
    #[schema(example = 120)]
    whole_seconds: u16,
    /// Characters of the conversation that the model sees, newest kept.
    #[schema(example = 24000)]
    history_characters: u32,
    /// What is said when nobody can answer right now; null: Parlor's own words.
    #[schema(example = "Thank you. We will be back at nine.")]
    waiting_text: Option<String>,
    /// How well a help article must fit to be an answer, 0–100.
    #[schema(example = 40)]
    score_limit: u8,
    /// Answers in one conversation before a person must look.
    #[schema(example = 50)]
    answers_per_conversation: u32,
    /// Answers written at the same time, on each node.
    #[schema(example = 8)]
    answers_at_a_time: u16,
    /// How its model does.
    health: AssistantHealthResponse,
}

impl AssistantSettingsResponse {
    /// Those of a channel.
    pub fn new(channel: &Channel, state: &AppState) -> Self {
        let settings = &channel.assistant;
        Self {
            enabled: settings.enabled,
            in_rooms: settings.in_rooms,
            name: settings.name.as_ref().map(ToString::to_string),
            base_url: settings.base_url.as_ref().map(ToString::to_string),
            model: settings.model.as_ref().map(ToString::to_string),
            has_api_key: channel.assistant_key.is_some(),
            system_prompt: settings.system_prompt.as_ref().map(|prompt| prompt.as_str().to_owned()),
            temperature: settings.temperature_milli.map(|thousandths| f64::from(thousandths) / 1_000.0),
            max_tokens: settings.max_tokens,
            max_completion_tokens: settings.max_completion_tokens,
            include_usage: settings.include_usage,
            handover_tool: settings.handover_tool,
            extra_body: settings.extra_body.as_ref().map(|body| body.value().clone()),
            first_seconds: settings.first_seconds,
            whole_seconds: settings.whole_seconds,
            history_characters: settings.history_characters,
            waiting_text: settings.waiting_text.as_ref().map(|text| text.as_str().to_owned()),
            score_limit: settings.score_limit,
            answers_per_conversation: settings.answers_per_conversation,
            answers_at_a_time: settings.answers_at_a_time,
            health: AssistantHealthResponse::of(channel, state),
        }
    }
}

/// The assistant of a channel. What is missing stays as it is, null puts the default back.
// No `Debug`: there is a key in it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssistantSettingsRequest {
    /// Whether it answers at all; by default true, on WhatsApp false.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>, example = true)]
    enabled: Option<Option<bool>>,
    /// Whether it also answers in conversations that begin as rooms; false by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>, example = false)]
    in_rooms: Option<Option<bool>>,
    /// The name that its messages carry.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Robin", max_length = 200)]
    name: Option<Option<String>>,
    /// An OpenAI-compatible server, http or https; mostly ends in `/v1`. Without it the one of the server's environment, and without that
    /// help articles answer. A change takes the stored key away unless `api_key` comes with it: the key must not reach another server.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "https://models.example.com/v1", max_length = 500)]
    base_url: Option<Option<String>>,
    /// The model's name; without it the one of the server's environment.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "small-chat", max_length = 500)]
    model: Option<Option<String>>,
    /// The key of the model server, stored encrypted and never shown; null takes it away. Goes away by itself when `base_url` changes.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, write_only, example = "sk-example", max_length = 1000)]
    api_key: Option<Option<String>>,
    /// What the model is told first.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "You help the customers of a bicycle shop.", max_length = 8000)]
    system_prompt: Option<Option<String>>,
    /// How freely it answers, to a thousandth; without it the model server's own default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>, example = 0.3, minimum = 0, maximum = 2)]
    temperature: Option<Option<f64>>,
    /// The most tokens of an answer; without it the model server's own limit.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, example = 800, minimum = 1, maximum = 1_000_000)]
    max_tokens: Option<Option<u32>>,
    /// Whether that limit goes as `max_completion_tokens`, which some servers want; false by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>, example = false)]
    max_completion_tokens: Option<Option<bool>>,
    /// Whether the model server is asked for its count of tokens, which some refuse; true by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>, example = true)]
    include_usage: Option<Option<bool>>,
    /// Whether the model is offered the tool to ask for a person; models that know no tools refuse every question with it. True by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>, example = true)]
    handover_tool: Option<Option<bool>>,
    /// Further fields of the request to the model server, replaced as a whole; at most 8 KiB.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>, example = json!({"top_p": 0.9}))]
    extra_body: Option<Option<serde_json::Value>>,
    /// Seconds until the first piece of an answer must come; 30 by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, example = 30, minimum = 1, maximum = 120)]
    first_seconds: Option<Option<u32>>,
    /// Seconds for a whole answer; 120 by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, example = 120, minimum = 1, maximum = 600)]
    whole_seconds: Option<Option<u32>>,
    /// Characters of the conversation that the model sees, newest kept; 24,000 by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, example = 24000, minimum = 500, maximum = 200_000)]
    history_characters: Option<Option<u32>>,
    /// What is said when nobody can answer right now; without it Parlor's own words.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Thank you. We will be back at nine.", max_length = 8000)]
    waiting_text: Option<Option<String>>,
    /// How well a help article must fit to be an answer; 40 by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, example = 40, minimum = 0, maximum = 100)]
    score_limit: Option<Option<u32>>,
    /// Answers in one conversation before a person must look; 50 by default. Handing it back to the assistant counts anew.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, example = 50, minimum = 1, maximum = 100_000)]
    answers_per_conversation: Option<Option<u32>>,
    /// Answers written at the same time, on each node; 8 by default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, example = 8, minimum = 1, maximum = 1000)]
    answers_at_a_time: Option<Option<u32>>,
}

impl AssistantSettingsRequest {
    /// The settings as they shall be, and what shall become of the key. `default` is what null puts back.
    pub fn onto(self, known: &AssistantSettings, default: &AssistantSettings, fields: &mut Fields) -> (AssistantSettings, Option<Option<ModelKey>>) {
        let mut settings = known.clone();
        put(&mut settings.enabled, self.enabled, default.enabled);
        put(&mut settings.in_rooms, self.in_rooms, default.in_rooms);
        put(&mut settings.max_completion_tokens, self.max_completion_tokens, default.max_completion_tokens);
        put(&mut settings.include_usage, self.include_usage, default.include_usage);
        put(&mut settings.handover_tool, self.handover_tool, default.handover_tool);
        keep(&mut settings.name, patched(fields, "assistant.name", self.name.as_ref(), Name::parse));
        keep(&mut settings.base_url, patched(fields, "assistant.base_url", self.base_url.as_ref(), parse_url));
        keep(&mut settings.model, patched(fields, "assistant.model", self.model.as_ref(), Line::parse));
        let prompt = patched(fields, "assistant.system_prompt", self.system_prompt.as_ref(), Prompt::parse);
        keep(&mut settings.system_prompt, prompt);
        let waiting = patched(fields, "assistant.waiting_text", self.waiting_text.as_ref(), Prompt::parse);
        keep(&mut settings.waiting_text, waiting);
        if let Some(body) = self.extra_body {
            settings.extra_body = body.and_then(|body| fields.parsed("assistant.extra_body", parse_extra(body)));
        }
        if let Some(temperature) = self.temperature {
            settings.temperature_milli = temperature.and_then(|value| fields.parsed("assistant.temperature", thousandths(value)));
        }
        if let Some(most) = self.max_tokens {
            settings.max_tokens = most.and_then(|most| number(fields, "max_tokens", most, 1..=1_000_000));
        }
        let mut bounded = Bounded { fields };
        bounded.put("first_seconds", &mut settings.first_seconds, self.first_seconds, 1..=120, default.first_seconds);
        bounded.put("whole_seconds", &mut settings.whole_seconds, self.whole_seconds, 1..=600, default.whole_seconds);
        bounded.put(
            "history_characters",
            &mut settings.history_characters,
            self.history_characters,
            500..=200_000,
            default.history_characters,
        );
        bounded.put("score_limit", &mut settings.score_limit, self.score_limit, 0..=100, default.score_limit);
        bounded.put(
            "answers_per_conversation",
            &mut settings.answers_per_conversation,
            self.answers_per_conversation,
            1..=100_000,
            default.answers_per_conversation,
        );
        bounded.put(
            "answers_at_a_time",
            &mut settings.answers_at_a_time,
            self.answers_at_a_time,
            1..=1_000,
            default.answers_at_a_time,
        );
        let key = patched(fields, "assistant.api_key", self.api_key.as_ref(), parse_key);
        (settings, key)
    }
}

fn put<T>(setting: &mut T, given: Option<Option<T>>, default: T) {
    if let Some(value) = given {
        *setting = value.unwrap_or(default);
    }
}

fn keep<T>(setting: &mut Option<T>, given: Option<Option<T>>) {
    if let Some(value) = given {
        *setting = value;
    }
}

/// Takes numbers that are in their range.
struct Bounded<'a> {
    fields: &'a mut Fields,
}

impl Bounded<'_> {
    fn put<T: TryFrom<u32>>(&mut self, field: &str, setting: &mut T, given: Option<Option<u32>>, range: RangeInclusive<u32>, default: T) {
        match given {
            None => {}
            Some(None) => *setting = default,
            Some(Some(value)) => {
                if let Some(fitting) = number(self.fields, field, value, range) {
                    *setting = fitting;
                }
            }
        }
    }
}

fn number<T: TryFrom<u32>>(fields: &mut Fields, field: &str, value: u32, range: RangeInclusive<u32>) -> Option<T> {
    let fitting = T::try_from(value).ok().filter(|_| range.contains(&value));
    if fitting.is_none() {
        fields.wrong(&format!("assistant.{field}"), format!("must be between {} and {}", range.start(), range.end()));
    }
    fitting
}

fn thousandths(value: f64) -> Result<u16, &'static str> {
    if (0.0..=2.0).contains(&value) {
        Ok((value * 1_000.0).round() as u16)
    } else {
        Err("must be between 0 and 2")
    }
}

/// Further fields, but for those that an answer rests on.
fn parse_extra(body: serde_json::Value) -> Result<Metadata, InvalidText> {
    if ["messages", "model", "stream", "tools"].iter().any(|ours| body.get(ours).is_some()) {
        return Err(InvalidText::Shape("must not have messages, model, stream or tools: they are set by Parlor"));
    }
    Metadata::parse(body)
}

/// An http(s) address without a password in it: addresses are shown.
fn parse_url(raw: &str) -> Result<Line, InvalidText> {
    const WRONG: InvalidText = InvalidText::Shape("must be an http or https address such as https://models.example.com/v1, without user and fragment");
    let line = Line::parse(raw)?;
    if is_web_address(line.as_str()) { Ok(line) } else { Err(WRONG) }
}

/// Whether a text is an http(s) address without user, password and fragment.
pub(super) fn is_web_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let has_scheme = uri.scheme_str().is_some_and(|scheme| scheme == "http" || scheme == "https");
    let has_host = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    has_scheme && has_host && !text.contains('#')
}

/// A key that fits into a header.
fn parse_key(raw: &str) -> Result<ModelKey, InvalidText> {
    let key = raw.trim();
    let fits = key.len() <= MAX_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
    ModelKey::new(key)
        .filter(|_| fits)
        .ok_or(InvalidText::Shape("must be at most 1,000 visible ASCII characters without spaces"))
}

/// A question to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryAssistantRequest {
    /// Whose assistant.
    #[schema(example = "018f6a3e-5b1c-7000-8000-0000000000c1")]
    channel_id: Uuid,
    /// What a visitor might ask.
    #[schema(example = "How long do refunds take?", min_length = 1, max_length = 10_000)]
    question: String,
}

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriedByWord {
    /// The model.
    Model,
    /// The help articles.
    Articles,
    /// Nobody: a person would reply.
    Nobody,
}

impl From<TriedBy> for TriedByWord {
    fn from(by: TriedBy) -> Self {
        match by {
            TriedBy::Model => Self::Model,
            TriedBy::Articles => Self::Articles,
            TriedBy::Nobody => Self::Nobody,
        }
    }
}

/// An article that an answer rests on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerSourceResponse {
    /// The article.
    #[schema(value_type = Uuid, example = "018f6a3e-5b1c-7000-8000-0000000000a9")]
    id: String,
    /// Where it can be read: a path on this server.
    #[schema(example = "/help/refunds")]
    url: String,
    /// What it is called.
    #[schema(example = "Refunds")]
    title: String,
}

impl From<Source> for AnswerSourceResponse {
    fn from(source: Source) -> Self {
        let Source { id, url, title } = source;
        Self { id, url, title }
    }
}

/// What the assistant would say.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriedAnswerResponse {
    /// What would be said.
    #[schema(example = "Refunds take three to five days.")]
    answer: String,
    /// On which articles it rests.
    sources: Vec<AnswerSourceResponse>,
    /// Who gave it.
    answered_by: TriedByWord,
    /// How well the best article fits, 0–100; also below `score_limit`. null: none has a word of the question.
    #[schema(example = 87)]
    score: Option<u8>,
    /// Whether a person would take it from here.
    #[schema(example = false)]
    handover: bool,
    /// Why the model did not, if one is set.
    #[schema(example = "the model server cannot be reached")]
    failure: Option<String>,
}

impl From<Tried> for TriedAnswerResponse {
    fn from(tried: Tried) -> Self {
        Self {
            answer: tried.answer,
            sources: tried.sources.into_iter().map(Into::into).collect(),
            answered_by: tried.by.into(),
            score: tried.score,
            handover: tried.handover,
            failure: tried.failure.map(|why| why.to_string()),
        }
    }
}

/// Try the assistant
///
/// Asks as a visitor of the channel would. Nothing is stored, and nobody else sees it.
#[utoipa::path(path = "/api/admin/assistant/try/", tag = "Articles", security(("staff" = [])), request_body = TryAssistantRequest, responses(
    (status = 200, description = "What it would say", body = TriedAnswerResponse),
    CommonProblems, BodyProblems, StaffProblems, NotFoundProblem
))]
#[post("/api/admin/assistant/try")]
pub async fn try_assistant(auth: AdminAuth, body: Body<TryAssistantRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::new();
    let question = fields.parsed("question", MessageText::parse(&body.0.question));
    let question = fields.take(question)?;
    let channel = state.channels.get(auth.0.workspace_id, ChannelId(body.0.channel_id)).await?;
    let tried = state.assistant.try_out(&channel, question.as_str()).await?;
    Ok(HttpResponse::Ok().json(TriedAnswerResponse::from(tried)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value, known: &AssistantSettings) -> (AssistantSettings, Option<Option<ModelKey>>, Vec<String>) {
        let request: AssistantSettingsRequest = serde_json::from_value(json).unwrap();
        let mut fields = Fields::new();
        let (settings, key) = request.onto(known, &AssistantSettings::default(), &mut fields);
        let wrong = fields.finish().err().map(|problem| problem.errors).unwrap_or_default();
        (settings, key, wrong.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn what_is_missing_stays_and_null_is_the_default_again() {
        let default = AssistantSettings::default();
        let all = serde_json::json!({
            "enabled": false, "in_rooms": true, "name": "Robin", "base_url": "https://models.example.com/v1?a=1", "model": "small", "api_key": " sk-1 ",
            "system_prompt": "Be kind.", "temperature": 0.3, "max_tokens": 800, "max_completion_tokens": true, "include_usage": false, "handover_tool": false,
            "extra_body": {"top_p": 0.9}, "first_seconds": 120, "whole_seconds": 600, "history_characters": 500, "waiting_text": "Wait.",
            "score_limit": 0, "answers_per_conversation": 1, "answers_at_a_time": 1000
        });
        let (set, key, wrong) = read(all.clone(), &default);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(key.flatten().as_ref().map(ModelKey::expose), Some("sk-1"));
        assert_eq!((set.temperature_milli, set.score_limit, set.answers_at_a_time), (Some(300), 0, 1000));
        assert_eq!(read(serde_json::json!({}), &set), (set.clone(), None, Vec::new()));
        let nulls: serde_json::Map<_, _> = all.as_object().unwrap().keys().map(|name| (name.clone(), serde_json::Value::Null)).collect();
        assert_eq!(read(nulls.into(), &set), (default, Some(None), Vec::new()));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (field, values) in [
            ("temperature", vec![serde_json::json!(-0.1), serde_json::json!(2.1)]),
            ("max_tokens", vec![serde_json::json!(0), serde_json::json!(1_000_001)]),
            ("first_seconds", vec![serde_json::json!(0), serde_json::json!(121), serde_json::json!(70_000)]),
            ("whole_seconds", vec![serde_json::json!(601)]),
            ("history_characters", vec![serde_json::json!(499), serde_json::json!(200_001)]),
            ("extra_body", vec![serde_json::json!([]), serde_json::json!({"top_p": 1, "messages": []})]),
            ("score_limit", vec![serde_json::json!(101), serde_json::json!(256)]),
            ("answers_at_a_time", vec![serde_json::json!(0), serde_json::json!(1_001)]),
            (
                "api_key",
                vec![
                    serde_json::json!("a b"),
                    serde_json::json!("a\u{0}"),
                    serde_json::json!("ä"),
                    serde_json::json!("x".repeat(1_001)),
                ],
            ),
            (
                "base_url",
                [
                    "models.example.com",
                    "ftp://models.example.com",
                    "https://",
                    "https://a:b@models.example.com/v1",
                    "https://a.example.com/#x",
                    "javascript:alert(1)",
                    "https://a b",
                ]
                .map(serde_json::Value::from)
                .to_vec(),
            ),
            ("extra_body", vec![serde_json::json!([1]), serde_json::json!("x")]),
        ] {
            for value in values {
                let (_, _, wrong) = read(serde_json::json!({ field: value }), &AssistantSettings::default());
                assert_eq!(wrong, [format!("assistant.{field}")], "{value}");
            }
        }
    }
}
