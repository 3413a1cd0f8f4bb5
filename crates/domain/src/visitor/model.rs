use crate::clock::Timestamp;
use crate::id::{ChannelId, VisitorId, WorkspaceId};
use crate::text::{Email, Line, Metadata, Name, Phone};
use serde::{Deserialize, Serialize};

/// Something that points to a person, and whether it was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity<T> {
    /// The address, number or id.
    pub value: T,
    /// True only after a signed token of the host site; what a visitor typed is a claim.
    pub verified: bool,
}

impl<T> Identity<T> {
    /// What a visitor typed.
    pub const fn claimed(value: T) -> Self {
        Self { value, verified: false }
    }

    /// What a signed token said.
    pub const fn verified(value: T) -> Self {
        Self { value, verified: true }
    }
}

/// What the server saw of the visitor's last request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VisitorContext {
    /// The address the request came from.
    #[serde(default)]
    pub ip: Option<String>,
    /// The `User-Agent`, cut to 400 characters.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The page the visitor is on.
    #[serde(default)]
    pub page_url: Option<String>,
    /// Its title.
    #[serde(default)]
    pub page_title: Option<String>,
    /// The page that led there.
    #[serde(default)]
    pub referrer: Option<String>,
    /// The country of the address, in English.
    #[serde(default)]
    pub country: Option<String>,
    /// The part of the country.
    #[serde(default)]
    pub region: Option<String>,
    /// The city.
    #[serde(default)]
    pub city: Option<String>,
    /// The browser, such as `Firefox`.
    #[serde(default)]
    pub browser: Option<String>,
    /// The system it runs on, such as `Windows 10`.
    #[serde(default)]
    pub os: Option<String>,
    /// The kind of device, such as `phone`.
    #[serde(default)]
    pub device: Option<String>,
    /// The time zone that the page told, such as `Europe/Vienna`.
    #[serde(default)]
    pub timezone: Option<String>,
    /// The size of the screen that the page told, such as `1920x1080`.
    #[serde(default)]
    pub screen: Option<String>,
}

impl VisitorContext {
    /// City and country, as far as they are known: `Vienna, Austria`.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let known: Vec<&str> = [&self.city, &self.country].into_iter().flatten().map(String::as_str).collect();
        (!known.is_empty()).then(|| known.join(", "))
    }

    /// Browser, system and kind of device, as far as they are known: `Firefox on Windows 10 (desktop)`.
    #[must_use]
    pub fn device_name(&self) -> Option<String> {
        let program = match (&self.browser, &self.os) {
            (Some(browser), Some(os)) => Some(format!("{browser} on {os}")),
            (browser, os) => browser.as_ref().or(os.as_ref()).cloned(),
        };
        match (program, &self.device) {
            (Some(program), Some(device)) => Some(format!("{program} ({device})")),
            (program, device) => program.or_else(|| device.clone()),
        }
    }

    /// This newer sight of a visitor, with what only the page tells, and did not tell again, taken from the older one.
    #[must_use]
    pub fn after(self, older: Self) -> Self {
        Self {
            page_url: self.page_url.or(older.page_url),
            page_title: self.page_title.or(older.page_title),
            referrer: self.referrer.or(older.referrer),
            timezone: self.timezone.or(older.timezone),
            screen: self.screen.or(older.screen),
            ..self
        }
    }
}

/// A person on the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// How others name the person. Opens nothing.
    pub id: VisitorId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where the person came in.
    pub channel_id: ChannelId,
    /// What the person calls itself.
    pub name: Option<Name>,
    /// Where to write to.
    pub email: Option<Identity<Email>>,
    /// Where to call.
    pub phone: Option<Identity<Phone>>,
    /// The host site's id: claimed as `user_id`, verified as `sub`. A verified one is unique in the workspace.
    pub external_id: Option<Identity<Line>>,
    /// BCP 47, such as `de-AT`.
    pub locale: Option<Name>,
    /// What the page attached.
    pub metadata: Option<Metadata>,
    /// What the server saw.
    pub context: VisitorContext,
    /// When the person first came.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
    /// When the person was last here.
    pub last_seen_at: Timestamp,
    /// Since when this visitor is part of another one; its keys are gone.
    pub retired_at: Option<Timestamp>,
}

impl Visitor {
    /// Whether a signed token told who this is.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.external_id.as_ref().is_some_and(|id| id.verified)
    }

    /// The host site's id, if it was proven.
    #[must_use]
    pub fn verified_subject(&self) -> Option<&str> {
        self.external_id.as_ref().filter(|id| id.verified).map(|id| id.value.as_str())
    }

    /// Takes an address that the visitor typed. A proven one is not replaced by a claim.
    pub fn claim_email(&mut self, email: Email) {
        if !self.email.as_ref().is_some_and(|known| known.verified) {
            self.email = Some(Identity::claimed(email));
        }
    }

    /// Takes a number that the visitor typed. A proven one is not replaced by a claim.
    pub fn claim_phone(&mut self, phone: Phone) {
        if !self.phone.as_ref().is_some_and(|known| known.verified) {
            self.phone = Some(Identity::claimed(phone));
        }
    }

    /// Takes an id of the host site that the page named without proof.
    pub fn claim_external_id(&mut self, id: Line) {
        if !self.is_verified() {
            self.external_id = Some(Identity::claimed(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn place_and_device_are_named_as_far_as_they_are_known() {
        let mut context = VisitorContext::default();
        assert_eq!((context.location(), context.device_name()), (None, None));
        context.country = some("Austria");
        context.os = some("Linux");
        assert_eq!((context.location(), context.device_name()), (some("Austria"), some("Linux")));
        context.city = some("Vienna");
        context.browser = some("Firefox");
        context.device = some("desktop");
        assert_eq!(context.location(), some("Vienna, Austria"));
        assert_eq!(context.device_name(), some("Firefox on Linux (desktop)"));
        assert_eq!(
            VisitorContext {
                device: some("phone"),
                ..VisitorContext::default()
            }
            .device_name(),
            some("phone")
        );
    }

    #[test]
    fn a_newer_sight_keeps_what_the_page_told_before_and_nothing_else() {
        let older = VisitorContext {
            timezone: some("Europe/Vienna"),
            page_url: some("https://a.example.com"),
            city: some("Vienna"),
            ..VisitorContext::default()
        };
        let newer = VisitorContext {
            page_url: some("https://b.example.com"),
            ..VisitorContext::default()
        }
        .after(older);
        assert_eq!(
            (newer.timezone, newer.page_url, newer.city),
            (some("Europe/Vienna"), some("https://b.example.com"), None)
        );
    }
}
