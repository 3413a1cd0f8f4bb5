use super::login::{LoginResponse, logged_in};
use crate::extract::{Body, ClientAddress, Fields};
use crate::families::shared::{BodyProblems, CommonProblems, ConflictProblem};
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::{HttpResponse, post, web};
use parlor_domain::agent::LoginTokens;
use parlor_domain::security::Password;
use parlor_domain::text::{Email, Name};
use serde::Deserialize;
use utoipa::ToSchema;

/// Who takes up an invitation or the first-owner link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// What stands in the link after `token=`; good once.
    #[schema(example = "setup_0000")]
    pub token: String,
    /// The address that was invited, or the first owner's.
    #[schema(example = "omar@example.com", format = Email)]
    pub email: String,
    /// What visitors and colleagues will see.
    #[schema(example = "Omar", min_length = 1, max_length = 200)]
    pub name: String,
    /// The password to be, 10–200 characters.
    #[schema(example = "correct horse battery", format = Password, min_length = 10, max_length = 200)]
    pub password: String,
}

impl SetupRequest {
    /// Checks it and uses the link up. Counted like a login.
    ///
    /// # Errors
    /// A problem that says what is wrong.
    pub async fn carry_out(&self, address: ClientAddress, state: &AppState) -> Result<LoginTokens, Problem> {
        let mut fields = Fields::new();
        let email = fields.parsed("email", Email::parse(&self.email));
        let name = fields.parsed("name", Name::parse(&self.name));
        let password = fields.parsed("password", Password::parse(&self.password));
        let (email, (name, password)) = fields.take(email.zip(name.zip(password)))?;
        state.limits.logins_address.check(&address.network())?;
        Ok(state.auth.set_up(self.token.trim(), email, name, password).await?)
    }
}

/// Take up an invitation
///
/// The token of an invitation or of the first-owner link, once: sets name and password, and logs in.
#[utoipa::path(path = "/api/admin/auth/setup/", tag = "Login", security(()), request_body = SetupRequest, responses(
    (status = 200, description = "Set up and logged in", body = LoginResponse),
    CommonProblems, BodyProblems, ConflictProblem
))]
#[post("/api/admin/auth/setup")]
pub async fn set_up(address: ClientAddress, body: Body<SetupRequest>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let tokens = body.0.carry_out(address, &state).await?;
    Ok(logged_in(&state, tokens, false))
}
