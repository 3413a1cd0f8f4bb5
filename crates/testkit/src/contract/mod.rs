//! What every adapter promises, as tests. A promise is one function; [`store_contract!`](crate::store_contract) and
//! [`event_bus_contract!`](crate::event_bus_contract) make one test of each, for one adapter.
//!
//! A bug found on one adapter becomes a new promise here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "contracts are tests"
)]

pub mod articles;
pub mod attachments;
pub mod begins_and_ends;
pub mod claims;
pub mod commit;
pub mod conflicts;
pub mod contacts;
pub mod early;
pub mod event_bus;
pub mod filters;
pub mod help;
pub mod history;
pub mod isolation;
pub mod jobs;
pub mod marketplace;
pub mod names;
mod nodes;
pub mod numbers;
pub mod once;
pub mod paging;
pub mod people;
pub mod refusals;
pub mod store;
pub mod whatsapp;
pub mod writer;

use crate::Fixture;
use crate::build::{a_conversation, now};
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{CommitItem, CommitOutcome, Conversation, ConversationStore};
use parlor_domain::event::EventBus;
use parlor_domain::id::ConversationId;
use parlor_domain::message::Message;
use parlor_domain::store::{Repositories, Store, UnitOfWork};
use parlor_domain::text::{Line, Name};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// A store on trial: migrated, empty, and used by one promise only.
pub struct Harness {
    /// Its side for everything outside conversations.
    pub store: Arc<dyn Store>,
    /// Its side for the writer.
    pub conversations: Arc<dyn ConversationStore>,
    _guard: Box<dyn Any + Send>,
}

impl Harness {
    /// Puts a store on trial; `guard` (a folder, a database) is dropped with it.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, conversations: Arc<dyn ConversationStore>, guard: impl Any + Send) -> Self {
        Self {
            store,
            conversations,
            _guard: Box::new(guard),
        }
    }

    async fn read(&self) -> Box<dyn Repositories> {
        self.store.read().await.unwrap()
    }

    async fn begin(&self) -> Box<dyn UnitOfWork> {
        self.store.begin().await.unwrap()
    }

    async fn fixture(&self) -> Fixture {
        Fixture::stored(&*self.store).await.unwrap()
    }

    async fn insert(&self, conversations: &[Conversation]) {
        let work = self.begin().await;
        for conversation in conversations {
            work.conversations().insert(conversation).await.unwrap();
        }
        work.commit().await.unwrap();
    }

    /// Stores new conversations of the fixture's visitor.
    async fn conversations_of(&self, fixture: &Fixture, count: usize) -> Vec<Conversation> {
        let made: Vec<Conversation> = (0..count).map(|_| a_conversation(&fixture.visitor)).collect();
        self.insert(&made).await;
        made
    }

    /// Commits what must be stored.
    async fn commit(&self, items: &[CommitItem]) {
        let outcomes = self.conversations.commit(items).await.unwrap();
        assert_eq!(outcomes, vec![CommitOutcome::Stored; items.len()]);
    }

    async fn row(&self, id: ConversationId) -> Conversation {
        self.conversations.load(&[id]).await.unwrap().pop().expect("the conversation is there")
    }

    /// All messages of a conversation as agents see them.
    async fn messages(&self, id: ConversationId) -> Vec<Message> {
        use parlor_domain::conversation::Audience;
        let mut found = self.read().await.messages().changed_after(id, Audience::Staff, 0, 100_000).await.unwrap();
        found.sort_by_key(|message| (message.seq, message.private, message.id));
        found
    }
}

/// An event bus on trial, seen from two nodes.
pub struct BusHarness {
    /// One node's end.
    pub here: Arc<dyn EventBus>,
    /// Another node's end; on a bus for one node the same.
    pub there: Arc<dyn EventBus>,
    _guard: Box<dyn Any + Send>,
}

impl BusHarness {
    /// Puts a bus on trial; both ends are connected. `guard` is dropped with it.
    #[must_use]
    pub fn new(here: Arc<dyn EventBus>, there: Arc<dyn EventBus>, guard: impl Any + Send) -> Self {
        Self {
            here,
            there,
            _guard: Box::new(guard),
        }
    }
}

/// Lets a promise fail instead of hang: two that wait for one another would wait for ever.
///
/// # Panics
/// After two minutes.
pub async fn in_time(promise: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(120), promise)
        .await
        .expect("the promise is kept within two minutes");
}

/// A text that is hard on quoting, collations and encodings.
const HARD: &str = "O'Hara \"the\" 100% _ \\ żółć 日本 👩‍💻\n\ttab";

fn name(text: &str) -> Name {
    Name::stored(text.to_owned())
}

fn line(text: &str) -> Line {
    Line::stored(text.to_owned())
}

