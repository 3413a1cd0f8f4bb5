//! What the server has afterwards, held against what it acknowledged.

use crate::senders::{Acknowledged, Room, text_of};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Reads as an agent or as a customer.
pub struct Reader {
    pub url: String,
    pub token: String,
    pub http: reqwest::Client,
}

impl Reader {
    async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// All of a history, forwards.
    async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut page = self.get(&format!("{path}?after_seq=0&limit=100")).await;
        loop {
            all.append(page["results"].as_array_mut().unwrap());
            let Some(next) = page["next"].as_str() else { return all };
            page = self.get(&format!("{path}?cursor={next}&limit=100")).await;
        }
    }

    /// Every acknowledged message is there once and in its place, nothing else is, and all numbers and counts fit.
    pub async fn assert_whole(&self, room: &Room, acknowledged: &[&Acknowledged]) {
        let all = self.all(&format!("/api/admin/chat-rooms/{}/messages/", room.id)).await;
        let mut stored: HashMap<String, &Value> = HashMap::new();
        for message in &all {
            let twin = stored.insert(text_of(&message["client_id"]), message);
            assert!(twin.is_none(), "doubled: {message}");
        }
        for one in acknowledged {
            let message = stored.remove(&one.client_id).unwrap_or_else(|| panic!("lost: {one:?}"));
            let found = (message["id"].as_str(), message["seq"].as_i64(), message["private"].as_bool());
            assert_eq!(found, (Some(one.id.as_str()), Some(one.seq), Some(one.private)), "{}", one.client_id);
            assert_eq!(message["text"], format!("{} says this", one.client_id));
        }
        assert!(stored.is_empty(), "stored, but the sender that repeated it was never told: {stored:?}");

        let public: Vec<&Value> = all.iter().filter(|message| message["private"] == false).collect();
        let head = public.len() as i64;
        assert_eq!(numbers(&public, "seq"), (1..=head).collect::<Vec<_>>(), "places, in the order of the history");
        let mut staff = numbers(&all.iter().collect::<Vec<_>>(), "rev");
        staff.sort_unstable();
        assert_eq!(staff, (1..=all.len() as i64).collect::<Vec<_>>(), "the agents' numbers");

        let theirs = self.all(&format!("/api/public/chat-rooms/{}/get_messages/", room.key)).await;
        let theirs: Vec<&Value> = theirs.iter().collect();
        assert_eq!(ids(&theirs), ids(&public));
        assert_eq!(numbers(&theirs, "rev"), (1..=head).collect::<Vec<_>>(), "the customer's numbers");

        self.assert_counts(room, &public, all.len()).await;
        let read = self
            .http
            .post(format!("{}/api/admin/chat-rooms/{}/mark_as_read/", self.url, room.id))
            .bearer_auth(&self.token);
        assert_eq!(read.json(&json!({"up_to_seq": head / 2})).send().await.unwrap().status(), 200);
        self.assert_counts(room, &public, all.len()).await;
    }

    async fn assert_counts(&self, room: &Room, public: &[&Value], all: usize) {
        let row = self.get(&format!("/api/admin/chat-rooms/{}/", room.id)).await;
        let written_after = |kind: &str, mark: &Value| {
            let mark = mark.as_i64().unwrap();
            public
                .iter()
                .filter(|message| message["sender"]["kind"] == kind && message["seq"].as_i64().unwrap() > mark)
                .count()
        };
        assert_eq!(row["head_seq"], public.len());
        assert_eq!(row["head_rev"], all);
        assert_eq!(row["inbound_count"], written_after("visitor", &json!(0)));
        assert_eq!(row["unread_count"], written_after("visitor", &row["read"]["team"]), "{row}");
        assert_eq!(row["my_unread_count"], written_after("visitor", &row["read"]["me"]), "{row}");
        let own = self.get(&format!("/api/public/chat-rooms/{}/", room.key)).await;
        assert_eq!(own["unread_count"], written_after("agent", &row["read"]["visitor"]), "{own}");
        assert_eq!((&own["head_seq"], &own["head_rev"]), (&json!(public.len()), &json!(public.len())));
    }
}

/// What one sender said stands in the order it said it.
pub fn assert_senders_order(acknowledged: &[Acknowledged]) {
    let mut places: BTreeMap<&str, i64> = BTreeMap::new();
    for one in acknowledged {
        let sender = one.client_id.split('-').next().unwrap();
        // A note has the place of the message it stands after.
        let least = places.get(sender).map_or(0, |place| place + i64::from(!one.private));
        assert!(one.seq >= least, "{one:?} stands before an earlier one");
        places.insert(sender, one.seq);
    }
}

fn numbers(messages: &[&Value], name: &str) -> Vec<i64> {
    messages.iter().map(|message| message[name].as_i64().unwrap()).collect()
}

fn ids(messages: &[&Value]) -> Vec<String> {
    messages.iter().map(|message| text_of(&message["id"])).collect()
}
