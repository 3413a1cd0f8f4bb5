use async_trait::async_trait;
use parlor_domain::assistant::{LanguageModel, ModelAnswer, ModelEvent, ModelFailure, ModelHealth, ModelQuestion, ModelServer};
use parlor_domain::clock::Timer;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

/// What comes of one question.
#[derive(Debug)]
pub enum Script {
    /// No answer.
    Refuses(ModelFailure),
    /// These pieces.
    Says(Vec<Result<ModelEvent, ModelFailure>>),
    /// The pieces that the test sends, when it sends them.
    Follows(UnboundedReceiver<Result<ModelEvent, ModelFailure>>),
}

/// A model that says what a test wrote for it, and remembers what it was asked. Without a script it cannot be reached.
#[derive(Debug, Default)]
pub struct ScriptedModel {
    scripts: Mutex<VecDeque<Script>>,
    asked: Mutex<Vec<ModelQuestion>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedModel {
    /// What the next question that has no script yet will be answered with.
    pub fn next(&self, script: Script) {
        lock(&self.scripts).push_back(script);
    }

    /// All questions so far.
    pub fn asked(&self) -> Vec<ModelQuestion> {
        lock(&self.asked).clone()
    }
}

#[async_trait]
impl LanguageModel for ScriptedModel {
    async fn ask(&self, question: ModelQuestion) -> Result<Box<dyn ModelAnswer>, ModelFailure> {
        lock(&self.asked).push(question);
        let script = lock(&self.scripts).pop_front();
        match script {
            None => Err(ModelFailure::Unreachable),
            Some(Script::Refuses(failure)) => Err(failure),
            Some(Script::Says(events)) => Ok(Box::new(Said(events.into()))),
            Some(Script::Follows(events)) => Ok(Box::new(Followed(events))),
        }
    }

    fn health(&self, _: &ModelServer) -> ModelHealth {
        ModelHealth::Unknown
    }
}

struct Said(VecDeque<Result<ModelEvent, ModelFailure>>);

#[async_trait]
impl ModelAnswer for Said {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelFailure>> {
        self.0.pop_front()
    }
}

struct Followed(UnboundedReceiver<Result<ModelEvent, ModelFailure>>);

#[async_trait]
impl ModelAnswer for Followed {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelFailure>> {
        self.0.recv().await
    }
}

/// A timer that rings when the test says so, and never by itself.
#[derive(Debug, Default)]
pub struct HandTimer(Notify);

impl HandTimer {
    /// The time of all who wait is over.
    pub fn ring(&self) {
        self.0.notify_waiters();
    }
}

#[async_trait]
impl Timer for HandTimer {
    async fn sleep(&self, _: Duration) {
        self.0.notified().await;
    }
}
