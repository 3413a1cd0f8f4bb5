//! Who is there, on any node.
//!
//! Nodes tell one another through the bus, and each believes what it hears for a minute. A short absence is not told:
//! somebody who goes from page to page stays.

use parlor_domain::event::{Availability, Participant};
use parlor_domain::id::WorkspaceId;
use parlor_domain::message::Side;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long somebody may be away without being told as gone.
const GRACE: Duration = Duration::from_secs(5);
/// For how long a node believes what another one told.
const BELIEVED_FOR: Duration = Duration::from_secs(60);
/// How often a node tells who is there, if there are others.
const AGAIN_EVERY: Duration = Duration::from_secs(30);

/// Which person.
pub type PersonKey = (Side, Uuid);

struct Person {
    workspace: WorkspaceId,
    name: Option<String>,
    /// Sockets on this node.
    sockets: u32,
    left_at: Option<Instant>,
    heard_at: Instant,
    told_at: Instant,
    online: bool,
    status: Availability,
}

/// What is to be told to all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tell {
    /// Where.
    pub workspace: WorkspaceId,
    /// Who.
    pub who: Participant,
    /// Whether there.
    pub online: bool,
    /// What an agent says to be.
    pub status: Option<Availability>,
}

/// What somebody's coming or going means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing new.
    Known,
    /// Agents are to be told.
    New {
        /// To visitors, too: the first agent came (true) or the last one went (false).
        some_agent: Option<bool>,
    },
    /// It is wrong: the person is still here.
    Wrong,
}

/// Who is there.
#[derive(Default)]
pub struct People {
    known: HashMap<PersonKey, Person>,
    agents: HashMap<WorkspaceId, HashSet<Uuid>>,
}

impl Person {
    fn tell(&self, (side, id): PersonKey, online: bool) -> Tell {
        let status = (side == Side::Agent).then_some(self.status);
        Tell {
            workspace: self.workspace,
            who: Participant {
                side,
                id,
                name: self.name.clone(),
            },
            online,
            status,
        }
    }
}

impl People {
    /// A socket of somebody opened.
    pub fn arrive(&mut self, workspace: WorkspaceId, who: &Participant, now: Instant) -> Option<Tell> {
        let key = (who.side, who.id);
        let person = self.known.entry(key).or_insert_with(|| Person {
            workspace,
            name: None,
            sockets: 0,
            left_at: None,
            heard_at: now,
            told_at: now,
            online: false,
            status: Availability::Online,
        });
        person.name.clone_from(&who.name);
        person.sockets += 1;
        person.left_at = None;
        (!person.online).then(|| person.tell(key, true))
    }

    /// A socket of somebody closed.
    pub fn leave(&mut self, key: PersonKey, now: Instant) {
        if let Some(person) = self.known.get_mut(&key) {
            person.sockets = person.sockets.saturating_sub(1);
            if person.sockets == 0 {
                person.left_at = Some(now);
            }
        }
    }

    /// An agent here says how available it is.
    pub fn set_status(&self, key: PersonKey, status: Availability) -> Option<Tell> {
        self.known.get(&key).map(|person| Tell {
            status: Some(status),
            ..person.tell(key, true)
        })
    }

    /// What to tell of somebody who was called gone and has a socket here.
    pub fn still_here(&self, key: PersonKey) -> Option<Tell> {
        self.known.get(&key).filter(|person| person.sockets > 0).map(|person| person.tell(key, true))
    }

    /// Takes what a node told, this one included.
    pub fn hear(&mut self, workspace: WorkspaceId, who: &Participant, online: bool, status: Option<Availability>, now: Instant) -> Heard {
        let key = (who.side, who.id);
        let known = self.known.get_mut(&key);
        if !online && known.as_ref().is_some_and(|person| person.sockets > 0) {
            return Heard::Wrong;
        }
        let before = self.some_agent(workspace);
        let known = self.known.get_mut(&key);
        let same = known
            .as_ref()
            .map_or(!online, |person| person.online == online && status.is_none_or(|status| person.status == status));
        if online {
            let person = self.known.entry(key).or_insert_with(|| Person {
                workspace,
                name: who.name.clone(),
                sockets: 0,
                left_at: None,
                heard_at: now,
                told_at: now,
                online,
                status: Availability::Online,
            });
            person.online = true;
            person.heard_at = now;
            person.status = status.unwrap_or(person.status);
            if who.side == Side::Agent {
                self.agents.entry(workspace).or_default().insert(who.id);
            }
        } else {
            self.known.remove(&key);
            if let Some(agents) = self.agents.get_mut(&workspace) {
                agents.remove(&who.id);
            }
        }
        let after = self.some_agent(workspace);
        if same && before == after {
            Heard::Known
        } else {
            Heard::New {
                some_agent: (before != after).then_some(after),
            }
        }
    }

