//! One conversation and those who follow it on this node.
//!
//! The promise: each member gets the numbers of its audience in rising order and none twice. A topic hands on event
//! after event; one that leaves a hole in `staff_rev` waits until the database was read.

mod joining;

use super::client::{Client, Dialect, Parcel};
use super::frames;
use crate::families::shared::FileLinks;
use crate::ws::close::Close;
use parlor_domain::conversation::{Audience, Catchup, Conversation};
use parlor_domain::event::{ConversationChange, ConversationEvent};
use parlor_domain::id::{ConversationId, RoomKey};
use std::sync::Arc;
use tokio::time::Instant;

/// The most events that wait for a member or for a repair. Who needs more comes back and resumes.
const MAX_WAITING: usize = 1_000;

/// A change on its way to one audience.
struct Numbered {
    rev: i64,
    parcel: Parcel,
    /// Nothing follows it.
    last: bool,
}

/// How far a member is.
enum Place {
    /// Its start is being read; what comes meanwhile waits here, behind what it had before, if it begins anew.
    Joining { waiting: Vec<Numbered>, was: Option<i64> },
    /// It has everything up to this number.
    At(i64),
}

struct Member {
    client: Arc<Client>,
    place: Place,
}

impl Member {
    /// Hands on a change that is not yet known to it. False once nothing follows.
    fn take(&mut self, rev: i64, parcel: &Parcel, last: bool) -> bool {
        match &mut self.place {
            Place::Joining { waiting, .. } if waiting.len() >= MAX_WAITING => self.client.cut(Close::TooSlow),
            Place::Joining { waiting, .. } => waiting.push(Numbered {
                rev,
                parcel: parcel.clone(),
                last,
            }),
            Place::At(sent) => {
                if rev > *sent {
                    *sent = rev;
                    self.client.send(parcel.clone());
                }
                return !last;
            }
        }
        true
    }
}

/// What is to be done after an event was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Done,
    /// The database must be read.
    Repair,
}

/// One conversation and those who follow it.
pub struct Topic {
    id: ConversationId,
    links: Arc<FileLinks>,
    members: Vec<Member>,
    /// The last `staff_rev` handed on; `None` until the first member's start was read.
    staff: Option<i64>,
    /// From which `staff_rev` on events were handed on.
    since: i64,
    /// The last `rev` handed on.
    public: i64,
    /// Came too early.
    pending: Vec<ConversationEvent>,
    repairing: bool,
    /// What a repair is reading does not reach back far enough.
    read_again: bool,
    ended: bool,
    /// When the last event came.
    heard_at: Instant,
    /// What customers call it; known once the conversation passed.
    room_key: Option<RoomKey>,
}

impl Topic {
    /// Nobody follows yet.
    pub fn new(id: ConversationId, links: Arc<FileLinks>, now: Instant) -> Self {
        Self {
            id,
            links,
            members: Vec::new(),
            staff: None,
            since: 0,
            public: 0,
            pending: Vec::new(),
            repairing: false,
            read_again: false,
            ended: false,
            heard_at: now,
            room_key: None,
        }
    }

    /// Whether nobody follows.
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What customers call the conversation.
    pub const fn room_key(&self) -> Option<RoomKey> {
        self.room_key
    }

    /// Takes an event of the bus.
    pub fn take(&mut self, event: &ConversationEvent, now: Instant) -> Next {
        self.heard_at = now;
        self.room_key = Some(event.conversation.room_key);
        let Some(staff) = self.staff else {
            self.wait(event);
            return self.count_from_first();
        };
        // Nothing follows a deletion, and nothing before it can be read any more.
        let in_turn = event.staff_rev == staff + 1 || event.change == ConversationChange::Deleted;
        if event.staff_rev <= staff || self.ended {
            Next::Done
        } else if in_turn && !self.repairing {
            self.hand_on(event);
            Next::Done
        } else {
            self.wait(event);
            self.want_repair()
        }
    }

    fn wait(&mut self, event: &ConversationEvent) {
        // What does not fit is read from the database with the rest.
        if self.pending.len() < MAX_WAITING {
            self.pending.push(event.clone());
        }
    }

    /// Asks for one repair at a time.
    fn want_repair(&mut self) -> Next {
        if std::mem::replace(&mut self.repairing, true) {
            Next::Done
        } else {
            Next::Repair
        }
    }

    fn hand_on(&mut self, event: &ConversationEvent) {
        let last = event.change == ConversationChange::Deleted;
        self.staff = Some(event.staff_rev);
        self.public = event.rev.unwrap_or(self.public);
        self.ended |= last;
        for dialect in Dialect::ALL {
            let Some(rev) = frames::number(event, dialect.audience()) else { continue };
            if self.speaks(dialect) {
                self.give(dialect, rev, &frames::parcel(event, dialect, &self.links), last);
            }
        }
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        self.members.iter().any(|member| member.client.dialect == dialect)
    }

