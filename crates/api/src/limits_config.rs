//! How much a caller may do: what the operator configures, counted by each node.

/// So many a second, and so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many a second in the long run; 0 means without a limit.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const OFF: Self = Self { per_second: 0, burst: 0 };
}

/// So many a minute, and so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinuteRate {
    /// How many a minute in the long run; 0 means without a limit.
    pub per_minute: u32,
    /// How many at once.
    pub burst: u32,
}

impl MinuteRate {
    /// No limit.
    pub const OFF: Self = Self { per_minute: 0, burst: 0 };
}

/// The limits of this server. 0 switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// New visitors for an address and minute.
    pub visitors_per_minute: u32,
    /// New conversations for an address and minute.
    pub conversations_per_minute: u32,
    /// Requests of the customer's side for an address and minute.
    pub requests_per_minute: u32,
    /// Tried logins for an account and minute.
    pub logins_account_per_minute: u32,
    /// Tried logins for an address and minute.
    pub logins_address_per_minute: u32,
    /// Questions of a visitor to the assistant.
    pub questions: MinuteRate,
    /// Messages of a visitor, for a connection.
    pub visitor_messages: Rate,
    /// Messages of an agent, for a connection.
    pub agent_messages: Rate,
    /// Frames of any kind, for a connection.
    pub commands: Rate,
    /// Bytes a second, for a connection.
    pub bytes_per_second: u32,
    /// Open sockets of a visitor.
    pub visitor_sockets: u32,
    /// Open sockets of an agent.
    pub agent_sockets: u32,
    /// New sockets for an address and minute.
    pub connections_per_minute: u32,
}

impl Limits {
    /// No limits at all: for tests and benchmarks.
    pub const OFF: Self = Self {
        visitors_per_minute: 0,
        conversations_per_minute: 0,
        requests_per_minute: 0,
        logins_account_per_minute: 0,
        logins_address_per_minute: 0,
        questions: MinuteRate::OFF,
        visitor_messages: Rate::OFF,
        agent_messages: Rate::OFF,
        commands: Rate::OFF,
        bytes_per_second: 0,
        visitor_sockets: 0,
        agent_sockets: 0,
        connections_per_minute: 0,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            visitors_per_minute: 30,
            conversations_per_minute: 60,
            requests_per_minute: 600,
            logins_account_per_minute: 5,
            logins_address_per_minute: 20,
            questions: MinuteRate { per_minute: 30, burst: 5 },
            visitor_messages: Rate { per_second: 1, burst: 10 },
            agent_messages: Rate { per_second: 5, burst: 30 },
            commands: Rate { per_second: 10, burst: 40 },
            bytes_per_second: 65_536,
            visitor_sockets: 10,
            agent_sockets: 20,
            connections_per_minute: 50,
        }
    }
}
