use super::*;
use parlor_domain::whatsapp::{Customer, CustomerMove};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn from(contacts: Value, from: Value, from_user_id: Value) -> Customer {
    let mut message = holding("text", json!({"body": "hi"}));
    message["from"] = from;
    message["from_user_id"] = from_user_id;
    messages(json!({"contacts": contacts, "messages": [message]})).remove(0).from
}

#[test]
fn contacts_belong_to_messages_by_their_ids() {
    let contacts = json!([
        {"profile": {"name": "Somebody else"}, "wa_id": "491700000009", "user_id": "DE.9"},
        {"profile": {"name": " Nadia\u{7} P. ", "username": "nadia.p"}, "wa_id": PHONE, "user_id": USER, "parent_user_id": "DE.ENT.1"},
    ]);
    let nadia = Customer {
        phone_id: some(PHONE),
        user_id: some(USER),
        username: some("nadia.p"),
        name: some("Nadia P."),
    };
    assert_eq!(from(contacts.clone(), json!(PHONE), json!(USER)), nadia);
    assert_eq!(from(contacts.clone(), json!(PHONE), json!(null)), nadia, "its contact knows the user id");
    assert_eq!(from(contacts.clone(), json!(""), json!(USER)), nadia, "and the phone id");
    let stranger = from(contacts, json!(PHONE), json!("DE.7"));
    assert_eq!(
        (stranger.user_id, stranger.name),
        (some("DE.7"), None),
        "one phone id with two user ids is not one person"
    );
    for none in [json!(null), json!([]), json!({}), json!([{"profile": {"name": "Nobody"}}])] {
        let alone = from(none, json!(PHONE), json!(null));
        assert_eq!((alone.phone_id, alone.user_id, alone.name), (some(PHONE), None, None));
    }
}

#[test]
fn a_hidden_number_is_missing() {
    for hidden in [json!(""), json!(" "), json!(null), json!(49)] {
        let contacts = json!([{"profile": {"name": "", "username": "nadia.p"}, "wa_id": "", "user_id": USER}]);
        let customer = Customer {
            phone_id: None,
            user_id: some(USER),
            username: some("nadia.p"),
            name: None,
        };
        assert_eq!(from(contacts, hidden, json!(USER)), customer);
    }
}

fn moved(message: Value) -> Vec<CustomerMove> {
    let moved = items(json!({"messages": [message]})).into_iter().map(|item| match item {
        ReceivedItem::Moved(moved) => moved,
        other => panic!("{other:?}"),
    });
    moved.collect()
}

#[test]
fn a_system_message_tells_of_another_number_or_user_id() {
    let customer = |phone: Option<&str>, user: Option<&str>| Customer {
        phone_id: phone.map(str::to_owned),
        user_id: user.map(str::to_owned),
        ..Customer::default()
    };
    let system = |from: Value, user: Value, content: Value| {
        let mut message = holding("system", content);
        message["from"] = from;
        message["from_user_id"] = user;
        moved(message).into_iter().map(|moved| (moved.before, moved.after)).collect::<Vec<_>>()
    };
    assert_eq!(
        system(
            json!(PHONE),
            json!(null),
            json!({"type": "user_changed_number", "wa_id": "491700000002", "body": "User changed"})
        ),
        [(customer(Some(PHONE), None), customer(Some("491700000002"), None))]
    );
    assert_eq!(
        system(
            json!(PHONE),
            json!("DE.new"),
            json!({"type": "user_changed_number", "wa_id": "491700000002", "previous_user_id": "DE.old", "user_id": "DE.new"})
        ),
        [(customer(Some(PHONE), Some("DE.old")), customer(Some("491700000002"), Some("DE.new")))]
    );
    assert_eq!(
        system(json!(""), json!("DE.old"), json!({"type": "user_changed_user_id", "user_id": "DE.new"})),
        [(customer(None, Some("DE.old")), customer(None, Some("DE.new")))]
    );
    assert_eq!(
        system(json!(PHONE), json!("DE.new"), json!({"type": "user_changed_user_id", "user_id": "DE.new"})),
        [(customer(Some(PHONE), None), customer(None, Some("DE.new")))],
        "the new user id is not the old one"
    );
    for nothing in [
        json!({"type": "user_identity_changed", "wa_id": "491700000002"}),
        json!({"type": "user_changed_number"}),
        json!({"wa_id": "491700000002"}),
        json!("x"),
    ] {
        assert_eq!(system(json!(PHONE), json!(USER), nothing), []);
    }
}
