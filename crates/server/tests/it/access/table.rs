//! What each caller gets at each endpoint, written out.

/// A line of the table.
pub struct Row {
    /// The operation, by its id in the OpenAPI document.
    pub operation: &'static str,
    /// The query, without its question mark.
    pub query: &'static str,
    /// The body; none if empty.
    pub body: &'static str,
    /// An answer for each of [`super::people::CALLERS`]: `2` 200, `c` 201, `-` 204, `0` 400, `1` 401, `3` 403, `4` 404, `9` 409.
    pub cells: &'static str,
}

const fn row(operation: &'static str, query: &'static str, body: &'static str, cells: &'static str) -> Row {
    Row { operation, query, body, cells }
}

/// The table.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("create_visitor", "", r#"{"name":"Nadia"}"#,                                                "cc cccc c ccccc c ccc ccccc c cc"),
    row("list_visitor_profiles", "", "",                                                            "11 1111 1 32222 2 222 11111 3 33"),
    row("get_visitor_profile", "", "",                                                              "44 4224 4 32222 4 222 11111 4 43"),
    row("edit_visitor_profile", "", r#"{"name":"Nadia"}"#,                                          "44 4224 4 32222 4 322 11111 4 43"),
    row("validate_visitor", "", "",                                                                 "44 4224 4 44444 4 444 44444 4 44"),
    row("identify_visitor", "", r#"{"token":"{identity}"}"#,                                        "44 4224 4 44444 4 444 44444 4 44"),
    row("create_session", "", r#"{"metadata":{"page":"/cart"}}"#,                                   "00 cccc 1 33333 3 333 11111 c c3"),
    row("list_sessions", "visitor_id={visitor}", "",                                                "44 4224 4 32222 4 222 11111 4 43"),
    row("get_session", "", "",                                                                      "11 3223 1 32222 4 222 11111 3 33"),
    row("end_session", "", "{}",                                                                    "11 3223 1 32222 4 322 11111 3 33"),
    row("ask_assistant", "", r#"{"message":"Hello","session_id":"{session}"}"#,                     "11 3223 1 33333 3 333 11111 3 33"),
    row("stream_answer", "", r#"{"message":"Hello","session_id":"{session}"}"#,                     "11 3223 1 33333 3 333 11111 3 33"),
    row("stop_answer", "", "{}",                                                                    "11 3223 1 33333 3 333 11111 3 33"),
    row("resume_answer", "", "",                                                                    "11 3--3 1 33333 3 333 11111 3 33"),
    row("resume_answer_of_sdk", "", "",                                                             "11 3--3 1 33333 3 333 11111 3 33"),
    row("list_chat_messages", "session_id={session}", "",                                           "11 3223 1 32222 4 222 11111 3 33"),

    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("create_room", "", r#"{"customer_name":"Nadia","message":"Hello"}"#,                        "cc cccc 1 33333 3 333 11111 c c3"),
    row("list_own_rooms", "", "",                                                                   "22 2222 1 33333 3 333 11111 2 23"),
    row("get_own_room", "", "",                                                                     "44 4224 2 44444 4 444 44444 4 44"),
    row("send_room_message", "", r#"{"message":"Hello"}"#,                                          "44 4cc4 c 44444 4 444 44444 4 44"),
    row("save_user_data", "", r#"{"name":"Nadia"}"#,                                                "cc cccc 1 33333 3 333 11111 c c3"),
    // Who knows the id of a chat may append, unless it proves to be somebody else.
    row("send_stored_message", "", r#"{"role":"user","message":"Hello"}"#,                          "cc 4cc4 1 33333 3 333 11111 4 43"),
    row("send_stored_message_by_old_path", "", r#"{"role":"assistant","content":"Hello"}"#,         "cc 4cc4 1 33333 3 333 11111 4 43"),
    row("sync_stored_chat", "", r#"{"role":"user","message":"Hello"}"#,                             "cc 4cc4 1 33333 3 333 11111 4 43"),
    row("list_users_chats", "", "",                                                                 "11 1111 1 32222 2 222 11111 3 33"),
    row("get_room_messages", "", "",                                                                "44 4224 2 44444 4 444 44444 4 44"),
    row("mark_room_as_read", "", "{}",                                                              "44 4224 2 44444 4 444 44444 4 44"),
    row("delete_own_message", "", "",                                                               "44 4--4 - 44444 4 444 44444 4 44"),

    // Each about the visitor's own offer.
    row("act_on_own_message", "", r#"{"action":"withdraw"}"#,                                       "44 4224 2 44444 4 444 44444 4 44"),

    // Who is no party has no such conversation; only its id is known to be taken.
    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("list_marketplace_conversations", "", "",                                                   "11 3313 1 22222 2 333 11111 3 22"),
    row("list_marketplace_conversations", "customerId={customer}", "",                              "11 3313 1 33333 3 333 11111 3 23"),
    row("list_marketplace_conversations", "sellerId={seller}", "",                                  "11 3313 1 33333 3 333 11111 3 32"),
    row("save_marketplace_conversation", "", r#"{"id":"{listing}"}"#,                               "11 3313 1 99999 3 333 11111 3 22"),
    row("save_marketplace_conversation", "", r#"{"id":"new-{n}","sellerId":"{seller}"}"#,           "11 3313 1 33333 3 333 11111 3 c3"),
    row("send_marketplace_message", "", r#"{"conversationId":"{listing}","message":{"text":"Hello"}}"#, "11 3313 1 44444 4 333 11111 3 cc"),
    row("list_marketplace_messages", "conversationId={listing}", "",                                "11 3313 1 44444 4 333 11111 3 22"),
    row("mark_marketplace_conversation_read", "", r#"{"conversationId":"{listing}"}"#,              "11 3313 1 44444 4 333 11111 3 22"),
    row("flag_marketplace_conversation", "", r#"{"conversationId":"{listing}","reason":"spam"}"#,   "11 3313 1 44444 4 333 11111 3 22"),
    // The offer is the customer's.
    row("act_on_marketplace_message", "", r#"{"conversationId":"{listing}","messageId":1001,"action":"accept"}"#, "11 3313 1 44444 4 333 11111 3 32"),
    row("act_on_marketplace_message", "", r#"{"conversationId":"{listing}","messageId":1001,"action":"withdraw"}"#, "11 3313 1 44444 4 333 11111 3 23"),
    row("delete_marketplace_conversation", "", r#"{"id":"{listing}"}"#,                             "11 3313 1 44--4 4 333 11111 3 --"),
    row("delete_marketplace_conversation", "id={listing}", "",                                      "11 3313 1 44--4 4 333 11111 3 --"),

    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    // By whoever may write there.
    row("upload_attachment", "", r#"{"conversation_id":"{room}"}"#,                                 "11 4cc4 c 4cccc 4 3cc 11111 4 44"),
    row("upload_attachment", "conversation_id={room}", r#"{}"#,                                     "11 4cc4 c 4cccc 4 3cc 11111 4 44"),
    row("upload_attachment", "", r#"{"conversation_id":"{listing}"}"#,                              "11 4444 4 4cccc 4 3cc 11111 4 cc"),
    // The link is the whole proof.
    row("get_attachment", "exp={exp}&sig={sig}", "",                                                "22 2222 2 22222 2 222 22222 2 22"),
    row("get_attachment", "exp={exp}&sig=bm9uZQ", "",                                               "44 4444 4 44444 4 444 44444 4 44"),

    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("list_live_conversations", "", "",                                                          "11 1111 1 32222 2 222 11111 3 33"),
    row("list_live_messages", "conversation_id={whatsapp}", "",                                     "11 1111 1 32222 4 222 11111 3 33"),
    row("send_live_message", "", r#"{"conversation_id":"{whatsapp}","message":"Hello"}"#,           "11 1111 1 32222 4 322 11111 3 33"),
    row("send_live_message", "", r#"{"phone_number_id":"{ours}","to":"{theirs}","message":"Hello"}"#,"11 1111 1 32222 4 322 11111 3 33"),
    row("subscribe_whatsapp_webhook", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={verify}", "","22 2222 2 22222 2 222 22222 2 22"),
    row("subscribe_whatsapp_webhook", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=nonsense", "","33 3333 3 33333 3 333 33333 3 33"),
    row("subscribe_whatsapp_webhook_by_short_path", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={verify}", "","22 2222 2 22222 2 222 22222 2 22"),
    row("subscribe_whatsapp_webhook_by_short_path", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=nonsense", "","33 3333 3 33333 3 333 33333 3 33"),
    // Only the platform signs deliveries; no login counts.
    row("receive_whatsapp_delivery", "", r#"{"object":"whatsapp_business_account","entry":[]}"#,    "11 1111 1 11111 1 111 11111 1 11"),
    row("receive_whatsapp_delivery_by_short_path", "", r#"{"object":"whatsapp_business_account","entry":[]}"#,"11 1111 1 11111 1 111 11111 1 11"),

    row("create_realtime_ticket", "", "",                                                           "11 2222 2 32222 2 333 11111 2 23"),

    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("log_in", "", r#"{"username":"{door}","password":"{password}"}"#,                           "22 2222 2 22222 2 222 22222 2 22"),
    row("refresh_login", "", r#"{"refresh":"{refresh}"}"#,                                          "22 2222 2 22222 2 222 22222 2 22"),
    row("log_out", "", "",                                                                          "11 1111 1 ----3 - 333 11111 3 33"),
    row("log_out", "", r#"{"refresh":"{refresh}"}"#,                                                "-- ---- - ----- - --- ----- - --"),
    row("get_me", "", "",                                                                           "11 1111 1 22222 2 333 11111 3 32"),
    row("edit_me", "", r#"{"settings":{"sound":true}}"#,                                            "11 1111 1 22222 2 333 11111 3 32"),
    // Who comes with a token of the host site has no password here.
    row("change_password", "", r#"{"old":"{password}","new":"{password}"}"#,                        "11 1111 1 ----3 - 333 11111 3 33"),
    row("set_up", "", r#"{"token":"{invitation}","email":"{email}","name":"Omar","password":"{password}"}"#, "22 2222 2 22222 2 222 22222 2 22"),

    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("list_conversations", "", "",                                                               "11 1111 1 32222 2 222 11111 3 33"),
    row("list_conversations", "deleted=true", "",                                                   "11 1111 1 33223 2 332 11111 3 33"),
    row("get_conversation", "", "",                                                                 "11 1111 1 32222 4 222 11111 3 33"),
    row("get_conversation", "deleted=true", "",                                                     "11 1111 1 33223 4 332 11111 3 33"),
    row("delete_conversation", "", "",                                                              "11 1111 1 33--3 4 33- 11111 3 33"),
    row("send_agent_message", "", r#"{"message":"Hello"}"#,                                         "11 1111 1 3cccc 4 3cc 11111 3 33"),
    row("send_agent_message", "", r#"{"message":"Careful","private":true}"#,                        "11 1111 1 3cccc 4 3cc 11111 3 33"),
    row("mark_conversation_read", "", "{}",                                                         "11 1111 1 32222 4 322 11111 3 33"),
    row("assign_conversation", "", r#"{"assignee_id":null}"#,                                       "11 1111 1 32222 4 322 11111 3 33"),
    // The other workspace has no such agent: that is told before the conversation is looked for.
    row("assign_conversation", "", r#"{"assignee_id":"{agent}"}"#,                                  "11 1111 1 32222 0 322 11111 3 33"),
    row("set_conversation_status", "", r#"{"status":"resolved"}"#,                                  "11 1111 1 32222 4 322 11111 3 33"),
    row("flag_conversation", "", r#"{"flagged":true}"#,                                             "11 1111 1 32222 4 322 11111 3 33"),
    row("label_conversation", "", r#"{"labels":["billing"]}"#,                                      "11 1111 1 32222 4 322 11111 3 33"),
    // The assistant of this channel is off.
    row("hand_to_assistant", "", "",                                                                "11 1111 1 39999 4 399 11111 3 33"),
    // Only a person takes a conversation over.
    row("take_over_conversation", "", "",                                                           "11 1111 1 32222 4 333 11111 3 33"),
    row("list_conversation_messages", "", "",                                                       "11 1111 1 32222 4 222 11111 3 33"),
    // The message is the visitor's, so nobody's own.
    row("edit_conversation_message", "", r#"{"message":"Hello"}"#,                                  "11 1111 1 33223 4 332 11111 3 33"),
    row("delete_conversation_message", "", "",                                                      "11 1111 1 33--3 4 33- 11111 3 33"),
    row("act_on_message", "", r#"{"action":"accept"}"#,                                             "11 1111 1 32222 4 322 11111 3 33"),
    row("react_to_message", "", r#"{"emoji":"+"}"#,                                                 "11 1111 1 32222 4 322 11111 3 33"),

    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("list_agents", "", "",                                                                      "11 1111 1 32222 2 222 11111 3 33"),
    row("create_agent", "", r#"{"email":"new{n}@example.com","name":"Omar","role":"agent"}"#,       "11 1111 1 33cc3 c 33c 11111 3 33"),
    row("create_agent", "", r#"{"email":"new{n}@example.com","name":"Olga","role":"owner"}"#,       "11 1111 1 333c3 c 333 11111 3 33"),
    row("get_agent", "", "",                                                                        "11 1111 1 33223 4 332 11111 3 33"),
    row("edit_agent", "", r#"{"name":"Omar"}"#,                                                     "11 1111 1 33223 4 332 11111 3 33"),
    row("edit_agent", "", r#"{"role":"owner"}"#,                                                    "11 1111 1 33323 4 333 11111 3 33"),
    row("deactivate_agent", "", "",                                                                 "11 1111 1 33--3 4 33- 11111 3 33"),
    row("invite_agent", "", "",                                                                     "11 1111 1 33223 4 332 11111 3 33"),
    row("list_channels", "", "",                                                                    "11 1111 1 32222 2 222 11111 3 33"),
    row("create_channel", "", r#"{"kind":"web","name":"Shop"}"#,                                    "11 1111 1 33cc3 c 33c 11111 3 33"),
    row("create_channel", "", r#"{"kind":"whatsapp","name":"Phone","whatsapp":{"phone_number_id":"77{n}"}}"#,"11 1111 1 33cc3 c 33c 11111 3 33"),
    row("get_channel", "", "",                                                                      "11 1111 1 33223 4 332 11111 3 33"),
    row("edit_channel", "", r#"{"name":"Shop"}"#,                                                   "11 1111 1 33223 4 332 11111 3 33"),
    row("delete_channel", "", "",                                                                   "11 1111 1 33--3 4 33- 11111 3 33"),
    row("check_channel", "", "",                                                                    "11 1111 1 33223 4 332 11111 3 33"),
    row("list_articles", "", "",                                                                    "11 1111 1 32222 2 222 11111 3 33"),
    row("create_article", "", r#"{"title":"Returns {n}","body":"Within 30 days."}"#,                "11 1111 1 33cc3 c 33c 11111 3 33"),
    row("get_article", "", "",                                                                      "11 1111 1 32222 4 222 11111 3 33"),
    row("edit_article", "", r#"{"title":"Returns"}"#,                                               "11 1111 1 33223 4 332 11111 3 33"),
    row("delete_article", "", "",                                                                   "11 1111 1 33--3 4 33- 11111 3 33"),
    row("try_assistant", "", r#"{"channel_id":"{channel}","question":"Can I return it?"}"#,         "11 1111 1 33223 4 332 11111 3 33"),
    row("list_workspace_visitors", "", "",                                                          "11 1111 1 32222 2 222 11111 3 33"),
    row("get_workspace_visitor", "", "",                                                            "11 1111 1 32222 4 222 11111 3 33"),
    row("edit_workspace_visitor", "", r#"{"name":"Nadia"}"#,                                        "11 1111 1 32222 4 322 11111 3 33"),
    row("get_workspace", "", "",                                                                    "11 1111 1 33323 2 333 11111 3 33"),
    row("edit_workspace", "", r#"{"name":"shop {n}"}"#,                                             "11 1111 1 33323 2 333 11111 3 33"),
    row("list_jobs", "state=dead", "",                                                              "11 1111 1 33223 2 332 11111 3 33"),
    row("replay_job", "", "",                                                                       "11 1111 1 33223 4 332 11111 3 33"),
    row("list_api_keys", "", "",                                                                    "11 1111 1 33323 2 333 11111 3 33"),
    row("create_api_key", "", r#"{"name":"Orders","scope":"read"}"#,                                "11 1111 1 333c3 c 333 11111 3 33"),
    row("revoke_api_key", "", "",                                                                   "11 1111 1 333-3 4 333 11111 3 33"),

    //                                                                                               nt svqo r SaAOh f RWK DLXUJ H MP
    row("health_live", "", "",                                                                      "22 2222 2 22222 2 222 22222 2 22"),
    row("health_ready", "", "",                                                                     "22 2222 2 22222 2 222 22222 2 22"),
    row("openapi_json", "", "",                                                                     "22 2222 2 22222 2 222 22222 2 22"),
    row("openapi_of_audience", "", "",                                                              "22 2222 2 22222 2 222 22222 2 22"),
    // Not switched on, so not there; with its token it is tried beside the canaries.
    row("metrics_text", "", "",                                                                     "44 4444 4 44444 4 444 44444 4 44"),
];
