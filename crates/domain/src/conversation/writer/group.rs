//! Sorting what waits.

use super::Waiting;
use crate::conversation::CommandError;
use crate::id::ConversationId;
use std::collections::{HashMap, HashSet};

/// Commands of one conversation that are decided together, in order of arrival.
pub(super) struct Group {
    pub(super) id: ConversationId,
    pub(super) commands: Vec<Waiting>,
    /// Decide on a row that was read just now.
    pub(super) fresh: bool,
    /// Look the client ids up: one of them is taken.
    pub(super) look_up: bool,
    /// How often it was stale.
    pub(super) attempts: usize,
}

impl Group {
    pub(super) const fn new(id: ConversationId, commands: Vec<Waiting>) -> Self {
        Self {
            id,
            commands,
            fresh: false,
            look_up: false,
            attempts: 0,
        }
    }

    pub(super) fn refuse(self, refusal: &CommandError) {
        for waiting in self.commands {
            waiting.settle(Err(refusal.clone()));
        }
    }
}

/// Sorts commands by conversation; those of one keep their order.
pub(super) fn group(waiting: impl Iterator<Item = Waiting>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<ConversationId, usize> = HashMap::new();
    for one in waiting {
        let id = one.command.conversation_id;
        let known = places.get(&id).and_then(|place| groups.get_mut(*place));
        if let Some(group) = known {
            group.commands.push(one);
        } else {
            places.insert(id, groups.len());
            groups.push(Group::new(id, vec![one]));
        }
    }
    groups
}

/// The first group of each conversation, and the rest in their order.
pub(super) fn first_of_each(groups: Vec<Group>) -> (Vec<Group>, Vec<Group>) {
    let mut seen = HashSet::new();
    groups.into_iter().partition(|group| seen.insert(group.id))
}
