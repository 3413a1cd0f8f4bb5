//! What all of these tests need.

use parlor_domain::assistant::{FinishReason, LanguageModel, ModelAnswer, ModelEvent, ModelFailure, ModelPatience, ModelQuestion, ModelServer, Turn, TurnRole};
use parlor_infra::assistant::{OpenAiModel, Pace};
use parlor_infra::outgoing::GuardedClient;
use parlor_infra::system::SystemClock;
use parlor_testkit::model_server::{FakeModelServer, Reply};
use std::sync::Arc;
use std::time::Duration;

/// Times that a test can wait for.
pub const PACE: Pace = Pace {
    repeats: [Duration::from_millis(10), Duration::from_millis(20)],
    longest_wait: Duration::from_secs(10),
    rest: Duration::from_secs(1),
    after_finish: Duration::from_millis(50),
};

/// Long enough for a slow machine, where nothing is meant to be late.
pub const AMPLE: Duration = Duration::from_secs(20);

/// Short enough to wait for.
pub const SHORT: Duration = Duration::from_millis(300);

pub fn model() -> OpenAiModel {
    OpenAiModel::new(Arc::new(GuardedClient::new(&[]).unwrap()), Arc::new(SystemClock)).with_pace(PACE)
}

pub fn server(base_url: String) -> ModelServer {
    ModelServer {
        base_url,
        by_operator: true,
        model: "small".into(),
        api_key: None,
        temperature: None,
        max_tokens: None,
        max_completion_tokens: false,
        include_usage: true,
        handover_tool: true,
        extra_body: None,
        patience: ModelPatience {
            connect: AMPLE,
            first: AMPLE,
            between: AMPLE,
            whole: AMPLE,
        },
    }
}

pub fn question(server: ModelServer) -> ModelQuestion {
    ModelQuestion {
        server,
        system: "Be kind.".into(),
        turns: vec![Turn {
            role: TurnRole::User,
            text: "How do refunds work?".into(),
        }],
    }
}

/// All pieces of an answer.
#[derive(Debug, PartialEq)]
pub struct Whole {
    pub text: String,
    /// What came besides text, before the end.
    pub besides: Vec<ModelEvent>,
    pub end: Result<FinishReason, ModelFailure>,
}

impl Whole {
    pub fn new(text: &str, end: Result<FinishReason, ModelFailure>) -> Self {
        Self {
            text: text.into(),
            besides: Vec::new(),
            end,
        }
    }
}

/// Reads an answer to its end.
pub async fn read(mut answer: Box<dyn ModelAnswer>) -> Whole {
    let mut whole = Whole::new("", Err(ModelFailure::Resting));
    while let Some(piece) = answer.next().await {
        match piece {
            Ok(ModelEvent::Text(text)) => {
                assert!(!text.is_empty(), "a piece without text");
                whole.text.push_str(&text);
            }
            Ok(ModelEvent::Finished(reason)) => whole.end = Ok(reason),
            Ok(other) => whole.besides.push(other),
            Err(failure) => whole.end = Err(failure),
        }
    }
    assert_eq!(answer.next().await, None, "a piece after the last one");
    whole
}

/// Asks a server that says nothing but this.
pub async fn ask(reply: Reply) -> Result<Whole, ModelFailure> {
    let fake = FakeModelServer::start().await;
    fake.always(reply);
    match model().ask(question(server(fake.base_url()))).await {
        Ok(answer) => Ok(read(answer).await),
        Err(failure) => Err(failure),
    }
}

/// What an answer comes to that has a good end.
pub async fn complete(reply: Reply) -> String {
    let whole = ask(reply).await.unwrap();
    assert_eq!(whole.end, Ok(FinishReason::Complete));
    assert_eq!(whole.besides, []);
    whole.text
}
