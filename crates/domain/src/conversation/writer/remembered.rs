//! What a lane remembers of the conversations it wrote.

use crate::conversation::Conversation;
use crate::id::ConversationId;
use std::collections::HashMap;
use std::sync::Arc;

/// The conversations used last, in two halves: a full young half becomes the old one, and what was old and not written
/// since is forgotten.
pub(super) struct Remembered {
    young: HashMap<ConversationId, Arc<Conversation>>,
    old: HashMap<ConversationId, Arc<Conversation>>,
    half: usize,
}

impl Remembered {
    pub(super) fn new(room: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: (room / 2).max(1),
        }
    }

    pub(super) fn get(&self, id: ConversationId) -> Option<&Arc<Conversation>> {
        self.young.get(&id).or_else(|| self.old.get(&id))
    }

    pub(super) fn put(&mut self, row: Arc<Conversation>) {
        if self.young.len() >= self.half && !self.young.contains_key(&row.id) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(row.id, row);
    }

    pub(super) fn forget(&mut self, id: ConversationId) {
        self.young.remove(&id);
        self.old.remove(&id);
    }
}
