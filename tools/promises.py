"""The promises of the reliability page, and the tests that hold them."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PROMISES", "Promise"]


class Promise(NamedTuple):
    """A short claim, what it means in full, and the tests: modules, or functions of them, below ``tests/``."""

    claim: str
    meaning: str
    tests: tuple[str, ...]


PROMISES = (
    Promise(
        "A failed call loses no key",
        "Whichever call fails, and however, the run either succeeds or reports the failure in one "
        "line. After the next run, each declared key exists once, and its plaintext is in the stack. "
        "If the failure left any other key, its plaintext is unknown, and the run has reported it. "
        "Such a key with an exact name has credit limit 0 and an expiry, with one exception: the "
        "server carried out the PATCH that completes the key, wholly or in part, and the DELETE that "
        "followed failed as well.",
        (
            "faults/test_matrix_make",
            "faults/test_matrix_keep",
            "faults/test_matrix_recover",
        ),
    ),
    Promise(
        "A killed run loses no key",
        "The promise above also holds if the provider or the engine is killed or interrupted at any "
        "write of a create, an update, a replacement, a delete or an adoption, or killed while it "
        "looks for a lost key or withdraws one. But a killed run reports nothing, and a key whose last "
        "call was carried out is as declared. A replacement that is killed halfway leaves the old key "
        "working until the new one is in the state.",
        (
            "faults/test_kill",
            "faults/test_kill_replacement",
        ),
    ),
    Promise(
        "Drift is corrected",
        "Whatever people change in their programs, or in the account outside Pulumi: after a refresh "
        "and an `up`, the account matches the declarations, and a second `up` changes nothing.",
        ("faults/test_stateful",),
    ),
    Promise(
        "No key in use is deleted",
        "Programs may adopt keys, rename resources, move them to another provider instance, force "
        "replacements and drop resources, and any step may fail. The provider deletes no key that "
        "another resource, or the key's own replacement, holds.",
        (
            "faults/test_adoptions",
            "end_to_end/test_adoption",
            "end_to_end/test_instance",
            "core/test_peers",
        ),
    ),
    Promise(
        "A rotation leaves no consumer without a key",
        "A consumer that has read the key at any moment within the last overlap holds a working key, "
        "whether runs were missed, late, repeated, failed or killed; the next run completes a rotation "
        "that was cut off. There are two exceptions: the provider is killed, or the engine is "
        "interrupted twice, after the old key has got its expiry and before the engine has recorded "
        "the new key.",
        (
            "faults/test_rotation",
            "faults/test_matrix_rotate",
            "faults/test_kill_rotation",
            "end_to_end/test_rotating",
        ),
    ),
    Promise(
        "A guarded key in use is not deleted",
        "A key with a `delete_guard` that the activity shows as used within its days, or whose use is "
        "not known, stays, also after a replacement. The run fails, and says how and when the key was used.",
        ("core/test_delete_guard", "end_to_end/test_delete_guard"),
    ),
    Promise(
        "Concurrent runs do not interfere",
        "Several stacks and people may change an account at the same time, with equal names. Each run "
        "touches only its own keys.",
        ("faults/test_others",),
    ),
    Promise(
        "Only the provider's own keys are touched",
        "If the answer to a POST is about another person's key, the provider does not mistake that "
        "key for the one that it created, and does not write to it. A recovery deletes no key that it "
        "cannot prove to be its own. If it has no proof, it names the keys in question.",
        (
            "core/keys/test_doubt::test_an_answer_about_another_key_is_not_believed",
            "core/keys/test_doubt::test_an_answer_about_a_known_key_is_not_believed",
            "core/keys/test_doubt::test_two_answers_about_two_keys",
            "core/keys/test_doubt::test_several_candidates_are_all_named",
            "core/keys/test_doubt::test_a_name_alone_is_no_proof",
            "core/keys/test_doubt::test_other_keys_are_left_alone",
        ),
    ),
    Promise(
        "Only the API's own 404 removes a key from the state",
        "A 404 from a proxy or a wrong endpoint is an error. A refresh and an update do not mistake "
        "another account's key for the stack's own.",
        (
            "core/keys/test_read::test_nothing_else_means_gone",
            "core/test_resource_steps::test_refresh_does_not_believe_a_strangers_404",
            "core/test_resource_steps::test_delete_does_not_believe_a_strangers_404",
            "core/test_resource_instances::test_refresh_does_not_take_another_accounts_key",
            "core/test_resource_instances::test_update_does_not_take_another_accounts_key",
            "core/test_resource_instances::test_a_key_of_another_instance_is_replaced",
        ),
    ),
    Promise(
        "A wrong clock breaks no creation",
        "A warning reports the wrong clock once. At most the first lease of each thread runs by this "
        "machine's clock; all others run by the API's. If an expiry is past by either clock, one line "
        "refuses it. Instants are compared correctly in any notation, in daylight saving time and in "
        "any time zone of this machine.",
        (
            "faults/test_clock",
            "core/keys/test_make::test_a_clock_that_is_wrong",
            "core/keys/test_make::test_a_lease_that_was_over_is_counted_again_once",
            "core/keys/test_make::test_a_reservation_that_is_refused_is_explained",
            "core/keys/test_make::test_however_the_server_writes_instants",
            "api/test_client::test_the_apis_clock",
            "api/test_client::test_a_wrong_clock_is_told_once",
            "api/test_client::test_threads_tell_of_a_wrong_clock_once",
            "api/test_client::test_an_expiry_without_an_offset_is_not_sent",
            "api/test_client::test_a_wrong_clock_explains_a_refusal",
            "common/test_instants::test_notations_of_an_instant",
            "common/test_instants::test_instants_that_do_not_exist",
            "common/test_instants::test_this_machines_zone_changes_nothing",
            "program/test_key_arguments::test_wall_clocks_that_change",
            "program/test_key_arguments::test_an_instant_survives_any_wall_clock",
            "program/test_key_arguments::test_a_datetime_without_a_zone_is_refused",
        ),
    ),
    Promise(
        "Leftover reservations can be found and removed",
        "`leftovers` lists reservations and deletes them on request. It never lists or deletes any "
        "other key.",
        (
            "core/test_reservations",
            "core/test_reservations::test_reservations_are_found",
            "core/test_reservations::test_nothing_else_is_a_reservation",
        ),
    ),
    Promise(
        "State is a stable format",
        "A state of any release previews without a change, and can be refreshed and destroyed. "
        "Tests pin the names that states contain.",
        (
            "test_golden",
            "lifecycle/test_pinned::test_pickled_provider_is_pinned",
            "lifecycle/test_pinned::test_output_names_are_pinned",
            "lifecycle/test_pinned::test_hidden_output_names_are_pinned",
        ),
    ),
    Promise(
        "A refresh is cheap",
        "Apart from retries, a refresh makes at most four calls, plus one for each key that is gone. "
        "After a write, the provider reads the keys again, so its answers are correct even while "
        "other threads write keys. Refreshing 10,000 keys takes less than 150 MiB of memory.",
        (
            "test_scale",
            "core/keys/test_read::test_many_threads_share_one_list",
            "core/keys/test_read::test_threads_share_a_list_that_fails",
            "core/keys/test_read::test_a_write_throws_the_list_away",
            "core/keys/test_read::test_a_write_that_fails_throws_the_list_away",
        ),
    ),
    Promise(
        "An unchanged stack makes no call",
        "If nothing has changed, the provider makes no call. Programs load nothing that only the "
        "provider needs.",
        (
            "test_golden::test_preview_asks_nothing",
            "end_to_end/test_story::test_second_up_changes_nothing",
            "test_imports::test_import_is_light",
            "test_imports::test_a_program_loads_nothing_of_the_providers",
            "test_imports::test_a_preview_is_light",
            "test_imports::test_a_preview_with_a_proxy_is_nearly_as_light",
            "test_imports::test_a_call_is_light",
        ),
    ),
    Promise(
        "The preview of an unchanged program is empty",
        "It is empty however the program uses the outputs, before and after a refresh. A preview "
        "knows every output that a deployment does not change. A renamed resource keeps its key's "
        "name.",
        (
            "end_to_end/test_preview",
            "core/test_resource_check::test_a_new_prefix_keeps_the_digits",
            "core/test_resource_check::test_a_default_prefix_is_for_new_keys",
            "lifecycle/test_steps::test_a_refresh_gives_no_inputs_to_a_key_that_is_read",
            "test_packaging::test_a_strangers_project_installs_and_runs",
        ),
    ),
    Promise(
        "Mocks reach no network",
        "Under mocks the package sends nothing, whatever the environment contains, and invalid inputs "
        "fail as they do in a preview.",
        (
            "program/test_mock_checks",
            "program/test_mocks",
        ),
    ),
    Promise(
        "A rate limit fails no deployment",
        "A deployment succeeds as long as the API admits each call within the 90 seconds of its "
        "retries, even if the API counts its limit by the minute. The provider learns the pace, and "
        "reports it in one line.",
        ("api/test_rate_limit",),
    ),
    Promise(
        "No credential leaks",
        "Whatever goes wrong, no output, log or error contains a plaintext or the provisioning key, "
        "and no file contains one unencrypted.",
        (
            "faults/test_matrix_make",
            "faults/test_matrix_keep",
            "faults/test_matrix_recover",
            "faults/test_kill::test_nothing_leaks",
            "core/keys/test_make::test_no_credential_in_anybodys_log",
            "core/keys/test_make::test_no_plaintext_in_a_recovery",
            "api/test_refusals::test_any_echoed_key_is_hidden",
            "api/test_client::test_a_plaintext_in_a_broken_answer_is_not_quoted",
            "core/test_declaration::test_no_value_that_may_be_a_credential_is_quoted",
            "lifecycle/test_configure::test_secret_plaintexts_never_reach_the_log",
            "test_golden::test_nothing_kept_is_in_plain_text",
            "end_to_end/test_story::test_plaintext_is_encrypted_in_state",
            "end_to_end/test_keys::test_a_transform_uncovers_no_plaintext",
        ),
    ),
    Promise(
        "Errors carry no request",
        "A crash reporter cannot reach a credential through an error, because no request, header or "
        "body is attached to it.",
        (
            "api/test_client::test_nothing_was_sent",
            "api/test_client::test_the_answer_was_lost",
            "api/test_client::test_a_plaintext_in_a_broken_answer_is_not_quoted",
            "api/test_models::test_a_broken_body_is_forgotten",
            "lifecycle/test_configure::test_an_unforeseen_error_is_forgotten",
            "watch/test_notifiers::test_a_webhook_that_cannot_be_used",
            "api/test_proxies::test_a_proxy_that_cannot_be_used",
            "stacks/test_exports::test_a_broken_file_is_forgotten",
        ),
    ),
    Promise(
        "Every call ends in time",
        "An attempt ends when its time is over, however slowly its answer arrives, even through TLS "
        "and proxies. A call ends at most one attempt after its deadline. The client abandons an "
        "answer of more than 64 MiB, unpacked, or more than three million values. A list of 10,000 "
        "keys with names of the maximum length takes half of that. The provider treats a POST that "
        "was cut off like any other POST in doubt.",
        (
            "api/test_connections",
            "api/test_bodies",
            "api/test_proxies",
            "api/test_certificates",
            "api/test_models::test_a_flood_of_values",
            "api/test_models::test_many_wrong_items",
            "core/keys/test_doubt::test_a_key_whose_answer_drips_is_deleted",
        ),
    ),
    Promise(
        "Absurd values are refused",
        "The package reads any number or instant in an answer, a header, an input, an option or a "
        "file, or refuses it in one short line. Nothing hangs, overflows or fills the screen.",
        (
            "common/test_money::test_any_number_is_quickly_read_or_refused",
            "common/test_money::test_what_is_no_amount_is_not_sent",
            "common/test_ids::test_what_is_no_id",
            "common/test_instants::test_an_instant_outside_the_calendar",
            "api/test_models::test_any_number_is_read_or_refused",
            "api/test_models::test_what_is_read_can_be_computed_with",
            "api/test_models::test_any_text_is_a_day_or_refused",
            "api/test_client::test_a_number_out_of_range",
            "api/test_client::test_nothing_fails_by_any_date",
            "api/test_retry::test_a_garbled_retry_after_breaks_nothing",
            "core/test_declaration::test_a_number_of_thousands_of_digits",
            "program/test_functions::test_what_is_no_amount",
            "metrics/test_series::test_the_last_day_of_all_years",
            "metrics/test_series::test_absurd_answers",
            "report/test_page::test_absurd_answers",
            "cli/test_keys::test_a_broken_file",
        ),
    ),
    Promise(
        "Files and messages are private",
        "Other users of the machine can open no file that the package writes. No message shows a "
        "secret of the configuration or the URL of a webhook. No command that `watch` runs gets a "
        "credential of the account, in any form.",
        (
            "common/test_files",
            "emulator/test_store::test_a_file_is_private",
            "emulator/test_store::test_a_file_that_others_can_open_is_narrowed",
            "testing/test_state::test_all_that_is_written_is_private",
            "testing/test_state::test_what_was_open_to_others_is_narrowed",
            "testing/test_tryout::test_everything_stays_in_the_ignored_folder",
            "cli/test_report::test_a_report_is_private",
            "testing/test_main::test_no_error_of_the_command_line_tells_a_secret",
            "testing/test_main::test_no_failure_of_a_program_tells_a_secret",
            "testing/test_secret_properties::test_a_failing_programs_words_tell_no_secret",
            "emulator/test_cli::test_a_slip_tells_no_key",
            "watch/test_notifiers::test_no_log_has_a_webhooks_url",
            "watch/test_notifiers::test_a_command_gets_a_clean_environment",
        ),
    ),
    Promise(
        "The emulator keeps the API's contract",
        "All tests on this page run against the emulator. These tests check it against the API's "
        "OpenAPI description.",
        ("emulator/test_openapi",),
    ),
)
