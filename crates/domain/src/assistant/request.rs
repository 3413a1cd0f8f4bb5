//! When a visitor asks for a person.

/// What people say who want a person, as whole words.
const PEOPLE: [&str; 22] = [
    "human",
    "person",
    "agent",
    "somebody real",
    "someone real",
    "operator",
    "representative",
    "employee",
    "staff",
    "support team",
    "mensch",
    "mitarbeiter",
    "persona",
    "humano",
    "agente",
    "humain",
    "personne",
    "conseiller",
    "pessoa",
    "atendente",
    "umano",
    "operatore",
];
/// What they want of one.
const WISHES: [&str; 34] = [
    "talk",
    "speak",
    "chat with",
    "connect me",
    "transfer me",
    "put me through",
    "get me",
    "give me",
    "i want",
    "i need",
    "i would like",
    "id like",
    "can i have",
    "let me",
    "real",
    "live",
    "sprechen",
    "reden",
    "hablar",
    "quiero",
    "parler",
    "je veux",
    "falar",
    "quero",
    "parlare",
    "voglio",
    "con una",
    "con un",
    "an actual",
    "a human please",
    "please",
    "echten",
    "vera",
    "vrai",
];
/// Longer texts tell a story in which such words mean something else.
const WORDS: usize = 16;

/// Whether a text asks to talk to a person: short, with somebody and a wish, or nothing but the somebody.
pub(super) fn asks_for_person(text: &str) -> bool {
    let plain: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '\'' | '’'))
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    if words.is_empty() || words.len() > WORDS {
        return false;
    }
    let line = format!(" {} ", words.join(" "));
    let has = |phrase: &&str| line.contains(&format!(" {phrase} "));
    if !PEOPLE.iter().any(|somebody| has(somebody) || has(&format!("{somebody}s").as_str())) {
        return false;
    }
    words.len() <= 2 || WISHES.iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_for_a_person_is_understood() {
        for text in [
            "human",
            "Agent!",
            "a person",
            "I want to talk to a human",
            "can I speak with an agent please?",
            "Please connect me to a real person",
            "I'd like to chat with somebody real",
            "Ich möchte mit einem Menschen sprechen? Nein: mit einem Mitarbeiter sprechen",
            "quiero hablar con una persona",
            "je veux parler à un conseiller",
        ] {
            assert!(asks_for_person(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_taken_for_one() {
        for text in [
            "",
            "How do refunds work?",
            "Does the warranty cover a second person riding the bike?",
            "My personal data",
            "The delivery agent left my parcel with a neighbour yesterday",
            "I need a tandem for my wife and me, and the person in the shop said that it would come in blue or red, is it so?",
        ] {
            assert!(!asks_for_person(text), "{text}");
        }
    }
}
