//! Who delivers must have signed (section 3).

use super::*;
use crate::stored::{all, differences};
use parlor_testkit::whatsapp::{Delivery, HttpAnswer, ascii_json, signature};

const SECRET: &str = Webhook::EXAMPLE_SECRET;
const MAX: usize = 4 * 1024 * 1024;

fn is_problem(answer: &HttpAnswer, status: u16, code: &str) -> bool {
    let problem = answer.json();
    (answer.status, problem["code"].as_str()) == (status, Some(code)) && answer.header("content-type") == Some("application/problem+json")
}

/// A delivery that differs when it is parsed and written again.
fn honest(line: &Line) -> Delivery {
    line.graph.delivery(&line.hook, nadia().text("Größe 42 / blau 🙂"))
}

/// Signed for a body of its own.
fn signed(secret: &str, body: &[u8]) -> Delivery {
    Webhook::new("").app_secret(secret).signed(body)
}

/// One message as large as this.
fn padded(line: &Line, size: usize) -> Delivery {
    let mut body = honest(line).body;
    body.resize(size, b' ');
    signed(SECRET, &body)
}

with_whatsapp! {
    async fn without_its_signature_nothing_is_believed(line: Line) {
        let good = honest(&line);
        let body = good.body.clone();
        let right = signature(SECRET, &body);
        let digits = &right["sha256=".len()..];
        let before = all(&line.app).await;
        let sha1 = format!("sha1={}", &digits[..40]);
        let mut wrong = vec![
            ("missing", good.clone().unsigned()),
            ("of another body", good.clone().tampered()),
            ("of the whole of a cut body", good.clone().truncated(body.len() - 1)),
            ("of another secret", signed("another-secret", &body)),
            ("of no secret", signed("", &body)),
            ("SHA-1 only", good.clone().unsigned().header("X-Hub-Signature", &sha1)),
            ("doubled", good.clone().header(Delivery::SIGNATURE, &right)),
            ("doubled in another case", good.clone().header("x-hub-signature-256", "sha256=0")),
        ];
        let rewritten: Value = serde_json::from_slice(&body).unwrap();
        wrong.push(("of the body before it was written again", signed("", rewritten.to_string().as_bytes()).signature(&right)));
        for value in [
            String::new(),
            digits.to_owned(),
            "sha256=".to_owned(),
            format!("sha256={}", &digits[1..]),
            format!("{right}0"),
            format!("{right}, {right}"),
            format!("sha256:{digits}"),
            format!("SHA256={digits}"),
            format!("sha512={digits}"),
            format!("sha256= {digits}"),
            format!("sha256={}g", &digits[1..]),
            format!("sha256={}é", &digits[2..]),
            format!("sha256={}", "é".repeat(64)),
            format!("sha256={}", "0".repeat(64)),
            sha1,
        ] {
            wrong.push(("malformed", good.clone().signature(&value)));
        }
        for (what, delivery) in &wrong {
            let answer = line.hook.post(delivery).await.unwrap();
            assert!(is_problem(&answer, 401, "unauthenticated"), "{what}: {} {}", answer.status, answer.text());
        }
        let changed = differences(&before, &all(&line.app).await);
        assert!(changed.is_empty(), "{changed:#?}");

        let upper = format!("sha256={}", digits.to_uppercase());
        assert_eq!(line.hook.post(&good.signature(&upper)).await.unwrap().status, 200, "hex digits have two cases");
        assert_eq!(line.last().await["text"], "Größe 42 / blau 🙂");
    }

    async fn what_is_signed_and_no_delivery_is_refused_for_good(line: Line) {
        let before = all(&line.app).await;
        let deep = "[".repeat(100_000);
        let not_utf8 = b"{\"object\":\"\xff\"}".to_vec();
        for body in [
            b"".to_vec(),
            b"null".to_vec(),
            b"7".to_vec(),
            b"[]".to_vec(),
            b"{}".to_vec(),
            b"{\"object\":\"whatsapp_business_account\"".to_vec(),
            b"{\"object\":\"page\",\"entry\":[]}".to_vec(),
            b"{\"object\":\"whatsapp_business_account\"}".to_vec(),
            b"{\"object\":\"whatsapp_business_account\",\"entry\":{}}".to_vec(),
            b"{\"object\":7,\"entry\":[]}".to_vec(),
            b"object=whatsapp_business_account&entry=".to_vec(),
            deep.into_bytes(),
            not_utf8,
        ] {
            let answer = line.hook.post(&signed(SECRET, &body)).await.unwrap();
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            assert!(is_problem(&answer, 400, "invalid_input"), "{shown}: {} {}", answer.status, answer.text());
        }
        for body in [
            json!({"object": "whatsapp_business_account", "entry": []}),
            json!({"object": "whatsapp_business_account", "entry": [7, null, {}, {"changes": 7}, {"changes": [7, {}, {"field": 7}, {"field": "messages"}]}]}),
            json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "account_update", "value": {"event": "X"}}]}]}),
        ] {
            let answer = line.hook.post(&signed(SECRET, &ascii_json(&body))).await.unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{body}");
        }
        line.receives(Envelope::from(nadia().text("Hi").number(&Number::new("830000000000099")))).await;
        let changed = differences(&before, &all(&line.app).await);
        assert!(changed.is_empty(), "{changed:#?}");
    }

    async fn four_mebibytes_are_taken_and_a_byte_more_is_not(line: Line) {
        let answer = line.hook.post(&padded(&line, MAX + 1)).await.unwrap();
        assert!(is_problem(&answer, 413, "too_large"), "{} {}", answer.status, answer.text());
        assert_eq!(line.conversations().await, Vec::<Value>::new());
        assert_eq!(line.hook.post(&padded(&line, MAX)).await.unwrap().status, 200);
        assert_eq!(line.messages().await.len(), 1);
        let huge = padded(&line, MAX + 1).signature("sha256=0");
        let answer = line.hook.post(&huge).await.unwrap();
        assert!(is_problem(&answer, 401, "unauthenticated"), "{} {}", answer.status, answer.text());
    }

    async fn a_number_is_served_by_its_own_secret_only(line: Line) {
        let other = Number::new("830000000000002").display_phone("15550002222");
        line.graph.serves(&other);
        line.add_number(&other.phone_number_id, "other-secret").await;
        let others = line.hook.clone().app_secret("other-secret");
        let before = all(&line.app).await;
        // Signed well, but by whom this number is nothing to.
        assert_eq!(line.graph.delivers(&others, nadia().text("To the first")).await, 200);
        assert_eq!(line.graph.delivers(&line.hook, nadia().text("To the second").number(&other)).await, 200);
        let changed = differences(&before, &all(&line.app).await);
        assert!(changed.is_empty(), "{changed:#?}");

        let both = Envelope::new().message(nadia().text("One")).message(nadia().text("Two").number(&other));
        assert_eq!(line.graph.delivers(&others, &both).await, 200);
        let row = line.conversation().await;
        assert_eq!((&row["last_message"], &row["whatsapp"]["phone_number_id"]), (&json!("Two"), &json!("830000000000002")));
        assert_eq!(line.graph.delivers(&line.hook, &both).await, 200);
        assert_eq!(line.conversations().await.len(), 2, "one customer writes to two numbers");

        line.edit_channel(json!({"whatsapp": {"app_secret": null}})).await;
        for secret in [SECRET, "", "null"] {
            let answer = line.hook.post(&signed(secret, &honest(&line).body)).await.unwrap();
            assert_eq!(answer.status, 401, "a channel without a secret believes nobody");
        }
        // Another one's good signature opens nothing, either.
        assert_eq!(line.graph.delivers(&others, nadia().text("Still not")).await, 200);
        assert_eq!(line.conversations().await.len(), 2);
        assert!(line.conversations().await.iter().all(|row| row["inbound_count"] == 1));
    }

    async fn two_numbers_of_one_app_are_told_in_one_delivery(line: Line) {
        let other = Number::new("830000000000002");
        line.graph.serves(&other);
        line.add_number(&other.phone_number_id, SECRET).await;
        let both = Envelope::new().message(nadia().text("One")).message(nadia().text("Two").number(&other)).message(nadia().text("Three"));
        line.receives(&both).await;
        let mut counts: Vec<_> = line.conversations().await.iter().map(|row| row["inbound_count"].as_i64().unwrap()).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 2]);
    }

    async fn what_cannot_be_stored_now_is_to_be_told_again(line: Line) {
        line.hears("Hi").await;
        let delivery = honest(&line);
        line.app.running.as_ref().unwrap().wired.store.close().await.unwrap();
        let answer = line.hook.post(&delivery).await.unwrap();
        assert!(is_problem(&answer, 503, "unavailable"), "{} {}", answer.status, answer.text());
        assert!(answer.header("retry-after").is_some());
        let forged = line.hook.post(&delivery.tampered()).await.unwrap();
        assert!(matches!(forged.status, 401 | 503), "{}", forged.status);
    }
}
