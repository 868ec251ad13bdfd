//! What the command line and a running relay say to each other: rows, requests, paths.
//!
//! JSON over HTTP on a Unix socket. Fields may be added, their names and meaning stay. Times are
//! RFC 3339 in UTC; ids are those of the SMTP replies and the log.

mod request;
mod row;

pub use request::{Act, Kept, Selector, Target};
pub use row::{
    AuditRow, CaseRow, CustomerView, Decided, Done, Failure, MessageRow, MessageView, RecipientRow,
    Rule, ServerRow, StateCount, Status, SuspensionRow,
};

/// Paths of the endpoints.
pub mod path {
    /// GET: [`Status`](crate::Status).
    pub const STATUS: &str = "/v1/status";
    /// POST [`Selector`](crate::Selector): rows of [`MessageRow`](crate::MessageRow).
    pub const LIST: &str = "/v1/messages/list";
    /// GET with an id behind it: [`MessageView`](crate::MessageView).
    pub const SHOW: &str = "/v1/messages/show/";
    /// POST [`Act`](crate::Act): [`Done`](crate::Done).
    pub const RELEASE: &str = "/v1/messages/release";
    /// POST [`Act`](crate::Act): [`Done`](crate::Done).
    pub const REFUSE: &str = "/v1/messages/refuse";
    /// POST [`Act`](crate::Act): [`Done`](crate::Done).
    pub const RETRY: &str = "/v1/messages/retry";
    /// GET: rows of [`CaseRow`](crate::CaseRow).
    pub const CASES: &str = "/v1/cases";
    /// GET with an id behind it: [`CustomerView`](crate::CustomerView).
    pub const CUSTOMER: &str = "/v1/customers/";
    /// GET: rows of [`SuspensionRow`](crate::SuspensionRow).
    pub const SUSPENSIONS: &str = "/v1/suspensions";
    /// POST [`Target`](crate::Target): nothing.
    pub const SUSPEND: &str = "/v1/suspend";
    /// POST [`Target`](crate::Target): nothing.
    pub const RESUME: &str = "/v1/resume";
    /// GET: rows of [`AuditRow`](crate::AuditRow), newest first.
    pub const AUDIT: &str = "/v1/audit";
}

/// Rows that a list holds when nobody says how many.
pub const ROWS_DEFAULT: usize = 10_000;
