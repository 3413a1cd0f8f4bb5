//! How clients begin to follow, begin anew and leave.

use super::{Member, Next, Numbered, Place, Topic};
use crate::ws::hub::client::Client;
use crate::ws::hub::frames;
use parlor_domain::conversation::Catchup;
use std::sync::Arc;

impl Topic {
    /// From now on keeps what comes for a client, until [`Self::start`] or [`Self::go_on`]. One that follows already begins anew.
    pub fn join(&mut self, client: &Arc<Client>) {
        let known = self.members.iter_mut().find(|member| member.client.number == client.number);
        let joining = |was| Place::Joining { waiting: Vec::new(), was };
        match known.map(|member| &mut member.place) {
            Some(place) => {
                if let Place::At(sent) = *place {
                    *place = joining(Some(sent));
                }
            }
            None => self.members.push(Member {
                client: Arc::clone(client),
                place: joining(None),
            }),
        }
    }

    /// From now on hands on to a client that was told nothing, beginning with a change that is about to be taken. False if that would
    /// not be handed on: it is behind already, or may be once the start of others was read.
    pub fn join_at(&mut self, client: &Arc<Client>, rev: i64, staff_rev: i64) -> bool {
        let sent = match self.staff {
            Some(staff) if staff_rev <= staff => return false,
            // If changes before it are missing, they are late or lost, and will be handed on first.
            Some(_) => self.public.min(rev - 1),
            None if self.has_joining() => return false,
            None => rev - 1,
        };
        self.members.push(Member {
            client: Arc::clone(client),
            place: Place::At(sent),
        });
        true
    }

    /// The same for a client at the Socket.IO door that reads for itself what is behind a number, this change included.
    pub fn join_behind(&mut self, client: &Arc<Client>, after: i64, rev: i64) {
        let sent = self.public.max(rev);
        client.fall_behind(self.id, after, sent);
        self.members.push(Member {
            client: Arc::clone(client),
            place: Place::At(sent),
        });
    }

    /// Hands nothing on to a client any more.
    pub fn leave(&mut self, client: u64) -> Next {
        self.members.retain(|member| member.client.number != client);
        self.count_from_first()
    }

    fn has_joining(&self) -> bool {
        self.members.iter().any(|member| matches!(member.place, Place::Joining { .. }))
    }

    /// Begins to hand on to a client that joined: what it missed, then what came meanwhile.
    pub fn start(&mut self, client: u64, catchup: &Catchup) -> Next {
        let conversation = &catchup.conversation;
        let (staff, public) = (conversation.staff_rev, conversation.rev);
        self.room_key = Some(conversation.room_key);
        let id = self.id;
        let waits = |member: &&mut Member| member.client.number == client && matches!(member.place, Place::Joining { .. });
        let member = self.members.iter_mut().find(waits);
        let is_member = member.is_some();
        // Others began meanwhile, from a later number: what came in between waited for nobody, and is read once more.
        let missed_some = is_member && self.staff.is_some() && staff < self.since && !self.ended;
        if let Some(member) = member {
            let dialect = member.client.dialect;
            // What it was handed before is told again by what it asked for.
            member.client.forget(id);
            for (_, parcel) in frames::missed_parcels(catchup, dialect, &self.links) {
                member.client.send(parcel);
            }
            if let (Place::Joining { waiting, .. }, true) = (&mut member.place, missed_some) {
                waiting.clear();
            }
            let sent = conversation.head_rev(dialect.audience());
            self.go_on_from(client, sent);
        }
        if self.ended {
            return Next::Done;
        }
        if missed_some {
            self.staff = self.staff.min(Some(staff));
            self.public = self.public.min(public);
            self.read_again = self.repairing;
            return self.want_repair();
        }
        if self.staff.is_some() {
            return Next::Done;
        }
        self.staff = Some(staff);
        self.since = staff;
        self.public = public;
        // Who came meanwhile without a start of its own reads up to here.
        for member in &mut self.members {
            if let Place::At(sent) = &mut member.place
                && *sent < public
                && member.client.fall_behind(id, *sent, public)
            {
                *sent = public;
            }
        }
        self.take_pending()
    }

    /// The start of a client could not be read: it goes on from where it was. False if it was nowhere.
    pub fn go_on(&mut self, client: u64) -> bool {
        let place = self.members.iter().find(|member| member.client.number == client).map(|member| &member.place);
        match place {
            Some(Place::Joining { was: Some(sent), .. }) => {
                let sent = *sent;
                self.go_on_from(client, sent);
                true
            }
            Some(Place::Joining { was: None, .. }) => false,
            Some(Place::At(_)) => true,
            None => false,
        }
    }

    /// Hands on what waited for a client behind a number.
    fn go_on_from(&mut self, client: u64, sent: i64) {
        let id = self.id;
        self.members.retain_mut(|member| {
            if member.client.number != client {
                return true;
            }
            let Place::Joining { waiting, .. } = std::mem::replace(&mut member.place, Place::At(sent)) else {
                return true;
            };
            let stays = waiting
                .into_iter()
                .fold(true, |stays, Numbered { rev, parcel, last }| member.take(rev, &parcel, last) && stays);
            if !stays {
                member.client.unfollow(id);
            }
            stays
        });
    }

    /// If nobody's start is being read any more, events are handed on from the first one that came.
    pub fn count_from_first(&mut self) -> Next {
        if self.staff.is_some() || self.members.is_empty() || self.has_joining() {
            return Next::Done;
        }
        let Some(first) = self.pending.iter().min_by_key(|event| event.staff_rev) else {
            return Next::Done;
        };
        let staff = first.staff_rev - 1;
        self.public = first.conversation.rev - i64::from(first.rev.is_some());
        self.staff = Some(staff);
        self.since = staff;
        self.take_pending()
    }
}