    /// What is to be told now: who is gone for good, who was not heard of for too long, and (if there are other nodes) who is still here.
    pub fn tick(&mut self, now: Instant, alone: bool) -> Vec<Tell> {
        let mut tell = Vec::new();
        for (key, person) in &mut self.known {
            let is_gone = person.sockets == 0
                && match person.left_at {
                    Some(left_at) => now.saturating_duration_since(left_at) >= GRACE,
                    None => now.saturating_duration_since(person.heard_at) >= BELIEVED_FOR,
                };
            let again = !alone && person.sockets > 0 && now.saturating_duration_since(person.told_at) >= AGAIN_EVERY;
            if is_gone {
                tell.push(person.tell(*key, false));
            } else if again {
                person.told_at = now;
                tell.push(person.tell(*key, true));
            }
        }
        tell
    }

    /// Whether somebody is there.
    pub fn is_online(&self, key: PersonKey) -> bool {
        self.known.get(&key).is_some_and(|person| person.online)
    }

    /// How many agents of a workspace are there.
    pub fn agents_online(&self, workspace: WorkspaceId) -> usize {
        self.agents.get(&workspace).map_or(0, HashSet::len)
    }

    fn some_agent(&self, workspace: WorkspaceId) -> bool {
        self.agents_online(workspace) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));

    fn who(side: Side, id: u128) -> Participant {
        Participant {
            side,
            id: Uuid::from_u128(id),
            name: None,
        }
    }

    /// A node that hears what it tells.
    fn hear(people: &mut People, tell: &Tell, now: Instant) -> Heard {
        people.hear(tell.workspace, &tell.who, tell.online, tell.status, now)
    }

    #[test]
    fn a_page_change_is_not_told_and_leaving_is_after_five_seconds() {
        let (mut people, start) = (People::default(), Instant::now());
        let agent = who(Side::Agent, 7);
        let key = (agent.side, agent.id);
        let come = people.arrive(WORKSPACE, &agent, start).unwrap();
        assert_eq!(hear(&mut people, &come, start), Heard::New { some_agent: Some(true) });
        people.leave(key, start);
        assert_eq!(people.tick(start + Duration::from_secs(4), true), []);
        assert_eq!(people.arrive(WORKSPACE, &agent, start + Duration::from_secs(4)), None);
        people.leave(key, start + Duration::from_secs(10));
        let gone = people.tick(start + Duration::from_secs(15), true);
        assert_eq!(gone.iter().map(|tell| tell.online).collect::<Vec<_>>(), [false]);
        assert_eq!(hear(&mut people, &gone[0], start), Heard::New { some_agent: Some(false) });
        assert!(!people.is_online(key));
        assert_eq!(people.tick(start + Duration::from_secs(99), true), []);
    }

    #[test]
    fn who_is_still_here_is_not_gone_because_another_node_says_so() {
        let (mut people, start) = (People::default(), Instant::now());
        let visitor = who(Side::Visitor, 7);
        let come = people.arrive(WORKSPACE, &visitor, start).unwrap();
        assert_eq!(hear(&mut people, &come, start), Heard::New { some_agent: None });
        assert_eq!(people.hear(WORKSPACE, &visitor, false, None, start), Heard::Wrong);
        assert!(people.is_online((visitor.side, visitor.id)));
    }

    #[test]
    fn another_nodes_people_are_believed_for_a_minute() {
        let (mut people, start) = (People::default(), Instant::now());
        let agent = who(Side::Agent, 7);
        people.hear(WORKSPACE, &agent, true, Some(Availability::Away), start);
        assert_eq!(people.agents_online(WORKSPACE), 1);
        assert_eq!(
            people.hear(WORKSPACE, &agent, true, Some(Availability::Away), start + Duration::from_secs(30)),
            Heard::Known
        );
        assert_eq!(people.tick(start + Duration::from_secs(89), false), []);
        assert_eq!(people.tick(start + Duration::from_secs(90), false).len(), 1);
    }

    #[test]
    fn a_node_with_others_tells_again_who_is_here() {
        let (mut people, start) = (People::default(), Instant::now());
        let come = people.arrive(WORKSPACE, &who(Side::Visitor, 7), start).unwrap();
        hear(&mut people, &come, start);
        assert_eq!(people.tick(start + Duration::from_secs(30), true), []);
        assert_eq!(people.tick(start + Duration::from_secs(30), false).len(), 1);
        assert_eq!(people.tick(start + Duration::from_secs(31), false), []);
    }
}
