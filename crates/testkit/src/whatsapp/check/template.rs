//! Messages made from an approved text.

use super::content::objects;
use super::part::{INVALID, Part};
use crate::whatsapp::error::GraphError;
use crate::whatsapp::state::Inner;

/// Refuses a template that nobody approved, or that is filled in wrongly.
pub(super) fn check(inner: &Inner, template: &Part<'_>) -> Result<(), GraphError> {
    template.only(&["name", "language", "components"])?;
    let name = template.text("name", 512, INVALID)?;
    let code = template.part("language")?.text("code", 20, INVALID)?;
    let known = inner.templates.iter().find(|known| known.name == name && known.language == code);
    let known = known.ok_or_else(|| GraphError::new(132_001, format!("Template name ({name}) does not exist in {code}")))?;
    let (mut filled, mut letters) = (0, 0);
    for component in objects(template, "components")? {
        // The platform takes both ways of writing it, and libraries use both.
        let kind = component.word("type", &["header", "body", "button", "HEADER", "BODY", "BUTTON"])?;
        for parameter in objects(&component, "parameters")? {
            let text = parameter.text("type", 40, INVALID)? == "text";
            if kind.eq_ignore_ascii_case("body") && text {
                letters += parameter.text("text", 1_024, 132_005)?.chars().count();
                filled += 1;
            }
        }
    }
    if filled != known.places {
        let details = format!(
            "body: number of localizable_params ({filled}) does not match the expected number of params ({})",
            known.places
        );
        return Err(GraphError::new(132_000, details));
    }
    if letters > 1_024 {
        return Err(GraphError::new(132_005, "The text is too long when it is filled in"));
    }
    Ok(())
}
