//! The customer at the keyboard.

use crate::everything::everything;
use crate::shown::choices;
use anyhow::{Context, Result, bail};
use parlor_testkit::whatsapp::{Customer, Envelope, FakeWhatsapp, Media, Message, Number, Status, Webhook, sample};
use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const HELP: &str = "\
A line is a text message. Others:
  /image [FILE]     a picture, or a small one of ours      /voice [FILE]   a voice note
  /document [FILE]  a file                                  /location [LATITUDE LONGITUDE]
  /react EMOJI      on the agent's last message             /reply TEXT     to the agent's last message
  /button ID        a tap on a button or a row of a list    /read           you have seen all messages
  /edit TEXT        another text for your last message      /delete         your last message taken back
  /name NAME        another name of your profile            /quit           the end";

/// How often a delivery is repeated that the server could not take.
const TRIES: u32 = 5;

pub struct Person {
    graph: Arc<FakeWhatsapp>,
    webhook: Webhook,
    number: Number,
    customer: Customer,
    last: Option<String>,
    seen: usize,
}

impl Person {
    pub const fn new(graph: Arc<FakeWhatsapp>, webhook: Webhook, number: Number, customer: Customer) -> Self {
        Self {
            graph,
            webhook,
            number,
            customer,
            last: None,
            seen: 0,
        }
    }

    /// Until the end of the input.
    pub async fn listens_to_the_keyboard(&mut self) -> Result<()> {
        let (send, mut lines) = mpsc::unbounded_channel();
        // A thread of its own: a read of the terminal cannot be given up.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        while let Some(line) = lines.recv().await {
            let line = line.trim();
            let (command, rest) = line.split_once(' ').map_or((line, ""), |(command, rest)| (command, rest.trim()));
            let done = match command {
                "" => Ok(()),
                "/quit" => return Ok(()),
                "/help" => {
                    println!("{HELP}");
                    Ok(())
                }
                _ if command.starts_with('/') => self.does(command, rest).await,
                _ => self.writes(line).await,
            };
            if let Err(error) = done {
                println!("  ! {error:#}");
            }
        }
        Ok(())
    }

    /// A text.
    pub async fn writes(&mut self, text: &str) -> Result<()> {
        println!("you: {text}");
        self.sends(self.customer.text(text)).await
    }

    /// One of everything that a webhook is told.
    pub async fn sends_everything(&self) -> Result<()> {
        for (name, envelope) in everything(&self.graph, &self.number, &self.customer) {
            println!("you: [{name}]");
            self.delivers(envelope).await?;
        }
        Ok(())
    }

    /// Waits for a reply, and until the server knows that it arrived.
    pub async fn has_a_reply(&self, patience: Duration) -> Result<()> {
        let reply = async {
            let mut count = 0;
            loop {
                count = self.graph.more_than(count).await.len();
                if self.graph.sent().iter().any(|call| call.kind() != Some("reaction")) {
                    return;
                }
            }
        };
        if tokio::time::timeout(patience, reply).await.is_err() {
            bail!("no reply came within {} seconds", patience.as_secs());
        }
        self.graph.until_reported(self.graph.sent().len()).await;
        Ok(())
    }

    async fn does(&mut self, command: &str, rest: &str) -> Result<()> {
        let agents = || self.agents_last().context("the agent wrote nothing yet");
        let own = || self.last.clone().context("you wrote nothing yet");
        let message = match command {
            "/image" => self.customer.image(&self.file(rest, "image/png", sample::IMAGE)?),
            "/voice" => self.customer.voice(&self.file(rest, "audio/ogg; codecs=opus", sample::VOICE)?),
            "/document" => {
                let name = rest.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("offer.txt");
                self.customer.document(&self.file(rest, "text/plain", sample::DOCUMENT)?, name)
            }
            "/location" => {
                let (latitude, longitude) = rest.split_once(' ').unwrap_or(("52.52", "13.405"));
                self.customer.location(latitude.trim().parse()?, longitude.trim().parse()?)
            }
            "/react" => self.customer.reaction(&agents()?, rest),
            "/reply" => self.customer.text(rest).number(&self.number).reply_to(&agents()?),
            "/button" => self.choice(rest).with_context(|| format!("the agent offered no {rest}"))?,
            "/edit" => self.customer.edit(&own()?, rest),
            "/delete" => self.customer.revoke(&own()?),
            "/read" => return self.reads().await,
            "/name" => {
                self.customer = self.customer.clone().name(rest);
                return Ok(());
            }
            _ => bail!("there is no {command}; see /help"),
        };
        self.sends(message).await
    }

    async fn sends(&mut self, message: Message) -> Result<()> {
        // Reactions, edits and deletions are about a message and none themselves.
        if !matches!(message.kind(), "reaction" | "edit" | "revoke") {
            self.last = Some(message.wamid().to_owned());
        }
        self.delivers(message.number(&self.number).into()).await
    }

    /// All that the agent wrote is seen.
    async fn reads(&mut self) -> Result<()> {
        let sent = self.graph.sent();
        if sent.len() == self.seen {
            bail!("there is nothing new to read");
        }
        let unseen = sent.iter().skip(self.seen).filter_map(|call| call.wamid.as_deref());
        let statuses = unseen.map(|wamid| Status::read(wamid).to(&self.customer).number(&self.number));
        let envelope = statuses.fold(Envelope::of(&self.number), Envelope::status);
        self.seen = sent.len();
        self.delivers(envelope).await
    }

    async fn delivers(&self, envelope: Envelope) -> Result<()> {
        let delivery = self.graph.delivery(&self.webhook, envelope);
        for attempt in 0..TRIES {
            match self.webhook.post(&delivery).await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) if answer.status == 401 => bail!("the delivery was refused with 401: is the app secret the same?"),
                Ok(answer) if answer.status < 500 => bail!("the delivery was refused with {}", answer.status),
                _ => tokio::time::sleep(Duration::from_millis(250 << attempt)).await,
            }
        }
        bail!("{} takes no deliveries", self.webhook.url)
    }

    fn agents_last(&self) -> Option<String> {
        self.graph.sent().iter().rev().find(|call| call.kind() != Some("reaction"))?.wamid.clone()
    }

    fn choice(&self, id: &str) -> Option<Message> {
        let sent = self.graph.sent();
        let offered = sent.iter().rev().find_map(|call| {
            let (_, title) = choices(call).into_iter().find(|(offered, _)| offered == id)?;
            Some((call, title))
        });
        let (call, title) = offered?;
        let tap = match call.words("/interactive/type") {
            Some("list") => self.customer.list_reply(id, &title, ""),
            _ => self.customer.button_reply(id, &title),
        };
        Some(tap.number(&self.number).reply_to(call.wamid.as_deref()?))
    }

    /// A file of the person's own, or one of ours.
    fn file(&self, path: &str, mime_type: &str, ours: &[u8]) -> Result<Media> {
        if path.is_empty() {
            return Ok(self.graph.media(mime_type, ours));
        }
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
        let ending = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let mime_type = match ending.as_str() {
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            "pdf" => "application/pdf",
            "mp3" => "audio/mpeg",
            "mp4" => "video/mp4",
            _ => mime_type,
        };
        Ok(self.graph.media(mime_type, bytes))
    }
}
