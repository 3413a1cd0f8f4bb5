//! What can be said on the command line.

use clap::Parser;
use parlor_testkit::whatsapp::{Customer, Number, Webhook};
use std::path::PathBuf;
use std::time::Duration;

/// A WhatsApp of one's own: takes what Parlor sends, and lets you be the customer who writes
#[derive(Debug, Clone, Parser)]
#[command(name = "fake-whatsapp", version)]
pub struct Options {
    /// Where Parlor calls
    #[arg(long, default_value = "127.0.0.1:9090")]
    pub listen: String,
    /// Where Parlor is called, over http only
    #[arg(long, default_value = "http://127.0.0.1:8080/api/channels/whatsapp/webhook")]
    webhook: String,
    /// The key that signs what Parlor is told
    #[arg(long, default_value = Webhook::EXAMPLE_SECRET)]
    app_secret: String,
    /// What the subscription shows to Parlor
    #[arg(long, default_value = Webhook::EXAMPLE_VERIFY_TOKEN)]
    verify_token: String,
    /// What Parlor shows when it calls
    #[arg(long, default_value = Number::EXAMPLE_TOKEN)]
    token: String,
    /// The number that Parlor owns
    #[arg(long, default_value = Number::EXAMPLE_ID)]
    phone_number_id: String,
    /// The account of that number
    #[arg(long, default_value = "811000000000001")]
    waba_id: String,
    /// Your phone number, digits only
    #[arg(long, default_value = "491700000001")]
    phone: String,
    /// Your name
    #[arg(long, default_value = "Nadia P.")]
    pub name: String,
    /// Your user id
    #[arg(long, default_value = "DE.8812345678901234")]
    user_id: String,
    /// Hide your phone number: only the user id is told
    #[arg(long)]
    hidden: bool,
    /// Report every message as read; without it, /read does
    #[arg(long)]
    pub reads: bool,
    /// Write this at once; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub say: Vec<String>,
    /// Deliver one message of every kind and one status of every kind, each by itself, before anything else
    #[arg(long)]
    pub deliver_all: bool,
    /// Write what Parlor asks for into this file, one JSON object on a line
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// End when a reply came, without listening to the keyboard
    #[arg(long, requires = "say")]
    pub exit_after_reply: bool,
    /// How many seconds to wait for the server and for a reply
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

impl Options {
    pub fn number(&self) -> Number {
        Number::new(&self.phone_number_id).waba_id(&self.waba_id).access_token(&self.token)
    }

    pub fn webhook(&self) -> Webhook {
        Webhook::new(&self.webhook).app_secret(&self.app_secret).verify_token(&self.verify_token)
    }

    pub fn customer(&self) -> Customer {
        let customer = if self.hidden {
            Customer::hidden(&self.user_id)
        } else {
            Customer::new(&self.phone).user_id(&self.user_id)
        };
        customer.name(&self.name)
    }

    pub const fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }

    /// Whether nobody sits at the keyboard.
    pub const fn is_script(&self) -> bool {
        self.exit_after_reply || self.deliver_all
    }

    /// What to start Parlor with.
    pub fn settings(&self, base_url: &str) -> String {
        format!(
            "Start Parlor with:\n\n  export PARLOR_WHATSAPP_GRAPH_BASE_URL={base_url}\n  export PARLOR_WHATSAPP_PHONE_NUMBER_ID={}\n  \
             export PARLOR_WHATSAPP_WABA_ID={}\n  export PARLOR_WHATSAPP_ACCESS_TOKEN={}\n  export PARLOR_WHATSAPP_APP_SECRET={}\n  \
             export PARLOR_WHATSAPP_VERIFY_TOKEN={}\n",
            self.phone_number_id, self.waba_id, self.token, self.app_secret, self.verify_token
        )
    }
}
