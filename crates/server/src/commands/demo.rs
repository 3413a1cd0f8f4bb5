//! Sample data: a few conversations in different states, so that an inbox has something to show.

use crate::commands::agent::find_workspace;
use crate::wiring::Wired;
use anyhow::Context;
use parlor_domain::agent::{AgentError, NewAgent, Role};
use parlor_domain::conversation::{Actor, AgentActor, BeginConversation, ConversationKind, SendMessage, Starter, Status, Subject, VisitorActor};
use parlor_domain::security::Password;
use parlor_domain::text::{Email, Label, MessageText, Name};
use parlor_domain::visitor::NewVisitor;

/// Name, address and subject of who writes; what is said (`>` is the visitor, `<` the agent, `#` a note); where it stands then.
type Talk = (&'static str, &'static str, &'static str, &'static [&'static str], Option<Status>);

const TALKS: [Talk; 4] = [
    (
        "Nadia",
        "nadia@example.com",
        "Order 1042",
        &[">Is the blue one still available?", "<Yes, two are left in size M.", ">Great, I take one!"],
        None,
    ),
    (
        "Omar",
        "omar@example.com",
        "Delivery",
        &[">Where is my parcel?", "#The carrier says Friday.", "<It comes on Friday, sorry for the wait."],
        Some(Status::Pending),
    ),
    (
        "Lea",
        "lea@example.com",
        "Invoice",
        &[">I need an invoice for last month.", "<Sent to your address.", ">Thank you."],
        Some(Status::Resolved),
    ),
    ("Kim", "kim@example.com", "Returns", &[">Can I send this back after 30 days?"], None),
];

/// Fills the first workspace. A second time adds the conversations again, but not the agent.
pub async fn seed(wired: &Wired) -> anyhow::Result<String> {
    let state = &wired.state;
    let workspace = find_workspace(wired, None).await?;
    let email = Email::parse("mia@example.com").context("demo")?;
    let new = NewAgent {
        email: email.clone(),
        name: Name::parse("Mia")?,
        role: Role::Agent,
        username: None,
        external_id: None,
        password: None::<Password>,
    };
    let agent = match state.agents.create(workspace, None, new).await {
        Ok(agent) => agent,
        Err(AgentError::Taken) => state.agents.find_by_login(email.as_str()).await?,
        Err(error) => return Err(error.into()),
    };
    let mia = AgentActor {
        workspace_id: workspace,
        id: agent.id,
        name: "Mia".to_owned(),
        role: Role::Agent,
        machine: false,
    };
    let channel = state.channels.resolve(None, None).await?;
    for (name, email, subject, lines, status) in TALKS {
        let starter = Starter::New(NewVisitor {
            name: Some(Name::parse(name)?),
            email: Some(Email::parse(email)?),
            ..NewVisitor::default()
        });
        let subject = Some(Subject {
            kind: "text".to_owned(),
            external_id: None,
            title: subject.to_owned(),
            price: None,
        });
        let begun = state
            .conversations
            .begin(
                &channel,
                BeginConversation {
                    starter,
                    kind: ConversationKind::Room,
                    client_ref: None,
                    seller: None,
                    subject,
                    metadata: None,
                    message: None,
                },
                None,
            )
            .await?;
        let visitor = Actor::Visitor(VisitorActor {
            workspace_id: workspace,
            id: begun.visitor.id,
            name: Some(name.to_owned()),
        });
        for line in lines {
            let (sign, text) = line.split_at(1);
            let actor = if sign == ">" { visitor.clone() } else { Actor::Agent(mia.clone()) };
            state
                .conversations
                .send_message(
                    actor,
                    begun.conversation.id,
                    SendMessage {
                        private: sign == "#",
                        ..SendMessage::text(MessageText::parse(text)?)
                    },
                )
                .await?;
        }
        state
            .conversations
            .set_labels(mia.clone(), begun.conversation.id, vec![Label::parse("demo")?])
            .await?;
        if let Some(status) = status {
            state.conversations.set_status(mia.clone(), begun.conversation.id, status, None).await?;
        }
    }
    Ok(format!("{} conversations of {} are in the workspace.", TALKS.len(), email.as_str()))
}
