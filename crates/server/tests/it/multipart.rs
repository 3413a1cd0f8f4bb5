//! Forms with files, written by hand, so that they can be wrong.

use crate::app::{Answer, TestApp};

/// The content type of every form here.
pub const FORM: &str = "multipart/form-data; boundary=between-the-parts";

/// A form that is being written.
#[derive(Default)]
pub struct Form(Vec<u8>);

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// Then a field.
    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("form-data; name=\"{name}\""), "", value.as_bytes())
    }

    /// Then a file.
    pub fn file(self, name: &str, bytes: &[u8]) -> Self {
        let kind = "Content-Type: application/octet-stream\r\n";
        self.part(&format!("form-data; name=\"file\"; filename=\"{name}\""), kind, bytes)
    }

    fn part(mut self, disposition: &str, more: &str, content: &[u8]) -> Self {
        self.0
            .extend_from_slice(format!("--between-the-parts\r\nContent-Disposition: {disposition}\r\n{more}\r\n").as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// All of it so far, without its end.
    pub fn unfinished(self) -> Vec<u8> {
        self.0
    }

    /// The whole form.
    pub fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"--between-the-parts--\r\n");
        self.0
    }
}

/// Uploads a file for a conversation, as the caller knows it.
pub async fn upload(app: &TestApp, token: &str, conversation: &str, name: &str, bytes: &[u8]) -> Answer {
    let form = Form::new().field("conversation_id", conversation).file(name, bytes);
    app.post("/api/attachments/").bearer(token).raw(FORM, form.end()).send().await
}
