//! LiteLLM's proxy, which many teams put before their models, is the assistant's model server. Its answers are made up.

use super::{SOURCES, http, parlor::Parlor, python::Python};
use crate::{keeper::Keeper, process::free_port};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

/// It loads the clients of a hundred model servers before it listens.
const READY_WITHIN: Duration = Duration::from_secs(120);

const MASTER_KEY: &str = "sk-interop";

/// As in `proxy.yaml`.
const ANSWER: &str = "Refunds take three to five days – ½ of them less. 🙂";

const QUESTION: &str = "How do refunds work?";

/// One model that answers and one that has too much to do.
pub fn converse(binary: &Path, folder: &Path) -> Result<()> {
    let folder = folder.join("litellm");
    let proxy = Proxy::start(&folder)?;
    answers_are_whole(&proxy.parlor_with("whole", binary, &folder)?)?;
    crowding_ends_at_a_person(&proxy.parlor_with("crowded", binary, &folder)?)
}

fn answers_are_whole(parlor: &Parlor) -> Result<()> {
    let session = Session::open(parlor)?;
    let streamed = session.ask(QUESTION)?;
    ensure!(text(&streamed) == ANSWER, "streamed was {:?}", text(&streamed));
    ensure!(kinds(&streamed).last() == Some(&"finish"), "the stream is {:?}", kinds(&streamed));
    let stored = session.answer()?;
    ensure!(stored.pointer("/text") == Some(&json!(ANSWER)), "stored is {stored}");
    ensure!(
        stored.get("id") == streamed.first().and_then(|start| start.get("messageId")),
        "the message {stored} is not the streamed one"
    );
    ensure!(!marked(&stored, "truncated") && !marked(&stored, "fallback"), "{stored} is marked");
    ensure!(session.handled_by()? == "assistant", "a person has to do what was done");
    println!("a whole answer in {} chunks", streamed.len());
    Ok(())
}

/// A model that refuses is nothing the visitor hears of.
fn crowding_ends_at_a_person(parlor: &Parlor) -> Result<()> {
    let session = Session::open(parlor)?;
    let streamed = session.ask(QUESTION)?;
    let stored = session.answer()?;
    ensure!(marked(&stored, "fallback"), "{stored} is not marked as the fallback");
    ensure!(
        !text(&streamed).is_empty() && stored.get("text") == Some(&json!(text(&streamed))),
        "streamed was {:?}, stored is {stored}",
        text(&streamed)
    );
    ensure!(!kinds(&streamed).contains(&"error"), "the stream is {:?}", kinds(&streamed));
    ensure!(
        !streamed.iter().any(|chunk| chunk.to_string().contains("RateLimitError")),
        "the visitor reads what the proxy said"
    );
    ensure!(session.handled_by()? == "human", "nobody takes over");
    println!("instead of an answer: {}", text(&streamed));
    Ok(())
}

struct Proxy {
    address: String,
    _keeper: Keeper,
}

impl Proxy {
    fn start(folder: &Path) -> Result<Self> {
        // Its packages would not agree with those of the other tools.
        let python = Python::provide(folder)?;
        python.install("litellm.txt")?;
        let (scratch, log) = (folder.join("scratch"), folder.join("proxy.log"));
        fs::create_dir_all(&scratch)?;
        let port = free_port()?.to_string();
        let address = format!("127.0.0.1:{port}");
        let program = python.bin().join("litellm");
        let configuration = env::current_dir()?.join(SOURCES).join("litellm/proxy.yaml");
        let (output, errors) = (File::create(&log)?, File::options().append(true).open(&log)?);
        let program = [
            &program.to_string_lossy(),
            "--config",
            &configuration.to_string_lossy(),
            "--host",
            "127.0.0.1",
            "--port",
            &port,
        ];
        let keeper = Keeper::of_program(&program, "TERM", &scratch, |shell| {
            shell
                .env("LITELLM_MASTER_KEY", MASTER_KEY)
                // Prices and news would be fetched from the internet.
                .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
                .env("LITELLM_LOCAL_BLOG_POSTS", "True")
                .env_remove("DATABASE_URL");
            shell.stdout(output).stderr(errors);
        })?;
        let mut proxy = Self { address, _keeper: keeper };
        proxy.wait_until_ready(&log)?;
        Ok(proxy)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let started = Instant::now();
        while !http::get(&self.address, "/health/liveliness", None).is_ok_and(|answer| answer.status == 200) {
            let said = || fs::read_to_string(log).unwrap_or_default();
            if let Some(status) = self._keeper.ended()? {
                bail!("LiteLLM did not start ({status})\n{}", said());
            }
            if started.elapsed() > READY_WITHIN {
                bail!("LiteLLM was not ready within {} s\n{}", READY_WITHIN.as_secs(), said());
            }
            sleep(Duration::from_millis(100));
        }
        println!("LiteLLM: http://{}", self.address);
        Ok(())
    }

