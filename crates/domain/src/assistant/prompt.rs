//! What a model is told: the operator's words, help articles, and one conversation.

use super::{AssistantSettings, Prompt, Turn, TurnRole};
use crate::article::Found;
use crate::message::{Message, MessageKind, SenderKind};

/// What the model is told if the channel says nothing else.
const MANNERS: &str = "You are the assistant in the customer chat of a company. Answer the customer's last message briefly, kindly and in the \
customer's language. Use only what stands in this conversation and in the help articles below; if they do not tell, say so and call the tool handover. \
Call it also when the customer wants a person or is upset. Never claim to have done anything outside this chat.";

/// The operator's words and the help articles that fit. Nothing that a visitor wrote is in it.
pub(super) fn system(settings: &AssistantSettings, articles: &[Found]) -> String {
    let mut system = settings.system_prompt.as_ref().map_or(MANNERS, Prompt::as_str).to_owned();
    if !articles.is_empty() {
        system.push_str("\n\nHelp articles:");
        for found in articles {
            system.push_str(&format!("\n\n## {}\n{}", found.title, found.text));
        }
    }
    system
}

/// The conversation within a budget of characters, newest kept; notes are not in it. Turns of one side that follow each
/// other are joined and the first is the visitor's, since many models' templates take nothing else.
pub(super) fn turns(history: &[Message], budget: usize) -> Vec<Turn> {
    let mut said: Vec<&Message> = history.iter().filter(|message| is_said(message)).collect();
    said.sort_by_key(|message| (answers(message).unwrap_or(message.seq), answers(message).is_some(), message.seq));
    let mut left = budget;
    let mut turns: Vec<Turn> = Vec::new();
    for message in said.into_iter().rev() {
        let length = message.text.chars().count();
        if length > left && !turns.is_empty() {
            break;
        }
        left = left.saturating_sub(length);
        let role = match message.sender.kind {
            SenderKind::Visitor => TurnRole::User,
            SenderKind::Agent | SenderKind::Assistant | SenderKind::System => TurnRole::Assistant,
        };
        match turns.last_mut() {
            Some(later) if later.role == role => later.text = format!("{}\n\n{}", message.text, later.text),
            _ => turns.push(Turn {
                role,
                text: message.text.clone(),
            }),
        }
    }
    if turns.last().is_some_and(|first| first.role == TurnRole::Assistant) {
        turns.pop();
    }
    turns.reverse();
    turns
}

/// The question that an answer of the assistant answers. What was asked while it was written comes after it: the model is
/// asked that now.
pub(super) fn answers(message: &Message) -> Option<i64> {
    let by_assistant = message.sender.kind == SenderKind::Assistant && !message.sender.reported;
    let facts = message.metadata.as_ref().filter(|_| by_assistant)?;
    facts.get("question_seq")?.as_i64()
}

fn is_said(message: &Message) -> bool {
    !message.private && message.deleted_at.is_none() && message.kind != MessageKind::System && message.sender.kind != SenderKind::System
}