fn later(seconds: u64) -> Timestamp {
    now().plus(Duration::from_secs(seconds))
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Makes a module with one test for each promise of one file here.
#[doc(hidden)]
#[macro_export]
macro_rules! promises {
    ($file:ident, $harness:expr, [$($promise:ident),+ $(,)?]) => {
        mod $file {
            #[allow(unused_imports, reason = "the harness may name things of the caller's module")]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    $crate::contract::in_time(async {
                        let harness = $harness.await;
                        $crate::contract::$file::$promise(&harness).await;
                    })
                    .await;
                }
            )+
        }
    };
}

/// Makes a module with one test for each promise of a store. The expression gives a [`Harness`](crate::contract::Harness),
/// a new one for each test: `store_contract!(in_memory, async { harness() });`
#[macro_export]
macro_rules! store_contract {
    ($module:ident, $harness:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the harness may name things of the caller's module")]
            use super::*;

            $crate::promises!(
                store,
                $harness,
                [
                    it_answers,
                    a_workspace_is_read_back,
                    a_channel_is_read_back,
                    what_proves_and_what_is_remembered_is_read_back,
                    a_conversation_is_read_back_with_its_messages,
                    a_dropped_unit_of_work_leaves_nothing,
                    changes_after_find_for_update_are_not_lost,
                ]
            );
            $crate::promises!(
                people,
                $harness,
                [
                    a_visitor_is_read_back,
                    a_retired_visitor_is_found_by_id_only,
                    a_touch_moves_last_seen_forward,
                    visitors_are_found_by_many_ids,
                    a_session_is_read_back,
                    an_agent_is_read_back,
                    sellers_are_not_anybody,
                ]
            );
            $crate::promises!(
                conflicts,
                $harness,
                [
                    a_workspace_name_is_unique,
                    a_verified_subject_is_unique,
                    an_agents_names_are_unique_on_the_server,
                    keys_and_ids_are_unique,
                    a_clients_name_for_a_conversation_is_unique,
                    first_messages_are_stored_together_or_not_at_all,
                    a_creation_is_remembered_once,
                    of_sixteen_with_one_name_one_is_made,
                ]
            );
            $crate::promises!(isolation, $harness, [workspaces_do_not_see_one_another, visitors_do_not_see_one_another,]);
            $crate::promises!(
                once,
                $harness,
                [
                    a_ticket_is_taken_once,
                    a_ticket_taken_and_dropped_is_still_good,
                    an_invitation_is_taken_once,
                    a_new_invitation_takes_the_place_of_the_old,
                    a_login_moves_on_once_for_each_generation,
                    all_logins_of_an_agent_end_but_one,
                    an_api_key_is_revoked_once,
                    what_ran_out_is_forgotten,
                ]
            );
            $crate::promises!(
                paging,
                $harness,
                [
                    visitors_are_paged_without_hole_or_double,
                    agents_are_paged_without_hole_or_double,
                    sessions_are_paged_without_hole_or_double,
                    conversations_are_paged_without_hole_or_double,
                ]
            );
            $crate::promises!(
                filters,
                $harness,
                [conversations_are_filtered, conversations_are_found_by_query, visitors_are_found_by_query,]
            );
            $crate::promises!(
                begins_and_ends,
                $harness,
                [
                    an_agents_conversations_are_named,
                    snoozed_ones_are_named_when_their_time_has_come,
                    conversations_move_to_another_visitor_with_their_author,
                    what_is_empty_or_deleted_for_long_is_erased,
                ]
            );
            $crate::promises!(
                commit,
                $harness,
                [
                    a_stored_item_is_read_back,
                    the_writer_loads_what_is_there,
                    equal_messages_are_found_by_their_count,
                    an_agents_mark_only_moves_forward,
                    a_full_batch_is_stored,
                ]
            );
            $crate::promises!(
                refusals,
                $harness,
                [
                    a_stale_item_writes_nothing_and_harms_no_other,
                    a_taken_client_id_writes_nothing_and_harms_no_other,
                    a_client_id_belongs_to_its_author,
                    a_refused_batch_leaves_nothing,
                    of_sixteen_decided_on_one_version_one_is_stored,
                ]
            );
            $crate::promises!(
                history,
                $harness,
                [
                    every_window_shows_the_nearest_messages,
                    every_cursor_goes_on_beside_its_message,
                    walking_a_history_gives_the_whole,
                    what_changed_after_any_number_comes_once,
                    an_empty_history_is_empty,
                    the_newest_messages_of_many_come_in_order,
                ]
            );
            $crate::promises!(
                writer,
                $harness,
                [
                    sixty_four_writers_on_one_conversation_leave_no_gap,
                    two_nodes_on_the_same_conversations_lose_nothing,
                    a_repeated_client_id_gives_the_first_message,
                    a_poisonous_text_harms_no_other,
                    a_writer_that_remembers_few_finds_all,
                    unread_is_what_a_plain_count_says,
                    a_moved_conversation_is_the_new_visitors,
                    an_erased_conversation_is_gone,
                ]
            );
            $crate::promises!(
                articles,
                $harness,
                [
                    an_article_is_read_back,
                    an_address_is_unique_in_its_workspace,
                    articles_are_paged_without_hole_or_double,
                    a_passage_is_found_by_its_words,
                    the_likeliest_passages_come_first,
                    words_of_all_kinds_are_found,
                    replaced_passages_are_gone,
                    unpublished_articles_are_not_found,
                    workspaces_do_not_find_one_anothers_articles,
                    changes_at_once_leave_no_passage_behind,
                ]
            );
            $crate::promises!(
                help,
                $harness,
                [
                    articles_are_written_and_read,
                    an_import_brings_articles_to_what_is_given,
                    the_right_article_answers,
                ]
            );
            $crate::promises!(
                claims,
                $harness,
                [
                    what_is_due_is_handed_out_oldest_first,
                    a_dropped_claim_is_none,
                    no_job_is_handed_to_two,
                    jobs_of_a_conversation_run_one_after_another,
                    claims_run_out,
                    all_claims_are_freed,
                ]
            );
            $crate::promises!(
                jobs,
                $harness,
                [
                    a_job_is_read_back,
                    work_is_stored_with_its_item_or_not_at_all,
                    a_full_batch_of_work_is_stored,
                    dead_jobs_are_paged_without_hole_or_double,
                    a_dead_job_is_replayed,
                    what_waits_is_counted_by_kind,
                    an_erased_conversations_work_is_gone,
                ]
            );
            $crate::promises!(
                marketplace,
                $harness,
                [
                    a_marketplace_conversation_is_read_back,
                    a_price_comes_back_as_it_was,
                    a_partys_conversations_are_paged_without_hole_or_double,
                    parties_see_only_what_is_theirs,
                    an_agent_is_found_by_its_address,
                    an_unclaimed_address_is_in_nobodys_way,
                    an_unclaimed_seller_is_claimed_or_removed,
                    what_one_sells_moves_to_another_seller,
                    offers_end_in_any_order,
                    a_move_is_stored_whole_or_not_at_all,
                    a_full_batch_of_moves_is_stored,
                ]
            );
            $crate::promises!(
                numbers,
                $harness,
                [
                    a_number_is_read_back,
                    a_numbers_health_is_written_by_itself,
                    a_number_is_one_channels,
                    conversation_numbers_rise_by_one,
                    twenty_at_once_get_numbers_without_hole_or_double,
                ]
            );
            $crate::promises!(
                contacts,
                $harness,
                [
                    a_contact_is_read_back,
                    a_customers_ids_are_unique_in_a_channel,
                    of_sixteen_first_sights_of_a_customer_one_is_kept,
                ]
            );
            $crate::promises!(
                whatsapp,
                $harness,
                [
                    a_whatsapp_conversation_is_read_back,
                    conversations_on_whatsapp_are_listed,
                    what_a_channel_adds_to_messages_is_read_back,
                    what_was_said_is_read_from_the_end,
                    messages_go_out_one_after_another,
                ]
            );
            $crate::promises!(
                names,
                $harness,
                [
                    a_taken_name_writes_nothing_and_harms_no_other,
                    of_sixteen_with_one_name_one_is_stored,
                    of_two_in_a_batch_with_one_name_one_is_stored,
                    names_that_cross_are_stored_once,
                    a_stale_item_is_stale_before_its_name_is_taken,
                    names_lead_to_their_messages,
                    the_newest_message_of_the_customer_is_named,
                    an_erased_conversations_names_are_gone,
                ]
            );
            $crate::promises!(
                early,
                $harness,
                [
                    what_was_told_early_is_taken_once_and_in_order,
                    what_many_tell_at_once_is_kept_once,
                    what_is_known_by_now_is_named,
                    what_waited_too_long_is_forgotten,
                ]
            );
            $crate::promises!(
                attachments,
                $harness,
                [
                    an_attachment_is_read_back,
                    a_file_gets_its_message_once,
                    files_of_a_deleted_message_are_removable_at_once,
                    unused_files_are_removable_after_their_time,
                    an_erased_conversations_files_are_removable,
                ]
            );
        }
    };
}

/// Makes a module with one test for each promise of an event bus. The expression gives a
/// [`BusHarness`](crate::contract::BusHarness), a new one for each test.
#[macro_export]
macro_rules! event_bus_contract {
    ($module:ident, $harness:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the harness may name things of the caller's module")]
            use super::*;

            $crate::promises!(
                event_bus,
                $harness,
                [
                    it_answers,
                    every_listener_hears_every_event_in_order,
                    the_order_of_each_task_is_kept,
                    every_kind_of_event_arrives_as_it_was,
                    a_listener_may_come_late_and_go,
                ]
            );
        }
    };
}