    /// A server whose assistant is this model.
    fn parlor_with(&self, model: &str, binary: &Path, folder: &Path) -> Result<Parlor> {
        let folder: PathBuf = folder.join(model);
        fs::create_dir_all(&folder)?;
        let base_url = format!("http://{}/v1", self.address);
        let settings = [
            ("PARLOR_ASSISTANT_BASE_URL", base_url.as_str()),
            ("PARLOR_ASSISTANT_MODEL", model),
            ("PARLOR_ASSISTANT_API_KEY", MASTER_KEY),
        ];
        Parlor::start_with(binary, &folder, &settings)
    }
}

struct Session<'a> {
    parlor: &'a Parlor,
    visitor: String,
    id: String,
}

impl<'a> Session<'a> {
    fn open(parlor: &'a Parlor) -> Result<Self> {
        let visitor = parlor.new_visitor()?;
        let id = parlor.new_session(&visitor)?;
        Ok(Self { parlor, visitor, id })
    }

    /// The chunks of the stream that answers.
    fn ask(&self, question: &str) -> Result<Vec<Value>> {
        let body = json!({ "message": question, "session_id": self.id, "visitor_id": self.visitor });
        let answer = http::post(self.parlor.address(), "/api/chats/messages/chat/stream/", &body)?;
        ensure!(answer.status == 200, "the question was answered {}: {}", answer.status, answer.body);
        let mut events: Vec<_> = answer.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        ensure!(events.pop() == Some("[DONE]"), "the stream does not end as it should: {}", answer.body);
        events
            .into_iter()
            .map(|event| serde_json::from_str(event).with_context(|| format!("this is not JSON: {event}")))
            .collect()
    }

    /// The one message of the assistant.
    fn answer(&self) -> Result<Value> {
        let path = format!("/api/chats/messages/?session_id={}&visitor_id={}", self.id, self.visitor);
        let history: Value = serde_json::from_str(&self.parlor.get(&path)?)?;
        let messages = history
            .pointer("/data/results")
            .or_else(|| history.get("results"))
            .and_then(Value::as_array)
            .with_context(|| format!("this is no history: {history}"))?;
        let mut answers = messages.iter().filter(|message| message.pointer("/sender/kind") == Some(&json!("assistant")));
        match (answers.next(), answers.next()) {
            (Some(answer), None) => Ok(answer.clone()),
            _ => bail!("there is not one answer in {history}"),
        }
    }

    fn handled_by(&self) -> Result<String> {
        let path = format!("/api/public/chat-rooms/?visitor_id={}", self.visitor);
        let rooms: Value = serde_json::from_str(&self.parlor.get(&path)?)?;
        let handler = rooms.pointer("/results/0/handled_by").and_then(Value::as_str);
        handler.map(str::to_owned).with_context(|| format!("no room in {rooms}"))
    }
}

fn kinds(chunks: &[Value]) -> Vec<&str> {
    chunks.iter().filter_map(|chunk| chunk.get("type")?.as_str()).collect()
}

fn text(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk.get("delta")?.as_str()).collect()
}

fn marked(message: &Value, mark: &str) -> bool {
    message.pointer(&format!("/metadata/{mark}")) == Some(&json!(true))
}
