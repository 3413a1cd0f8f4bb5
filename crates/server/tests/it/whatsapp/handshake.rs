//! The platform subscribes (section 2).

use super::*;

const PATHS: [&str; 4] = ["/api/channels/whatsapp/webhook", "/api/channels/whatsapp/webhook/", "/webhook", "/webhook/"];
const MODE: &str = "hub.mode=subscribe";
const TOKEN: &str = "hub.verify_token=example-verify-token";
const CHALLENGE: &str = "hub.challenge=echo7391";

with_whatsapp! {
    async fn the_right_question_is_answered_with_its_challenge(line: Line) {
        let longest = "7".repeat(256);
        for (query, challenge) in [
            (format!("{MODE}&{CHALLENGE}&{TOKEN}"), "echo7391"),
            (format!("{TOKEN}&{CHALLENGE}&{MODE}"), "echo7391"),
            (format!("x=1&{CHALLENGE}&hub.more=2&{MODE}&&{TOKEN}&hub"), "echo7391"),
            (format!("{MODE}&hub.challenge=11%2058+%3Cb%3E%26%C3%A9&{TOKEN}"), "11 58 <b>&é"),
            (format!("{MODE}&hub.challenge={longest}&{TOKEN}"), &longest),
            (format!("{MODE}&{CHALLENGE}&hub.verify_token=example%2Dverify-token"), "echo7391"),
        ] {
            for path in PATHS {
                let answer = line.app.get(&format!("{path}?{query}")).send().await;
                assert_eq!((answer.status, answer.text.as_str()), (200, challenge), "{path}?{query}");
                assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
                assert_eq!(answer.header("x-content-type-options"), "nosniff");
            }
        }
    }

    async fn any_wrong_question_is_refused_without_an_echo(line: Line) {
        for (status, query) in [
            (400, String::new()),
            (400, format!("{CHALLENGE}&{TOKEN}")),
            (400, format!("{MODE}&{TOKEN}")),
            (400, format!("{MODE}&{CHALLENGE}")),
            (400, format!("Hub.mode=subscribe&{CHALLENGE}&{TOKEN}")),
            (400, format!("hub_mode=subscribe&{CHALLENGE}&{TOKEN}")),
            (403, format!("hub.mode=&{CHALLENGE}&{TOKEN}")),
            (403, format!("hub.mode=Subscribe&{CHALLENGE}&{TOKEN}")),
            (403, format!("hub.mode=unsubscribe&{CHALLENGE}&{TOKEN}")),
            (403, format!("hub.mode=subscribe+&{CHALLENGE}&{TOKEN}")),
            (403, format!("{MODE}&{CHALLENGE}&hub.verify_token=")),
            (403, format!("{MODE}&{CHALLENGE}&hub.verify_token=Example-Verify-Token")),
            (403, format!("{MODE}&{CHALLENGE}&hub.verify_token=example-verify-toke")),
            (403, format!("{MODE}&{CHALLENGE}&hub.verify_token=example-verify-tokens")),
            (403, format!("{MODE}&{CHALLENGE}&hub.verify_token=example-verify-token%00")),
            (403, format!("{MODE}&{CHALLENGE}&hub.verify_token=%FF%FE")),
            (403, format!("{MODE}&{MODE}&{CHALLENGE}&{TOKEN}")),
            (403, format!("{MODE}&{CHALLENGE}&{CHALLENGE}&{TOKEN}")),
            (403, format!("{MODE}&{CHALLENGE}&{TOKEN}&{TOKEN}")),
            (403, format!("{MODE}&{CHALLENGE}&{TOKEN}&hub.verify_token=x")),
            (403, format!("{MODE}&hub.challenge=echo7391{}&{TOKEN}", "7".repeat(249))),
        ] {
            for path in PATHS {
                let answer = line.app.get(&format!("{path}?{query}")).send().await;
                assert!(!answer.text.contains("echo7391") && !answer.text.contains("erify-tok"), "{query}: {}", answer.text);
                answer.problem(status, if status == 400 { "invalid_input" } else { "forbidden" });
            }
        }
    }

    async fn a_channel_without_a_token_matches_no_token(line: Line) {
        line.edit_channel(json!({"whatsapp": {"verify_token": null}})).await;
        for token in ["", "example-verify-token", "null"] {
            let query = format!("{MODE}&{CHALLENGE}&hub.verify_token={token}");
            line.app.get(&format!("{HOOK}?{query}")).send().await.problem(403, "forbidden");
        }
        line.edit_channel(json!({"whatsapp": {"verify_token": "another-one&more"}})).await;
        let query = format!("{MODE}&{CHALLENGE}&hub.verify_token=another-one%26more");
        assert_eq!(line.app.get(&format!("{HOOK}?{query}")).send().await.text, "echo7391");
    }
}