    fn give(&mut self, dialect: Dialect, rev: i64, parcel: &Parcel, last: bool) {
        let id = self.id;
        self.members.retain_mut(|member| {
            let stays = member.client.dialect != dialect || member.take(rev, parcel, last);
            if !stays {
                member.client.unfollow(id);
            }
            stays
        });
    }

    fn take_pending(&mut self) -> Next {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by_key(|event| event.staff_rev);
        let mut next = Next::Done;
        for event in pending {
            if self.take(&event, self.heard_at) == Next::Repair {
                next = Next::Repair;
            }
        }
        next
    }

    /// From which numbers on a repair reads: the staff's, if any agent follows, and the public one, if any customer does.
    /// `None` if there is nothing to repair yet.
    pub fn repair_from(&self) -> Option<(Option<i64>, Option<i64>)> {
        let staff = self.staff?;
        let has = |audience| self.members.iter().any(|member| member.client.audience == audience);
        Some((has(Audience::Staff).then_some(staff), has(Audience::Public).then_some(self.public)))
    }

    /// Hands on what the database says, then what waited.
    pub fn repaired(&mut self, read: &[(Audience, Catchup)]) -> Next {
        // Who came while the database was read belongs to an audience that was not read for: what waits is not behind them.
        let missing = |audience| self.members.iter().any(|member| member.client.audience == audience) && !read.iter().any(|(known, _)| *known == audience);
        if missing(Audience::Staff) || missing(Audience::Public) || std::mem::take(&mut self.read_again) {
            return Next::Repair;
        }
        for (audience, catchup) in read {
            if catchup.reset {
                self.tell_later(*audience, catchup.conversation.head_rev(*audience));
            }
            for dialect in Dialect::ALL.into_iter().filter(|dialect| dialect.audience() == *audience) {
                if self.speaks(dialect) {
                    for (rev, parcel) in frames::missed_parcels(catchup, dialect, &self.links) {
                        self.give(dialect, rev, &parcel, false);
                    }
                }
            }
        }
        // The audiences were read one after the other; only what both had read is behind us.
        let heads = || read.iter().map(|(_, catchup)| &catchup.conversation);
        if let Some(staff) = heads().map(|conversation| conversation.staff_rev).min() {
            self.staff = self.staff.max(Some(staff));
        }
        if let Some(public) = heads().map(|conversation| conversation.rev).min() {
            self.public = self.public.max(public);
        }
        self.repairing = false;
        self.take_pending()
    }

    /// Too much for one by one. Clients at the Socket.IO door read it page after page; others come back and are told to load the history.
    fn tell_later(&mut self, audience: Audience, head: i64) {
        let id = self.id;
        for member in self.members.iter_mut().filter(|member| member.client.audience == audience) {
            match &mut member.place {
                Place::At(sent) if member.client.fall_behind(id, *sent, head) => *sent = head.max(*sent),
                Place::At(_) | Place::Joining { .. } => member.client.cut(Close::TooSlow),
            }
        }
    }

    /// The conversation is gone, and its last event may never come.
    pub fn end(&mut self, last: &ConversationEvent) {
        self.repairing = false;
        self.read_again = false;
        self.pending.clear();
        if !self.ended {
            self.hand_on(last);
        }
    }

    /// The conversation is gone without a trace.
    pub fn vanish(&mut self) {
        self.members.iter().for_each(|member| member.client.cut(Close::TooSlow));
        self.members.clear();
    }

    /// Whether it is to be compared with the database: nothing came for a while.
    pub fn is_quiet(&self, now: Instant, since: std::time::Duration) -> bool {
        self.staff.is_some() && !self.repairing && !self.ended && now.saturating_duration_since(self.heard_at) >= since
    }

    /// Compares with the row in the database.
    pub fn compare(&mut self, conversation: &Conversation, now: Instant) -> Next {
        self.heard_at = now;
        let behind = self.staff.is_some_and(|staff| conversation.staff_rev > staff);
        if behind { self.want_repair() } else { Next::Done }
    }

    /// Those who follow in a dialect, for signals. Who is still joining is left out.
    pub fn listeners(&self, dialect: Dialect) -> impl Iterator<Item = &Arc<Client>> {
        self.members
            .iter()
            .filter(move |member| member.client.dialect == dialect && matches!(member.place, Place::At(_)))
            .map(|member| &member.client)
    }

    /// All members' clients.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        self.members.iter().map(|member| Arc::clone(&member.client)).collect()
    }
}
